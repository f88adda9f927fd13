"""From a YAML file or a mapping to a checked :class:`Config`, with errors that name the key."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimcsim.common.errors import UserError
from aimcsim.common.words import checked, refusal
from aimcsim.common.yaml_files import read_files
from aimcsim.config import rewrite
from aimcsim.config.checks import refused
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
        A file is missing or not read as one thing by all readers of YAML, or a key is unknown, of
        the wrong type or out of range; the message names each such key, the value found and the
        remedy.
    """
    shown = [os.path.relpath(path) for path in paths]  # Snakemake's are absolute
    files = read_files(shown, overrides)

    def folder_of(*keys: str) -> Path:
        source = files.file_of(*keys)
        return Path() if source is None else source.parent

    origin = ", ".join(shown)
    try:
        mapping = located(files.mapping, folder_of)
    except UserError as error:
        raise UserError(f"{origin}: {error}") from None
    return from_mapping(mapping, origin)


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
    config = checked(model, dict(mapping), origin)
    if found := refused(config, "settings"):
        raise refusal(origin, found)
    return config
