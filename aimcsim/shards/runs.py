"""Runs: a method of the study with one setting of its hyperparameters."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pydantic.fields import FieldInfo

from aimcsim.common.section import unit_of
from aimcsim.programming.method import METHODS, Method


@dataclass(frozen=True)
class Run:
    """A method with one setting. Its name is derived from what it is: equal runs, equal names."""

    method: str
    """The study's name for it."""
    algorithm: str
    """Name in :data:`aimcsim.programming.method.METHODS`."""
    settings: Method
    start: "Run | None" = None
    """The run that it goes on from; None: prepared cells."""

    @cached_property
    def content(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "method": self.method,
            "algorithm": self.algorithm,
            "settings": self.settings.model_dump(mode="json"),
            "start": self.start and self.start.content,
        }

    @cached_property
    def id(self) -> str:
        """Stable name: that of the method, and eight digits of its content."""
        return f"{self.method}-{digest(self.content, 8)}"

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Run":
        """The run with that :attr:`content`."""
        start = content["start"]
        return cls(
            content["method"],
            content["algorithm"],
            METHODS[content["algorithm"]].model_validate(content["settings"]),
            start and cls.of(start),
        )

    @property
    def depth(self) -> int:
        """Runs that come before it."""
        return self.start.depth + 1 if self.start else 0

    def algorithms(self) -> set[str]:
        """Its own algorithm, and those of all that it goes on from."""
        return {self.algorithm} | (self.start.algorithms() if self.start else set())


def together(runs: Sequence[Run]) -> list[list[int]]:
    """Positions of the runs that can be one batch, those first that others go on from."""
    batches: dict[tuple, list[int]] = {}
    for position, run in enumerate(runs):
        alike = run.settings.alike
        own = (run.id,) if alike is None else tuple(getattr(run.settings, key) for key in alike)
        start = run.start.id if run.start else None
        batches.setdefault((run.depth, start, run.algorithm, own), []).append(position)
    return [batch for _, batch in sorted(batches.items(), key=lambda item: (item[0][0], item[1]))]


def coordinates_of(runs: Sequence[Run]) -> dict[str, tuple]:
    """Coordinates along ``run``: name, method, algorithm, and every hyperparameter of any method.

    Numbers are float64, NaN where a method has no such key or the value is null; texts and
    switches are texts, empty where there is none. Each carries its unit and what it is.
    """
    found: dict[str, tuple] = {
        "run": ("run", [run.id for run in runs], {"long_name": "method and setting"}),
        "method": ("run", [run.method for run in runs], {"long_name": "name of the method"}),
        "algorithm": ("run", [run.algorithm for run in runs], {"long_name": "its algorithm"}),
    }
    fields: dict[str, FieldInfo] = {}
    for run in runs:
        for name, field in type(run.settings).model_fields.items():
            fields.setdefault(name, field)
    for name, field in fields.items():
        values = [getattr(run.settings, name, None) for run in runs]
        attributes = {"long_name": field.description or name}
        if unit := unit_of(field):
            attributes["units"] = unit
        found[name] = ("run", _plain(values), attributes)
    return found


def _plain(values: list[Any]) -> np.ndarray:
    """As float64, or as texts where one of them is no number."""
    given = [value for value in values if value is not None]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in given):
        return np.array([np.nan if value is None else value for value in values], float)
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    return np.array(["" if text is None else str(text) for text in texts])


def digest(content: Any, length: int = 12) -> str:
    """Name derived from ``content`` (anything JSON can hold): equal content, equal name."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]
