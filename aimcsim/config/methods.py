"""Methods of a study by name: an algorithm and its settings, each key a value or a list."""

import itertools
import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticUndefined

from aimcsim.common.choice import OneOf
from aimcsim.common.section import Caption, Section, key
from aimcsim.programming.method import BASELINE, METHODS, RESET, Method
from aimcsim.shards.runs import Run

MOST_SETTINGS = 20_000  # of all methods of a study. More take minutes to be read. Ours


class Entry(Section):
    """A method of a study: every combination of its values is one setting."""

    algorithm: str
    label: Caption = key(
        "", "Name of the method in figures and texts; empty: that of the algorithm."
    )

    @property
    def method(self) -> type[Method]:
        """The algorithm's class."""
        return METHODS[self.algorithm]

    @property
    def settings(self) -> int:
        """How many combinations of its values there are."""
        return math.prod(len(getattr(self, name)) for name in self.method.model_fields)

    def points(self) -> list[Method]:
        """Every combination of the values, in the order of the algorithm's keys.

        Values keep their types: they never pass through strings, so 0.1 and 0.10 are one value.
        """
        names = list(self.method.model_fields)
        combinations = itertools.product(*(getattr(self, name) for name in names))
        return [self.method(**dict(zip(names, values, strict=True))) for values in combinations]

    @model_validator(mode="after")
    def _points_are_settings(self) -> "Entry":
        for name in self.method.model_fields:
            values = getattr(self, name)
            if len({(type(value), value) for value in values}) < len(values):
                raise ValueError(f"{name} names a value twice; name each once")
        if self.settings > MOST_SETTINGS:
            raise ValueError(
                f"every combination of its values makes {self.settings:,} settings; a study has "
                f"{MOST_SETTINGS:,} at most. Give fewer values"
            )
        try:
            self.points()
        except ValidationError as error:  # of several keys together
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return self


class _Swept:
    """Annotation of a hyperparameter: one value, or a non-empty list of values."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


def _as_list(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


@cache
def entry_of(name: str, method: type[Method]) -> type[Entry]:
    """The section of a method whose algorithm is called ``name``."""
    fields: dict[str, Any] = {
        "algorithm": (Literal[name], key(..., f"{name}: {_first_line(method)}"))
    }
    for key_name, field in method.model_fields.items():
        one: Any = (
            Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        )
        several: Any = Annotated[
            tuple[one, ...], BeforeValidator(_as_list), Field(min_length=1), _Swept()
        ]
        fields[key_name] = (several, _several(field))
    return create_model(method.__name__, __base__=Entry, __doc__=method.__doc__, **fields)


def _several(field: FieldInfo) -> Any:
    """The same key with its default as the only value of a list."""
    default = ... if field.default is PydanticUndefined else (field.default,)
    return Field(default, description=field.description, json_schema_extra=field.json_schema_extra)


def _first_line(method: type[Method]) -> str:
    return next(iter((method.__doc__ or "").strip().splitlines()), "")


ONE_OF_METHODS = OneOf(METHODS, "algorithm", entry_of)


def named_after_algorithms(methods: Any) -> Any:
    """``methods`` as a file gives them; none: the algorithms with a role in the default study.

    A method that is called as an algorithm is need not name it.
    """
    if methods == {}:
        methods = {of_role("baseline"): {}, of_role("subject"): {}}
    if not isinstance(methods, Mapping):
        return methods

    def with_algorithm(name: str, entry: Any) -> Any:
        entry = {} if entry is None else entry
        if isinstance(entry, Mapping) and "algorithm" not in entry and name in METHODS:
            return {"algorithm": name, **entry}
        return entry

    return {name: with_algorithm(name, entry) for name, entry in methods.items()}


def of_role(role: str) -> str:
    """Name of the default method with that role."""
    return next(name for name, method in METHODS.items() if method.role == role)


def labels(methods: Mapping[str, Entry]) -> dict[str, str]:
    """Text for each method in figures; names where several of an algorithm have no label."""
    used = [entry.algorithm for entry in methods.values() if not entry.label]

    def default(name: str, entry: Entry) -> str:
        alone = used.count(entry.algorithm) == 1
        return entry.method.label if alone and entry.method.label else name.replace("_", " ")

    return {name: entry.label or default(name, entry) for name, entry in methods.items()}


def runs(methods: Mapping[str, Entry], baseline: str) -> list[Run]:
    """Every setting of every method, in the order of the study.

    Raises
    ------
    ValueError
        A method starts where none can, or there are too many settings; the message begins with the
        key.
    """
    settings = sum(entry.settings for entry in methods.values())
    if settings > MOST_SETTINGS:
        raise ValueError(
            f"methods: {settings:,} settings together; a study has {MOST_SETTINGS:,} at most. Give "
            "fewer values"
        )
    made: dict[str, list[Run]] = {}

    def of(name: str, behind: tuple[str, ...]) -> list[Run]:
        if name not in made:
            entry = methods[name]
            made[name] = [
                Run(name, entry.algorithm, point, start(name, point.begins_at, (*behind, name)))
                for point in entry.points()
            ]
        return made[name]

    def start(name: str, where: str, behind: tuple[str, ...]) -> Run | None:
        if where == RESET:
            return None
        other = baseline if where == BASELINE else where
        problem = None
        if other not in methods:
            problem = f"the methods are {', '.join(methods)}"
        elif other in behind:
            problem = f"'{other}' itself starts from it"
        elif not methods[other].method.goes_on:
            problem = f"'{other}' leaves nothing that another method can go on from"
        elif len(of(other, behind)) > 1:
            problem = (
                f"'{other}' has {len(of(other, behind))} settings, and one can be started from"
            )
        if problem:
            raise ValueError(
                f"methods.{name}.start '{where}': {problem}. Name a method with one setting, or "
                f"{RESET}"
            )
        return of(other, behind)[0]

    return [run for name in methods for run in of(name, ())]
