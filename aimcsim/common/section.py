"""What every section of the configuration is built from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

JSSC = "Khaddam-Aljameh et al., JSSC 57(4), 2022, doi 10.1109/JSSC.2022.3140414"
NATEL = "Le Gallo et al., Nat. Electron. 6, 2023, arXiv 2212.02872"
OURS = "our model"
FITTED = f"{OURS}, fitted to the programming error published of the chip: aimcsim fit-device"


def key(default: Any, effect: str, *, unit: str = "", source: str = "", **bounds: Any) -> Any:
    """A config key: its default, what it does, its unit and the source of its default."""
    extra: JsonDict = {name: text for name, text in (("unit", unit), ("source", source)) if text}
    return Field(default, description=effect, json_schema_extra=extra or None, **bounds)


def unit_of(field: FieldInfo) -> str:
    """Unit that :func:`key` was given; empty: none."""
    return _extra(field, "unit")


def source_of(field: FieldInfo) -> str:
    """Source of the default that :func:`key` was given; empty: none."""
    return _extra(field, "source")


def _extra(field: FieldInfo, name: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(name, "")) if isinstance(extra, dict) else ""


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
