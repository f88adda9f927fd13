"""The files generated from the configuration's models: commented YAML and JSON schema."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aimcsim.chip.devices.set_accumulation import SetAccumulation
from aimcsim.chip.devices.table import Table
from aimcsim.common.storage import write_text
from aimcsim.config.compare import Comparison
from aimcsim.config.models import Config
from aimcsim.weights.settings import DigitsWeights, FileWeights, NetworkWeights, SyntheticWeights

DEFAULT_YAML = Path("config/default.yaml")
SCHEMA = Path("workflow/schemas/config.schema.json")
_WIDTH = 96
_HEADER = """\
# The default study: minutes on a laptop. Generated from aimcsim/config by
#   aimcsim config --write
# Each key: effect [unit] (range) and, behind "source", where the value comes from.
# Your own study: a file with only the keys that differ, then
#   snakemake --cores all --configfile config/mine.yaml
"""

# What the default study sweeps and programs; all else are the models' defaults.
DEFAULT_STUDY: dict[str, Any] = {
    "weights": {
        "gaussian": {"kind": "gaussian"},
        "uniform": {"kind": "uniform"},
        "laplace": {"kind": "laplace"},
        "ternary": {"kind": "ternary"},
        "sparse": {"kind": "sparse"},
        "low_rank": {"kind": "low_rank"},
        "digits": {"kind": "digits"},
    },
    "gdp": {
        "noise_threshold": [1.0, 2.0, 4.0, 8.0],
        "floor": [1.0, 2.0, 4.0, 8.0],
    },
}


def write(root: Path) -> list[Path]:
    """Write the generated files below ``root``; returns their paths."""
    write_text(root / DEFAULT_YAML, commented_yaml())
    write_text(root / SCHEMA, schema_json())
    return [DEFAULT_YAML, SCHEMA]


def schema_json() -> str:
    """JSON schema of the configuration, draft 2020-12."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Config.model_json_schema(mode="validation")
    return json.dumps(schema, indent=2) + "\n"


def commented_yaml() -> str:
    """The default study with a comment on every key."""
    study = Config.model_validate(DEFAULT_STUDY)
    lines = [*_HEADER.splitlines(), ""]
    for name, field in Config.model_fields.items():
        value = getattr(study, name)
        lines.extend(_comment(field, ""))
        if name == "weights":
            lines.extend(_weights(study))
        elif name == "compare":
            for key, inner in Comparison.model_fields.items():
                lines.extend(_wrapped(f"{key}: {_describe(inner)}", "", "  "))
            lines.append("compare: {}")
        elif isinstance(value, BaseModel):
            if name == "device":
                lines.extend(_alternatives("model", (SetAccumulation, Table)))
            lines.append(f"{name}:")
            for key, inner in type(value).model_fields.items():
                lines.extend(_comment(inner, "  "))
                own = getattr(value, key)
                # One value of a hyperparameter stands for a list of one.
                several = isinstance(own, tuple) and not (name == "gdp" and len(own) == 1)
                lines.append(f"  {key}: {_value(list(own) if several else own)}")
        else:
            lines.append(f"{name}: {_value(value)}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _weights(study: Config) -> Iterator[str]:
    yield from _alternatives("kind", (SyntheticWeights, DigitsWeights, FileWeights, NetworkWeights))
    yield "weights:"
    for name, definition in study.weights.items():
        given = definition.model_dump(mode="json", exclude_unset=True)
        yield f"  {name}: {_value(given)}"


def _alternatives(tag: str, models: tuple[type[BaseModel], ...]) -> Iterator[str]:
    """Comments on the keys of sections that the value of ``tag`` tells apart."""
    for model in models:
        kinds = " | ".join(get_args(model.model_fields[tag].annotation))
        yield from _wrapped(f"{tag} {kinds}: {model.__doc__}", "", "")
        for key, field in model.model_fields.items():
            if key != tag:
                has_default = tag == "model" and field.default not in (None, PydanticUndefined)
                default = f" {_value(field.default)}." if has_default else ""
                yield from _wrapped(f"{key}:{default} {_describe(field)}", "", "  ")


def _comment(field: FieldInfo, indent: str) -> Iterator[str]:
    return _wrapped(_describe(field), indent, "")


def _wrapped(text: str, indent: str, hang: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=f"{indent}# {hang}", subsequent_indent=f"{indent}# {hang}"
    )


def _describe(field: FieldInfo) -> str:
    """Effect, [unit], (range), source."""
    extra = field.json_schema_extra or {}
    parts = [field.description or ""]
    if "unit" in extra:
        parts.append(f"[{extra['unit']}]")
    limits = _range(field)
    if limits:
        parts.append(f"({limits})")
    if "source" in extra:
        parts.append(f"source: {extra['source']}")
    return " ".join(parts)


def _range(field: FieldInfo) -> str:
    """Bounds and choices, also of the items of a swept list."""
    found, choices = [], []

    def visit(annotation: Any, metadata: tuple) -> None:
        for item in metadata:
            for symbol, name in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
                bound = getattr(item, name, None)
                if bound is not None:
                    found.append(f"{symbol} {bound}")
            visit(None, tuple(getattr(item, "metadata", ())))
        for argument in get_args(annotation):
            if isinstance(argument, str):
                choices.append(argument)
            elif argument is not Ellipsis:
                visit(argument, tuple(getattr(argument, "__metadata__", ())))

    visit(field.annotation, tuple(field.metadata))
    return ", ".join(dict.fromkeys(found)) or " | ".join(dict.fromkeys(choices))


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 else list(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
    return text.removesuffix("\n...").removesuffix("...").strip()
