"""What every section of the configuration is built from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

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


def _number(kind: Any) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, (bool, str, bytes)):
            raise PydanticKnownError(kind)
        return value

    return check


_NUMBERS = {"int": _number("int_type"), "float": _number("float_type")}
_PARTS = ("schema", "fields", "items_schema", "keys_schema", "values_schema", "choices")


def _exact(schema: Any, inside: bool = False) -> Any:
    """``schema`` whose numbers take no texts, nor true and false, and those nothing else.

    Sections in a section (``inside``) are as they are: each has seen to its own.
    """
    if isinstance(schema, (list, tuple)):
        return type(schema)(_exact(part, inside) for part in schema)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind in _NUMBERS:
        return core_schema.no_info_before_validator_function(_NUMBERS[kind], schema)
    if kind == "bool":
        return schema | {"strict": True}
    done = kind == "function-before" and schema["function"]["function"] in _NUMBERS.values()
    if done or (kind == "model" and inside):
        return schema
    # Parts by name: fields, or choices of a union.
    names = [name for name in _PARTS if name in schema] if "type" in schema else list(schema)
    return schema | {name: _exact(schema[name], inside or kind == "model") for name in names}


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values never change after loading.

    A number, a text and true or false are never taken for one another.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _exact(handler(source))


PATTERNS: dict[str, str] = {}
"""What a pattern of text asks for, in words."""


def name_pattern(pattern: str, words: str) -> Any:
    """Annotation of text by a regular expression, and what that is in words."""
    PATTERNS[pattern] = words
    return Field(pattern=pattern)


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of text without control characters")
    if "$" in text:
        raise ValueError("must be without $, which figures take for a formula")
    return text


Caption = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
"""Text that the report shows."""

Name = Annotated[
    str,
    name_pattern(
        r"^[A-Za-z][A-Za-z0-9_-]{0,39}$",
        "a letter, then letters, digits, _ and -, 40 characters at most",
    ),
]
