"""From a YAML file or a mapping to a checked :class:`Config`, with errors that name the key."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from aimcsim.common.errors import UserError
from aimcsim.config import rewrite
from aimcsim.config.choice import OneOf
from aimcsim.config.compare import merged
from aimcsim.config.models import Config, current_model
from aimcsim.config.places import located


def from_yaml(*paths: Path | str, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read and check configuration files, a later one over the earlier, key by key.

    ``overrides`` are the values of Snakemake's ``--config``, which come last. A path is relative to
    the file that states it, one of ``overrides`` to the working folder.

    Raises
    ------
    UserError
        A file is missing or no YAML mapping, or a key is unknown, of the wrong type or out of
        range; the message names each such key, the value found and the remedy.
    """
    mapping: dict[str, Any] = {}
    folders: dict[str, Any] = {}
    for path in map(Path, paths):
        _merge(mapping, folders, _read(path), path.parent)
    _merge(mapping, folders, overrides or {}, Path())

    def folder_of(*keys: str) -> Path:
        found: Any = folders
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else found
        return found if isinstance(found, Path) else Path()

    origin = ", ".join(os.path.relpath(path) for path in paths)
    try:
        mapping = located(mapping, folder_of)
    except UserError as error:
        raise UserError(f"{origin}: {error}") from None
    return from_mapping(mapping, origin)


def _read(path: Path) -> Mapping[str, Any]:
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
    return mapping


def _merge(
    mapping: dict[str, Any], folders: dict[str, Any], changes: Mapping[str, Any], folder: Path
) -> None:
    """Merge ``changes`` of a file in ``folder`` into a study and the folders of its values."""
    for name, value in changes.items():
        if not isinstance(value, Mapping):
            mapping[name], folders[name] = value, folder
            continue
        if not isinstance(mapping.get(name), dict):
            mapping[name], folders[name] = {}, {}
        _merge(mapping[name], folders[name], value, folder)


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
    outdated = rewrite.needed(mapping)
    if outdated:
        raise UserError(f"{origin}: {outdated}")
    try:
        model = current_model(mapping)
    except UserError as error:  # of a user's file
        raise UserError(f"{origin}: {error}") from None
    try:
        return model.model_validate(dict(mapping))
    except ValidationError as error:
        problems = [_describe(problem, mapping) for problem in error.errors()]
        listing = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"{origin}: {len(problems)} invalid key(s)\n{listing}") from None


def _describe(problem: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    path = _Path(problem["loc"], given)
    kind, value = problem["type"], problem["input"]
    where = ".".join(path.written) or "the file"
    if kind == "extra_forbidden":
        return f"{where}: unknown key (value {_short(value)}). {path.suggest()}"
    if kind == "missing":
        return f"{where}: required key is missing. Add it; config/default.yaml shows each key."
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "too_short":
        message = "must not be empty"
    elif kind in ("union_tag_not_found", "union_tag_invalid"):
        choice = path.choice
        assert choice is not None
        known = list(choice.sections())
        missing = f"{choice.tag} is missing; it" if kind == "union_tag_not_found" else choice.tag
        message = f"{missing} must be one of {', '.join(known)}"
        asked = value.get(choice.tag) if isinstance(value, Mapping) else None
        if asked is not None:
            where, value = f"{where}.{choice.tag}", asked
        close = difflib.get_close_matches(str(asked), known, n=1)
        if close:
            return f"{where}: got {_short(value)}; {message}. Did you mean '{close[0]}'?"
    if not path.written:  # of several sections together: it names them itself
        return f"{message}."
    return f"{where}: got {_short(value)}; {message[0].lower() + message[1:]}. Change the value."


class _Path:
    """Where a problem is: as the user wrote it, and in the models.

    Attributes
    ----------
    written : keys as the user wrote them; pydantic adds the kind of a section of several kinds
    section : the model of the section that the last key is in; None: there is none
    choice : kinds that the value may be of, where it is one of several
    """

    def __init__(self, parts: tuple[Any, ...], given: Any):
        self.written: list[str] = []
        self.section: type[BaseModel] | None = Config
        self.choice: OneOf | None = None
        annotation: Any = None
        todo = list(parts)
        while todo:
            part = todo.pop(0)
            if self.choice is not None and part in self.choice.sections():
                self.section, self.choice = self.choice.sections()[part], None
                continue
            if isinstance(part, int) and not isinstance(given, (list, tuple)):
                continue  # one value in place of a list
            known = given if isinstance(given, Mapping) else dict(enumerate(given or ()))
            given = known.get(part)
            self.written.append(str(part))
            fields = {} if self.section is None else self.section.model_fields
            field = fields.get(str(part))
            if field is not None:
                annotation = field.annotation
                metadata: tuple[Any, ...] = tuple(field.metadata)
            else:  # a key of a mapping, or an item of a list
                annotation, metadata = _value_of(annotation)
            self.choice = next((one for one in metadata if isinstance(one, OneOf)), None)
            if todo and self.choice is None:
                self.section = _section_of(annotation)

    def suggest(self) -> str:
        """What the last key may have been meant to be."""
        known = list(self.section.model_fields) if self.section else []
        close = difflib.get_close_matches(self.written[-1], known, n=1)
        if close:
            return f"Did you mean '{close[0]}'?"
        return f"Known keys here: {', '.join(known)}." if known else "Remove it."


def _value_of(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Annotation of the values of a mapping or list, and what it is annotated with."""
    choices = get_args(annotation)
    if not choices:
        return None, ()
    value = choices[-1] if choices[-1] is not Ellipsis else choices[0]
    return value, tuple(getattr(value, "__metadata__", ()))


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, also where it may be null; None: it holds none."""
    for choice in (annotation, *get_args(annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
