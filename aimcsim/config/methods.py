"""Methods of a study by name: an algorithm and its settings, each key one or several values."""

import itertools
import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticKnownError, PydanticUndefined

from aimcsim.common.choice import OneOf
from aimcsim.common.section import Caption, Section, key
from aimcsim.config.design import Range, spread
from aimcsim.programming.method import BASELINE, METHODS, RESET, Method
from aimcsim.shards.runs import Run

MOST_SETTINGS = 20_000  # of all methods of a study. More take minutes to be read. Ours


class Entry(Section):
    """A method of a study: each combination of its values is a setting, or some spread evenly."""

    algorithm: str
    label: Caption = key(
        "", "Name of the method in figures and texts; empty: that of the algorithm."
    )
    samples: int = key(
        0,
        "Settings spread evenly over all keys with a range, {low: 0.1, high: 10, log: true}, or "
        "with several values, by a Sobol sequence, which a power of 2 fills best; 0: every "
        "combination of the values.",
        unit="settings",
        ge=0,
        le=MOST_SETTINGS,
    )

    @property
    def method(self) -> type[Method]:
        """The algorithm's class."""
        return METHODS[self.algorithm]

    @property
    def settings(self) -> int:
        """How many there are, at most: samples, or every combination of its values."""
        if self.samples:
            return self.samples
        return math.prod(len(getattr(self, name)) for name in self.method.model_fields)

    def points(self) -> list[Method]:
        """Every combination of the values, in the order of the algorithm's keys, or the samples.

        Values keep their types: they never pass through strings, so 0.1 and 0.10 are one value.
        """
        given = {name: getattr(self, name) for name in self.method.model_fields}
        if not self.samples:
            combinations: Any = itertools.product(*given.values())
            return [self.method(**dict(zip(given, values, strict=True))) for values in combinations]
        axes = {name: of for name, of in given.items() if isinstance(of, Range) or len(of) > 1}
        whole = [self.method.model_fields[name].annotation is int for name in axes]
        fixed = {name: of[0] for name, of in given.items() if name not in axes}
        drawn = spread(list(axes.values()), whole, self.samples)
        return [self.method(**fixed, **dict(zip(axes, one, strict=True))) for one in drawn]

    @model_validator(mode="after")
    def _points_are_settings(self) -> "Entry":
        for name in self.method.model_fields:
            values = getattr(self, name)
            if isinstance(values, Range):
                if not self.samples:
                    raise ValueError(
                        f"{name} is a range, over which 'samples' settings are spread, and samples "
                        "is 0; give the method more, such as 64"
                    )
            elif len({(type(value), value) for value in values}) < len(values):
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
    """Annotation of a hyperparameter: one value, a non-empty list, a range if it is a number."""

    def __init__(self, number: bool):
        self.number = number

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        several = handler(schema) | {"minItems": 1}
        ranges = [handler(Range.__pydantic_core_schema__)] * self.number
        return {"anyOf": [several["items"], several, *ranges]}


def _values(value: Any, checked: ValidatorFunctionWrapHandler) -> Any:
    """One value as a list of one; a list is not empty."""
    values = value if isinstance(value, (list, tuple)) else [value]
    if not values:
        lengths = {"field_type": "List", "min_length": 1, "actual_length": 0}
        raise PydanticKnownError("too_short", lengths)
    return checked(values)


def _values_or_range(value: Any, checked: ValidatorFunctionWrapHandler) -> Any:
    """The same; a range as it is, its ends held against the bounds of the key."""
    if not isinstance(value, (Mapping, Range)):
        return _values(value, checked)
    found = Range.model_validate(value)
    checked([found.low, found.high])
    return found


def _plain(value: Any, plain: SerializerFunctionWrapHandler) -> Any:
    return value.model_dump() if isinstance(value, Range) else plain(value)


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
        number = field.annotation in (int, float)
        several: Any = Annotated[
            tuple[one, ...],
            WrapValidator(_values_or_range if number else _values),
            WrapSerializer(_plain),
            _Swept(number),
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
