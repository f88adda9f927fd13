"""The files generated from the configuration's models: commented YAML and JSON schema."""

import json
import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aimcsim.common.section import source_of, unit_of
from aimcsim.common.storage import write_text
from aimcsim.config.choice import OneOf
from aimcsim.config.compare import Comparison
from aimcsim.config.methods import ONE_OF_METHODS, Entry
from aimcsim.config.models import ONE_OF_DEVICES, ONE_OF_WEIGHTS, Config

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
}
SWEPT = {"noise_threshold": [1.0, 2.0, 4.0, 8.0], "floor": [1.0, 2.0, 4.0, 8.0]}
"""By its subject."""


def default_study() -> Config:
    """The study that ``snakemake --cores all`` runs."""
    default = Config.model_validate(DEFAULT_STUDY)
    methods: dict[str, dict[str, Any]] = {
        name: {"algorithm": entry.algorithm} for name, entry in default.methods.items()
    }
    methods[default.subject] |= SWEPT
    return Config.model_validate(DEFAULT_STUDY | {"methods": methods})


def write(root: Path) -> list[Path]:
    """Write the generated files below ``root``; returns their paths."""
    write_text(root / DEFAULT_YAML, commented_yaml())
    write_text(root / SCHEMA, schema_json())
    return [DEFAULT_YAML, SCHEMA]


def schema_json() -> str:
    """JSON schema of the configuration, draft 2020-12."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Config.model_json_schema(mode="validation")
    return json.dumps(schema, indent=2) + "\n"


def commented_yaml() -> str:
    """The default study with a comment on every key."""
    study = default_study()
    lines = [*_HEADER.splitlines(), ""]
    for name, field in Config.model_fields.items():
        value = getattr(study, name)
        lines.extend(_comment(field, ""))
        if name == "weights":
            lines.extend(_kinds(ONE_OF_WEIGHTS, with_defaults=False))
            lines.append("weights:")
            for key, definition in study.weights.items():
                given = definition.model_dump(mode="json", exclude_unset=True)
                lines.append(f"  {key}: {_value(given)}")
        elif name == "methods":
            used = {entry.algorithm for entry in study.methods.values()}
            lines.extend(_kinds(ONE_OF_METHODS, without=used))
            lines.append("methods:")
            for key, entry in study.methods.items():
                lines.append(f"  {key}:")
                lines.extend(_keys(entry, "    "))
        elif name == "compare":
            for key, inner in Comparison.model_fields.items():
                lines.extend(_wrapped(f"{key}: {_describe(inner)}", "", "  "))
            lines.append("compare: {}")
        elif isinstance(value, BaseModel):
            if name == "device":
                lines.extend(_kinds(ONE_OF_DEVICES, without={study.device.model}))
            lines.append(f"{name}:")
            lines.extend(_keys(value, "  "))
        else:
            lines.append(f"{name}: {_value(value)}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _keys(section: BaseModel, indent: str) -> Iterator[str]:
    """Every key of a section with its comment and value."""
    for key, field in type(section).model_fields.items():
        own = getattr(section, key)
        if key == "label" and not own:
            continue
        yield from _comment(field, indent)
        # One value of a hyperparameter stands for a list of one.
        swept = isinstance(section, Entry) and isinstance(own, tuple)
        several = isinstance(own, tuple) and not (swept and len(own) == 1)
        yield f"{indent}{key}: {_value(list(own) if several else own)}"


def _kinds(
    choice: OneOf, without: Collection[str] = (), with_defaults: bool = True
) -> Iterator[str]:
    """Comments on the keys of the other kinds that a section may be of."""
    sections: dict[type[BaseModel], list[str]] = {}
    for name, section in choice.sections().items():
        if name not in without:
            sections.setdefault(section, []).append(name)
    for section, names in sections.items():
        yield from _wrapped(f"{choice.tag} {' | '.join(names)}: {_summary(section)}", "", "")
        for key, field in section.model_fields.items():
            if key in (choice.tag, "label"):
                continue
            known = with_defaults and field.default not in (None, PydanticUndefined)
            default = f" {_value(field.default)}." if known else ""
            yield from _wrapped(f"{key}:{default} {_describe(field)}", "", "  ")


def _summary(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").split("\n\n")[0].split())


def _comment(field: FieldInfo, indent: str) -> Iterator[str]:
    return _wrapped(_describe(field), indent, "")


def _wrapped(text: str, indent: str, hang: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=f"{indent}# {hang}", subsequent_indent=f"{indent}# {hang}"
    )


def _describe(field: FieldInfo) -> str:
    """Effect, [unit], (range), source."""
    parts = [field.description or ""]
    if unit := unit_of(field):
        parts.append(f"[{unit}]")
    limits = _range(field)
    if limits:
        parts.append(f"({limits})")
    if source := source_of(field):
        parts.append(f"source: {source}")
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
