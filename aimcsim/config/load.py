"""From a YAML file or a mapping to a checked :class:`Config`, with errors that name the key."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from aimcsim.chip.devices.registry import DEVICES
from aimcsim.common.errors import UserError
from aimcsim.config.compare import merged
from aimcsim.config.models import (
    Config,
    DigitsWeights,
    FileWeights,
    NetworkWeights,
    SyntheticWeights,
)


def from_yaml(path: Path) -> Config:
    """Read and check the configuration file at ``path``.

    Raises
    ------
    UserError
        The file is missing or no YAML mapping, or a key is unknown, of the wrong type or out of
        range; the message names each such key, the value found and the remedy.
    """
    path = Path(path)
    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file. Give the path of a configuration file.") from None
    except OSError as error:
        message = f"{path}: not readable ({error.strerror}). Give the path of a configuration file."
        raise UserError(message) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}. Correct the file.") from error
    if not isinstance(mapping, Mapping):
        raise UserError(
            f"{path}: holds {type(mapping).__name__}, not keys and values. "
            "Start from config/default.yaml."
        )
    return from_mapping(mapping, str(path))


@dataclass(frozen=True)
class Case:
    """A study with some keys changed, see :mod:`aimcsim.config.compare`."""

    comparison: str
    name: str
    value: Any
    config: Config

    @property
    def label(self) -> str:
        return f"{self.comparison}/{self.name}"


def from_mapping(mapping: Mapping[str, Any], origin: str = "configuration") -> Config:
    """Check ``mapping`` (as YAML or Snakemake gives it); ``origin`` is named in errors."""
    config = _checked(mapping, origin)
    cases(config, origin)  # an error in a case is an error of the file
    return config


def cases(config: Config, origin: str = "configuration") -> list[Case]:
    """Every case of every comparison of a study, in the order of its file."""
    study = config.model_dump(mode="json", exclude={"compare"})
    found = []
    for comparison, settings in config.compare.items():
        chosen = settings.weights or tuple(config.weights)
        weights = {name: study["weights"][name] for name in chosen}
        for name, value, change in settings.changes():
            mapping = merged(study | {"weights": weights}, change)
            where = f"{origin}, case compare.{comparison} '{name}'"
            found.append(Case(comparison, name, value, _checked(mapping, where)))
    return found


def _checked(mapping: Mapping[str, Any], origin: str) -> Config:
    try:
        return Config.model_validate(dict(mapping))
    except ValidationError as error:
        problems = [_describe(problem) for problem in error.errors()]
        listing = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"{origin}: {len(problems)} invalid key(s)\n{listing}") from None


def _describe(problem: Mapping[str, Any]) -> str:
    location = _location(problem["loc"])
    kind, value = problem["type"], problem["input"]
    where = ".".join(location) or "the file"
    if kind == "extra_forbidden":
        return f"{where}: unknown key (value {_short(value)}). {_suggest(problem['loc'])}"
    if kind == "missing":
        return f"{where}: required key is missing. Add it; config/default.yaml shows each key."
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "too_short":
        message = "must not be empty"
    elif kind == "union_tag_not_found":
        message = f"kind is missing; it must be one of {', '.join(_kinds())}"
    elif kind == "union_tag_invalid":
        tag, choices = ("model", _models()) if location[0] == "device" else ("kind", _kinds())
        message = f"{tag} must be one of {', '.join(choices)}"
    return f"{where}: got {_short(value)}; {message[0].lower() + message[1:]}. Change the value."


def _kinds() -> list[str]:
    models = (SyntheticWeights, DigitsWeights, FileWeights, NetworkWeights)
    return [kind for model in models for kind in get_args(model.model_fields["kind"].annotation)]


def _models() -> dict[str, type[BaseModel]]:
    return dict(DEVICES)


def _location(parts: tuple) -> list[str]:
    """Path of keys as the user wrote it; pydantic adds the kind of a weight set or device."""
    location = [str(part) for part in parts]
    if location[:1] == ["weights"] and len(location) > 2:
        del location[2]
    if location[:1] == ["device"] and len(location) > 1:
        del location[1]
    return location


def _suggest(parts: tuple) -> str:
    known = _keys_at([str(part) for part in parts[:-1]])
    close = difflib.get_close_matches(str(parts[-1]), known, n=1)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known keys here: {', '.join(known)}." if known else "Remove it."


def _keys_at(location: list[str]) -> list[str]:
    """Names of the keys of the section at ``location``; for a weight set, those of its kind."""
    if location[:1] == ["weights"]:
        return _weight_set_keys(location[-1])
    section: type[BaseModel] = Config
    if location[:1] == ["device"]:
        section, location = _models()[location[1]], location[2:]
    for name in location:
        section = _section_of(section.model_fields[name].annotation)
    return list(section.model_fields)


def _section_of(annotation: Any) -> type[BaseModel]:
    """The section that a key holds, also where it may be null."""
    choices = [choice for choice in get_args(annotation) if choice is not type(None)]
    return choices[0] if choices else annotation


def _weight_set_keys(kind: str) -> list[str]:
    for model in (SyntheticWeights, DigitsWeights, FileWeights):
        if kind in get_args(model.model_fields["kind"].annotation):
            return list(model.model_fields)
    return []


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
