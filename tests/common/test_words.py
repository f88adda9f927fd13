"""Messages about settings are in our own words, and know what a mistyped key was meant to be."""

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import core_schema

from aimcsim.common.choice import OneOf
from aimcsim.common.errors import UserError
from aimcsim.common.section import Section, key
from aimcsim.common.words import WORDS, checked, nearest, problems
from aimcsim.config.load import from_mapping
from aimcsim.config.models import Config
from aimcsim.training.settings import Training

WEIGHTS = {"g": {"kind": "gaussian"}}
JARGON = re.compile(
    r"(?i:\bvalid\b|instance|input should|tuple|\bdict|constrained|pydantic|string|integer)"
    r"|(?i:boolean|function|discriminator|schema|\bparse)|None|True|False|OrderedDict"
)
CONTEXT = {
    "gt": 1.0, "ge": 2.5, "lt": 3, "le": 4, "multiple_of": 5, "field_type": "Tuple",
    "min_length": 2, "max_length": 3, "actual_length": 4, "pattern": "x+", "class": "Gdp",
    "expected": "'a', 'b' or True", "tag": "t", "discriminator": "'kind'", "expected_tags": "'a'",
    "expected_schemes": "x", "class_name": "Gdp", "method_name": "m", "function_name": "f",
    "whole_digits": 1, "max_digits": 1, "decimal_places": 1, "tz_expected": 1, "tz_actual": 1,
    "encoding": "utf", "encoding_error": "x", "property_name": "p", "attribute": "a",
    "min_version": 1, "expected_version": 4,
}  # fmt: skip
# By part of a model's schema, what pydantic may say of a value for it.
RAISED_BY = {
    "model": ("model_type",),
    "model-fields": ("missing", "extra_forbidden"),
    "int": ("int_type", "int_parsing_size", "int_from_float"),
    "float": ("float_type", "finite_number"),
    "bool": ("bool_type",),
    "str": ("string_type", "string_unicode"),
    "none": ("none_required",),
    "dict": ("dict_type",),
    "tuple": ("tuple_type",),
    "literal": ("literal_error",),
    "tagged-union": ("union_tag_not_found", "union_tag_invalid", "model_type"),
    "function-before": ("value_error",),
    "function-after": ("value_error",),
    "function-wrap": ("value_error",),
    # Bounds.
    "ge": ("greater_than_equal",),
    "gt": ("greater_than",),
    "le": ("less_than_equal",),
    "lt": ("less_than",),
    "min_length": ("too_short", "string_too_short"),
    "max_length": ("too_long", "string_too_long"),
    "pattern": ("string_pattern_mismatch",),
}
# These hold others, and say nothing themselves.
HOLDERS = {"default", "nullable", "union", "model-field", "any", "definitions", "definition-ref"}


def said(kind: str, value: Any = "x") -> str:
    """The message for a problem of that type, of a key of its kind."""
    where = ("weights", "a") if kind.startswith("union_tag") else ("cores",)
    error = ValueError("seed is odd; make it even") if kind == "value_error" else "odd"
    found = {
        "type": kind,
        "ctx": {**CONTEXT, "error": error},
        "loc": where,
        "input": value,
    }
    given = {"cores": value, "weights": {"a": value}}
    (text,) = problems(ValidationError.from_exception_data("t", [found]), Config, given)
    return text


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_every_type_of_error_has_words_with_key_and_value(kind):
    tagged = kind.startswith("union_tag")
    value = {"kind": 3} if tagged else "x"
    text = said(kind, value)
    assert text.startswith("weights.a" if tagged else "cores: ")
    assert f"{3 if tagged else value!r}" in text or kind == "missing"
    assert text[-1] in ".?"
    assert not JARGON.search(text), text


def parts(schema: Any) -> Iterator[str]:
    """Kinds of parts in a schema, and bounds on values."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
            yield from (name for name in schema if name in RAISED_BY and name not in HOLDERS)
        for name, part in schema.items():
            if name not in ("default", "metadata", "function", "config", "serialization", "cls"):
                yield from parts(part)
    elif isinstance(schema, (list, tuple)):
        for part in schema:
            yield from parts(part)


@pytest.mark.parametrize("model", [Config, Training])
def test_what_our_models_raise_has_words_of_its_own(model):
    found = set(parts(model.__pydantic_core_schema__))
    assert found - HOLDERS <= set(RAISED_BY)
    assert len(found) > 10
    for part in found - HOLDERS:
        for kind in RAISED_BY[part]:
            assert "cannot be used here" not in said(kind), kind
            assert kind in WORDS or kind in (
                "value_error", "literal_error", "extra_forbidden", "string_pattern_mismatch",
                "union_tag_not_found", "union_tag_invalid",
            )  # fmt: skip


def mistyped(name: str) -> list[str]:
    """As fingers slip, and as other programs write words apart."""
    middle = len(name) // 2
    camel = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
    slips = [name[:middle] + name[middle + 1 :], name + "s", camel, name.replace("_", "-")]
    return [slip for slip in [*slips, name.upper()] if len(slip) > 2]


def sections(
    model: type[BaseModel], path: tuple[str, ...] = (), study: Callable = lambda content: content
) -> Iterator[tuple[tuple[str, ...], type[BaseModel], Callable]]:
    """(keys to a section, its model, study with such a section) of all sections of all kinds."""
    yield path, model, study

    def at(keys: tuple[str, ...], held: dict[str, Any]) -> Callable:
        def inside(content: dict[str, Any]) -> dict[str, Any]:
            content = held | content
            for part in reversed(keys):
                content = {part: content}
            return study(content)

        return inside

    for name, field in model.model_fields.items():
        inner = [field.annotation, *get_args(field.annotation)]
        metadata = [*field.metadata, *getattr(inner[-1], "__metadata__", ())]
        choice = next((one for one in metadata if isinstance(one, OneOf)), None)
        if choice is not None:
            keys = (name,) if name == "device" else (name, "mine")
            for kind in choice.registry.packaged():
                of_kind = at(keys, {choice.tag: kind})
                yield from sections(choice.sections()[kind], (*path, *keys), of_kind)
            continue
        for one in inner:
            if isinstance(one, type) and issubclass(one, BaseModel):
                keys = (name, "mine") if name == "compare" else (name,)
                yield from sections(one, (*path, *keys), at(keys, {}))


def test_every_unknown_key_gets_the_nearest_known_one():
    """In every section of every kind."""
    count = 0
    for path, model, study in sections(Config):
        for name in model.model_fields:
            for slip in mistyped(name):
                if nearest(slip, model.model_fields) != name or slip in model.model_fields:
                    continue
                if name in ("model", "kind", "algorithm") and path[:1] != ("device",):
                    continue  # a section of no kind, whose keys are unknown
                given = {"weights": WEIGHTS} | study({slip: 1})
                if "methods" in given:
                    given["methods"] = {"iterative": {}, "gdp": {}} | given["methods"]
                with pytest.raises(UserError) as raised:
                    from_mapping(given)
                where = ".".join((*path, slip))
                expected = f"  {where}: unknown key (value 1). Did you mean '{name}'?"
                assert expected in str(raised.value).split("\n"), raised.value
                count += 1
    assert count > 800


def test_most_slips_are_found():
    """The test above leaves out those that are nearer to another key."""
    for _, model, _ in sections(Config):
        for name in model.model_fields:
            found = [nearest(slip, model.model_fields) for slip in mistyped(name)]
            assert found.count(name) >= len(found) - 1, (name, found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cores": "3"}, "cores: got '3'; must be a whole number, without quotes."),
        ({"cores": True}, "cores: got true; must be a whole number."),
        ({"cores": None}, "cores: got null; must be a whole number."),
        ({"cores": [3]}, "cores: got [3]; must be a whole number."),
        ({"cores": 10**30}, "must be"),
        ({"co\u202e\nres": {"\ufeff": 1}}, r'co\u202e\nres: unknown key (value {"\ufeff": 1})'),
        ({"seed": 1.5}, "seed: got 1.5; must be a whole number."),
        ({"study": 3}, "study: got 3; must be text; put it in quotes."),
        ({"study": "3d"}, "study: got '3d'; must be a letter, then letters, digits"),
        ({"periphery": {"calibrated": "true"}}, "got 'true'; must be true or false, without"),
        ({"periphery": {"calibrated": 1}}, "got 1; must be true or false."),
        ({"periphery": {"adc_bits": 99}}, "periphery.adc_bits: got 99; must be at most 16."),
        ({"periphery": {"adc_range": 0}}, "must be above 0."),
        ({"periphery": {"range_by": "input"}}, "must be one of inputs, gain. Did you mean"),
        ({"periphery": []}, "periphery: got []; must be a section: keys with values."),
        ({"device": 3}, "device: got 3; "),
        ({"device": {"model": 3}}, "device.model: got 3; "),
        ({"weights": 3}, "weights: got 3; must be a section: keys with values."),
        ({"weights": {"3d": {"kind": "gaussian"}}}, "weights.3d: must be a letter"),
        ({"weights": {"gaussian": {}}}, "Did you mean kind: gaussian?"),
        ({"weights": {"g": {"knd": "gaussian"}}}, "Did you mean 'kind' by 'knd'?"),
        ({"methods": {"gpd": {}}}, "Did you mean algorithm: gdp?"),
        ({"methods": ["gdp"]}, "of an earlier version"),
        ({"evaluation": {"times": 3}}, "evaluation.times: got 3; must be a list."),
        ({"evaluation": {"times": [True]}}, "evaluation.times.0: got true; must be a number."),
        ({"inference": {"adc_bits": ["x"]}}, "inference.adc_bits.0: got 'x'; must be a whole"),
        ({"weights": {"d": {"kind": "digits", "hidden": []}}}, "weights.d.hidden: got []; must n"),
        (
            {"compare": {"c": {"keys": ["cores"], "values": ["a b", 1]}}},
            "compare.c.values.0: got 'a b'; must be true or false, or a number, or a letter",
        ),
        (
            {"compare": {"c": {"keys": ["core.rowz"], "values": [8, 16]}}},
            "core.rowz: unknown key (value 8). Did you mean 'rows'?",
        ),
        (
            {"compare": {"c": {"cases": {"a": {"gdp": {}}, "b": {}}}}},
            "'gdp' at the top level is of an earlier version",
        ),
        ({"compare": {"c": {"keys": 3}}}, "compare.c.keys: got 3; must be a list."),
        ({"compare": {"c": {"cases": 3}}}, "compare.c.cases: got 3; must be a section"),
        ({"compare": {"c": {"cases": {"a": 3}}}}, "compare.c.cases.a: got 3; must be a section"),
    ],
)
def test_messages_are_in_our_words(changes, words):
    with pytest.raises(UserError) as raised:
        from_mapping({"weights": WEIGHTS} | changes)
    message = str(raised.value)
    assert words in message
    assert not JARGON.search(message), message


class Mixed(Section):
    """As a user's own class may have it."""

    several: tuple[bool | int | str, ...] = key((), "Values.")
    inner: "Mixed | None" = key(None, "Another.")
    count: int | None = key(None, "A number.", multiple_of=2)


def test_numbers_texts_and_truths_are_not_taken_for_one_another():
    mixed = checked(Mixed, {"several": [True, 1, "1", "yes"], "inner": {"count": 2.0}}, "a")
    assert mixed.several == (True, 1, "1", "yes")
    assert [type(value) for value in mixed.several] == [bool, int, str, str]
    assert mixed.inner.count == 2
    for given in ({"count": "2"}, {"count": True}, {"inner": {"count": "2"}}, {"count": 3}):
        with pytest.raises(UserError, match="count: got"):
            checked(Mixed, given, "a")
