"""The files generated from the configuration: commented YAML, JSON schema, table of checks."""

import json
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aimcsim.common.choice import OneOf
from aimcsim.common.section import source_of, unit_of
from aimcsim.common.storage import write_text
from aimcsim.config.checks import CHECKS
from aimcsim.config.compare import Comparison
from aimcsim.config.methods import ONE_OF_METHODS, Entry
from aimcsim.config.models import ONE_OF_DEVICES, ONE_OF_WEIGHTS, Config
from aimcsim.programming.method import METHODS

DEFAULT_YAML = Path("config/default.yaml")
SCHEMA = Path("workflow/schemas/config.schema.json")
CHECKS_MD = Path("config/checks.md")
_WIDTH = 92
_TIED = "\u00a0"  # a space at which no line is broken
_HEADER = """\
# The default study: minutes on a laptop. Generated from aimcsim/config by
#   aimcsim config --write
# Each key: effect [unit] (range) and, behind "source", where the value comes from. What may stand
# in place of a section is in comments below it.
# Your own study: a file with only the keys that differ, then
#   snakemake --cores all --configfile config/mine.yaml
"""

_CHECKS_HEADER = """\
# Settings that cannot be meant together

What `aimcsim check` and the workflow look at before anything is programmed, beside the bounds of
each key (`default.yaml`). A study of which one of these does not hold is refused, or warned of: on
the screen and at the top of the report. Cases of comparisons are looked at like the study itself.
Generated from `aimcsim/config/checks.py` by `aimcsim config --write`.

| what has to hold | else it is | known from |
|---|---|---|"""
_KNOWN_FROM = {"settings": "the settings", "device": "the device's law", "files": "the files"}

# What the default study programs; its methods are stated beside each, all else are the models'
# defaults.
DEFAULT_STUDY: dict[str, Any] = {
    "weights": {
        "gaussian": {"kind": "gaussian"},
        "uniform": {"kind": "uniform"},
        "ternary": {"kind": "ternary"},
        "heavy_tails": {"kind": "heavy_tails", "clip_sigmas": 8.0},
        "identity": {"kind": "identity"},
        # Of a quarter of the cells, to save time.
        "laplace": {"kind": "laplace", "rows": 128, "columns": 128},
        "sparse": {"kind": "sparse", "rows": 128, "columns": 128},
        "low_rank": {"kind": "low_rank", "rows": 128, "columns": 128},
        "digits": {"kind": "digits"},
    },
    # What claim C3 is judged by, every method at one setting.
    "compare": {
        "adc_bits": {
            "title": "resolution of the converters while programming",
            "keys": ["periphery.adc_bits"],
            "values": [6, 12],
            "always": {
                "evaluation": {"adc_bits": 8.714, "times": [], "error_budget": False},
                "methods": {
                    "verify": {"margin": 0.025, "reads": 16},
                    "reads": {"iterations": 40},
                    "hadamard": {"iterations": 20},
                    "gdp_short": {"iterations": 40},
                    "gdp": {"learning_rate": 0.5, "noise_threshold": 1.0},
                },
            },
            "weights": ["gaussian", "ternary"],
        }
    },
}


def default_study() -> Config:
    """The study that ``snakemake --cores all`` runs."""
    methods = {
        name: {"algorithm": algorithm, **entry}
        for algorithm, method in METHODS.items()
        for name, entry in method.default_study.items()
    }
    default = Config.model_validate({"weights": DEFAULT_STUDY["weights"]})
    subject = default.methods[default.subject].algorithm

    def place(name: str) -> tuple[bool, bool, bool]:
        """The baseline first, the subject last, others of its algorithm before it."""
        own = methods[name]["algorithm"] == subject
        return name != default.baseline, own, name == default.subject

    ordered = sorted(methods, key=place)
    return Config.model_validate(
        DEFAULT_STUDY | {"methods": {name: methods[name] for name in ordered}}
    )


def write(root: Path) -> list[Path]:
    """Write the generated files below ``root``; returns their paths."""
    write_text(root / DEFAULT_YAML, commented_yaml())
    write_text(root / SCHEMA, schema_json())
    write_text(root / CHECKS_MD, checks_table())
    return [DEFAULT_YAML, SCHEMA, CHECKS_MD]


def checks_table() -> str:
    """What has to hold between sections of a study, as Markdown."""
    rows = [
        f"| {check.about} | {'refused' if check.refuses else 'warned of'} | "
        f"{_KNOWN_FROM[check.needs]} |"
        for check in CHECKS.values()
    ]
    return "\n".join([_CHECKS_HEADER, *rows, ""])


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
        lines.extend(_comment(_describe(field)))
        if name == "weights":
            lines.append("weights:")
            for key, definition in study.weights.items():
                given = definition.model_dump(mode="json", exclude_unset=True)
                lines.append(f"  {key}: {_value(given)}")
            lines.extend(_as_comments(_kinds(ONE_OF_WEIGHTS, "mine:"), "All kinds and their keys:"))
        elif name == "methods":
            lines.append("methods:")
            for key, entry in study.methods.items():
                # Others of an algorithm say only what differs from its defaults.
                keys = _keys(entry) if entry.algorithm == key else _differing(entry)
                lines.extend([f"  {key}:", *_indented(keys, 4)])
            used = {entry.algorithm for entry in study.methods.values()}
            lines.extend(_as_comments(_kinds(ONE_OF_METHODS, "mine:", used), "Other algorithms:"))
        elif name == "compare":
            inner = _indented(_defaults(Comparison), 2)
            lines.append("compare:")
            for key, comparison in study.compare.items():
                given = comparison.model_dump(mode="json", exclude_unset=True)
                lines.extend([f"  {key}:", *_indented(_nested(given), 4)])
            lines.extend(_as_comments(["mine:", *inner], "A comparison and its keys:"))
        elif isinstance(value, BaseModel):
            lines.extend([f"{name}:", *_indented(_keys(value), 2)])
            if name == "device":
                others = _kinds(ONE_OF_DEVICES, "", {study.device.model})
                lines.extend(_as_comments(others, "Other devices:"))
        else:
            lines.append(f"{name}: {_value(value)}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _keys(section: BaseModel) -> Iterator[str]:
    """Every key of a section with its comment and value."""
    for key, field in type(section).model_fields.items():
        own = getattr(section, key)
        if key == "label" and not own:
            continue
        yield from _comment(_describe(field))
        # One value of a hyperparameter stands for a list of one.
        swept = isinstance(section, Entry) and isinstance(own, tuple)
        several = isinstance(own, tuple) and not (swept and len(own) == 1)
        yield f"{key}: {_value(list(own) if several else own)}"


def _differing(entry: Entry) -> Iterator[str]:
    """Keys of a method that were given, without comments."""
    for key in type(entry).model_fields:
        if key in entry.model_fields_set:
            own = getattr(entry, key)
            if isinstance(own, tuple):
                own = own[0] if len(own) == 1 else list(own)
            yield f"{key}: {_value(own)}"


def _nested(content: Mapping[str, Any]) -> Iterator[str]:
    """Sections as lines; what has no section in it stands in one."""
    for key, value in content.items():
        if isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values()):
            yield f"{key}:"
            yield from _indented(_nested(value), 2)
        else:
            yield f"{key}: {_value(value)}"


def _defaults(section: type[BaseModel], leave_out: Collection[str] = ()) -> Iterator[str]:
    """Every key of a model with its comment and default."""
    for key, field in section.model_fields.items():
        if key in leave_out:
            continue
        yield from _comment(_describe(field))
        if field.is_required():
            names = _choices(field)
            yield f"{key}: {names[0]}" if names else f"{key}:  # required"
        else:
            several = isinstance(field.default, tuple) and not issubclass(section, Entry)
            yield f"{key}: {_value(list(field.default) if several else field.default)}"


def _kinds(choice: OneOf, parent: str, without: Collection[str] = ()) -> Iterator[str]:
    """Every kind that a section may be of, but some, with its keys; ``parent`` is their section."""
    known = choice.sections()
    sections = [known[name] for name in choice.registry.packaged() if name not in without]
    for section in dict.fromkeys(sections):
        if section is not sections[0]:
            yield ""
        summary = " ".join((section.__doc__ or "").split("\n\n")[0].split())
        if summary not in (section.model_fields[choice.tag].description or ""):
            yield from _comment(summary)
        keys = _defaults(section, ("label",))
        yield from [parent, *_indented(keys, 2)] if parent else keys


def _as_comments(lines: Iterable[str], title: str) -> Iterator[str]:
    yield f"# {title}"
    for line in lines:
        yield f"#   {line}".rstrip()


def _indented(lines: Iterable[str], spaces: int) -> Iterator[str]:
    return (f"{' ' * spaces}{line}" for line in lines)


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"# {line.replace(_TIED, ' ')}"


def _describe(field: FieldInfo) -> str:
    """Effect, [unit], (range), source."""
    parts = [field.description or ""]
    if unit := unit_of(field):
        parts.append(f"[{unit}]".replace(" ", _TIED))
    choices = _choices(field)
    limits = ", ".join(_bounds(field)) or " | ".join(choices)
    if limits and len(choices) != 1:
        parts.append(f"({limits})".replace(" ", _TIED))
    if source := source_of(field):
        parts.append(f"source: {source}")
    return " ".join(parts)


def _bounds(field: FieldInfo) -> list[str]:
    """Bounds of a number, also of the items of a swept list."""
    found = []
    for metadata in _metadata(field):
        for symbol, name in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
            bound = getattr(metadata, name, None)
            if bound is not None:
                text = f"{bound:g}".replace("e+", "e") if isinstance(bound, float) else bound
                found.append(f"{symbol} {text}")
    return list(dict.fromkeys(found))


def _choices(field: FieldInfo) -> list[str]:
    """Values that a text may take."""
    found: list[str] = []

    def visit(annotation: Any) -> None:
        for argument in get_args(annotation):
            if isinstance(argument, str):
                found.append(argument)
            elif argument is not Ellipsis:
                visit(argument)

    visit(field.annotation)
    return list(dict.fromkeys(found))


def _metadata(field: FieldInfo) -> Iterator[Any]:
    """What a key, or an item of it, is annotated with."""

    def visit(annotation: Any, metadata: Iterable[Any]) -> Iterator[Any]:
        for item in metadata:
            yield item
            yield from visit(None, getattr(item, "metadata", ()))
        for argument in get_args(annotation):
            if not isinstance(argument, str) and argument is not Ellipsis:
                yield from visit(argument, getattr(argument, "__metadata__", ()))

    return visit(field.annotation, field.metadata)


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 else list(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
    return text.removesuffix("\n...").removesuffix("...").strip()
