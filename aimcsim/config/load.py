"""From a YAML file or a mapping to a checked :class:`Config`, with errors that name the key."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from aimcsim.config.models import Config
from aimcsim.errors import UserError


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
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}. Correct the file.") from error
    if not isinstance(mapping, Mapping):
        raise UserError(
            f"{path}: holds {type(mapping).__name__}, not keys and values. "
            "Start from config/default.yaml."
        )
    return from_mapping(mapping, str(path))


def from_mapping(mapping: Mapping[str, Any], origin: str = "configuration") -> Config:
    """Check ``mapping`` (as YAML or Snakemake gives it); ``origin`` is named in errors."""
    try:
        return Config.model_validate(dict(mapping))
    except ValidationError as error:
        problems = [_describe(problem) for problem in error.errors()]
        listing = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"{origin}: {len(problems)} invalid key(s)\n{listing}") from None


def _describe(problem: Mapping[str, Any]) -> str:
    location = [str(part) for part in problem["loc"]]
    kind, value = problem["type"], problem["input"]
    where = ".".join(location) or "the file"
    if kind == "extra_forbidden":
        return f"{where}: unknown key (value {_short(value)}). {_suggest(location)}"
    if kind == "missing":
        return f"{where}: required key is missing. Add it; config/default.yaml shows each key."
    message = problem["msg"].removeprefix("Value error, ")
    message = message.replace("Tuple should have at least 1 item", "the list must not be empty")
    message = message.replace("Dictionary should have at least 1 item", "must not be empty")
    return f"{where}: got {_short(value)}; {message[0].lower() + message[1:]}. Change the value."


def _suggest(location: list[str]) -> str:
    known = _keys_at(location[:-1])
    close = difflib.get_close_matches(location[-1], known, n=1)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known keys here: {', '.join(known)}." if known else "Remove it."


def _keys_at(location: list[str]) -> list[str]:
    """Names of the keys of the section at ``location``; for a weight set, those of its kind."""
    section: type[BaseModel] = Config
    for index, name in enumerate(location):
        if index == 0 and name == "weights":
            return _weight_set_keys(location[-1])
        field = section.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type):
            return []
        if not issubclass(field.annotation, BaseModel):
            return []
        section = field.annotation
    return list(section.model_fields)


def _weight_set_keys(kind: str) -> list[str]:
    from aimcsim.config import models

    for model in (models.SyntheticWeights, models.DigitsWeights, models.FileWeights):
        if kind in model.model_fields["kind"].annotation.__args__:
            return list(model.model_fields)
    return []


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
