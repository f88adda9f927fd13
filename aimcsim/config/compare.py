"""Comparisons: what a study varies of the chip or of the methods, one thing at a time or two.

Every comparison has cases. A case is the whole study with some keys changed; it is programmed,
judged and summarised like the study itself, on the same chip instances and weights.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from aimcsim.common.section import Caption, Name, Section, key, name_pattern

CaseName = Annotated[
    str,
    name_pattern(
        r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}$",
        "a letter or digit, then letters, digits, _, ., + and -, 40 characters at most",
    ),
]
Path = Annotated[
    str,
    name_pattern(
        r"^[a-z_]+(\.[A-Za-z0-9_-]+){0,2}$", "the name of a key, as section.key or methods.name.key"
    ),
]
Scalar = bool | int | float | CaseName
MOST_CASES = 2000  # of a study: each is read and checked like it. Ours
FIXED = (
    "study", "seed", "weights", "baseline", "subject", "execution", "report", "compare",
)  # fmt: skip


class Comparison(Section):
    """One thing varied by keys that take some values together, or two by a grid, or named cases."""

    title: Caption = key("", "What is varied, for the report; empty: the names of the keys.")
    keys: tuple[Path, ...] = key(
        (), "Keys that take each of the values together, as section.key or methods.name.key."
    )
    values: tuple[Scalar, ...] = key((), "Values of the keys: one case each.")
    grid: dict[Path, Annotated[tuple[float, ...], Field(min_length=2)]] = key(
        {},
        "In place of keys and values: two keys, each with its own values; every pair is a case. "
        "The report draws it as a map.",
    )
    cases: dict[CaseName, dict[str, Any]] = key(
        {},
        "In place of both: cases by name, each with the sections and keys it changes.",
    )
    always: dict[str, Any] = key({}, "Changes that all cases share.")
    weights: tuple[Name, ...] = key((), "Weight sets that take part; an empty list: all.")

    @model_validator(mode="after")
    def _keys_or_cases(self) -> "Comparison":
        ways = bool(self.keys), bool(self.grid), bool(self.cases)
        if bool(self.keys) != bool(self.values) or sum(ways) != 1:
            raise ValueError("give keys and values, or grid, or cases")
        if self.grid and len(self.grid) != 2:
            raise ValueError(f"grid has {len(self.grid)} key(s); give two, each with its values")
        count = self.count()
        if count > MOST_CASES:
            raise ValueError(f"has {count:,} cases; a study has {MOST_CASES:,} at most")
        names = [name for name, _, _ in self.changes()]
        if len(names) < 2:
            raise ValueError("one case compares with nothing; give at least two")
        if len({name.casefold() for name in names}) < len(names):
            raise ValueError("two cases have one name (case of letters apart)")
        changed = {section for _, _, change in self.changes() for section in change}
        for section in FIXED:
            if section in changed:
                raise ValueError(f"'{section}' belongs to the whole study; no case can change it")
        return self

    def count(self) -> int:
        """Number of its cases."""
        grid = math.prod(len(values) for values in self.grid.values()) if self.grid else 0
        return len(self.cases) + len(self.values) + grid

    def changes(self) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        """(name, value, changed sections) of every case.

        The value of a named case is its name, that of a place in a grid its pair of values.
        """
        for name, sections in self.cases.items():
            yield name, name, merged(self.always, sections)
        for value in self.values:
            change = dict(self.always)
            for path in self.keys:
                change = merged(change, _at(path, value))
            yield _text(value), value, change
        for pair in itertools.product(*self.grid.values()) if self.grid else ():
            change = dict(self.always)
            for path, value in zip(self.grid, pair, strict=True):
                change = merged(change, _at(path, value))
            name = "_".join(f"{value:g}" for value in pair)
            yield name, pair, change


def _at(path: str, value: Any) -> dict[str, Any]:
    """Sections with ``value`` at ``path``."""
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes``; sections are merged key by key, sections within them too.

    A section that names another kind (``model``, ``algorithm``) replaces the old one: its keys are
    not the same.
    """
    result = dict(base)
    for name, change in changes.items():
        old = base.get(name)
        result[name] = change
        if isinstance(old, Mapping) and isinstance(change, Mapping):
            tags = ("model", "algorithm")
            other_kind = any(tag in change and change[tag] != old.get(tag) for tag in tags)
            result[name] = change if other_kind else merged(old, change)
    return result


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
