"""What is wrong with settings, in our own words: one place for all that pydantic may find."""

import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from aimcsim.common.choice import OneOf
from aimcsim.common.errors import UserError
from aimcsim.common.section import PATTERNS
from aimcsim.common.yaml_files import plain_value, visible

_WHOLE, _NUMBER, _LIST = "must be a whole number", "must be a number", "must be a list"
_SECTION = "must be a section: keys with values"
_TRUTH, _TEXT = "must be true or false", "must be text; put it in quotes"

WORDS: dict[str, str] = {
    "missing": "required key is missing",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be finite",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("string_type", "string_sub_type", "bytes_type"), _TEXT),
    "string_unicode": "holds a character that no text holds",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries, and has {actual_length}",
    "too_long": "must have at most {max_length} entries",
    **dict.fromkeys(
        ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), _LIST
    ),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"),
        _SECTION,
    ),
    "none_required": "must be null",
    "recursion_loop": "contains itself",
}
"""By pydantic's types of error, with what it gives for their braces. Those with more to say than a
text has are in :func:`_words`; of any other type the value is called unusable."""

_OTHER = "cannot be used here"
LISTED = 20  # problems of one message

Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], given: Any, origin: str) -> Model:
    """``given`` as a ``model``; ``origin`` is named in errors.

    Raises
    ------
    UserError
        A key is unknown or missing, or a value of the wrong type or out of range; all are listed.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise refusal(origin, problems(error, model, given)) from None


def refusal(origin: str, found: list[str]) -> UserError:
    """The message that lists what is wrong in ``origin``."""
    lines = [f"{origin}: {len(found)} invalid key(s)", *(f"  {text}" for text in found[:LISTED])]
    if len(found) > LISTED:
        lines.append(f"  and {len(found) - LISTED} more.")
    return UserError("\n".join(lines))


def problems(error: ValidationError, model: type[BaseModel], given: Any) -> list[str]:
    """What is wrong in ``given``, which is no ``model``: a sentence or two for each key."""
    found: dict[tuple[str, ...], list[tuple[_Place, Mapping[str, Any]]]] = {}
    alone: list[list[tuple[_Place, Mapping[str, Any]]]] = []
    for problem in error.errors(include_url=False):
        place = _Place(problem["loc"], model, given)
        if place.one_of_several:  # each kind of value that it might have been tells of its own
            found.setdefault(tuple(place.written), []).append((place, problem))
        else:
            alone.append([(place, problem)])
    return [_sentence(several) for several in (*alone, *found.values())]


def unknown(key: str, known: Iterable[str]) -> str:
    """What an unknown ``key`` may have been meant to be, of those ``known`` where it stands."""
    names = list(known)
    if not names:
        return "Remove it."
    close = nearest(key, names)
    if close:
        return f"Did you mean '{close}'?"
    return f"Known keys here: {', '.join(names)}."


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """The name most like ``name``, however it writes words apart; None: none is like it."""
    plain = {_plain(one): one for one in known}
    close = difflib.get_close_matches(_plain(str(name)), plain, n=1)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    """``adcBits``, ``adc-bits`` and ``ADC_BITS`` are one."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:100])
    return apart.replace("-", "_").replace(" ", "_").lower()


def shown(value: Any) -> str:
    """A value as a file would have it, cut short."""
    plain = value is None or isinstance(value, (bool, dict, list, tuple))
    text = json.dumps(value, ensure_ascii=False, default=repr) if plain else repr(value)
    text = visible(text)
    return text if len(text) <= 60 else text[:57] + "..."


def _sentence(several: list[tuple["_Place", Mapping[str, Any]]]) -> str:
    place, problem = several[0]
    kind, value = problem["type"], problem["input"]
    where = visible(".".join(place.written)) or "the file"
    if len(where) > 120:
        where = where[:117] + "..."
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = place.section.model_fields if place.section else ()
        return f"{where}: unknown key (value {shown(value)}). {unknown(place.written[-1], known)}"
    if kind == "missing":
        return f"{where}: {WORDS[kind]}. Add it."
    if kind in ("union_tag_not_found", "union_tag_invalid") and place.choice is not None:
        return _of_a_kind(where, place.written[-1], value, place.choice)
    message = _joined([_words(problem, place.one_of_several) for _, problem in several])
    if not place.written:  # of several sections together: it names them itself
        return f"{message}."
    if place.is_key:
        return f"{where}: {message}. Change the name."
    close = nearest(value, _choices(problem)) if isinstance(value, str) else None
    remedy = f"Did you mean '{close}'?" if close else "Change the value."
    return f"{where}: got {shown(value)}; {message}. {remedy}"


def _joined(texts: list[str]) -> str:
    """What a value must be, of what is said of each kind that it may be of."""
    texts = list(dict.fromkeys(texts))
    if _NUMBER in texts and _WHOLE in texts:
        texts.remove(_WHOLE)
    first, *others = texts
    return ", or ".join([first, *(text.removeprefix("must be ") for text in others)])


def _of_a_kind(where: str, name: str, value: Any, choice: OneOf) -> str:
    """That a section called ``name`` names no kind, or one that there is not."""
    known = list(choice.sections())
    one_of = f"must be one of {', '.join(known)}"
    asked = value.get(choice.tag) if isinstance(value, Mapping) else None
    if asked is not None:
        close = nearest(asked, known)
        remedy = f"Did you mean '{close}'?" if close else "Change the value."
        return f"{where}.{choice.tag}: got {shown(asked)}; {choice.tag} {one_of}. {remedy}"
    close = nearest(name, known)
    remedy = f" Did you mean {choice.tag}: {close}?" if close else ""
    for key in value if isinstance(value, Mapping) else ():
        if nearest(key, [choice.tag]):
            remedy = f" Did you mean '{choice.tag}' by '{key}'?"
    return f"{where}: got {shown(value)}; {choice.tag} is missing; it {one_of}.{remedy}"


def _choices(problem: Mapping[str, Any]) -> list[str]:
    """Values that may stand where another does; none: any of some type."""
    if problem["type"] != "literal_error":
        return []
    expected = problem["ctx"]["expected"].replace(" or ", ", ")
    return [text.strip("'") if "'" in text else text.lower() for text in expected.split(", ")]


def _words(problem: Mapping[str, Any], of_several: bool) -> str:
    """What is wrong with a value, to go on from it."""
    kind, context, value = problem["type"], problem.get("ctx", {}), problem["input"]
    if kind in ("value_error", "assertion_error"):
        return str(context["error"]) or _OTHER
    if kind == "literal_error":
        return f"must be one of {', '.join(_choices(problem))}"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"must be {PATTERNS.get(pattern, f'as the pattern {pattern} says')}"
    if kind == "too_short" and not context["actual_length"]:
        return "must not be empty"
    if kind == "string_too_short" and context["min_length"] == 1:
        return "must not be empty"
    if kind not in WORDS:
        return _OTHER
    message = WORDS[kind].format(**{name: _bound(value) for name, value in context.items()})
    quoted = message in (_WHOLE, _NUMBER, _TRUTH) and isinstance(value, str) and not of_several
    return f"{message}, without quotes" if quoted and _is_no_text(value) else message


def _is_no_text(text: str) -> bool:
    """Whether ``text`` without quotes is a number, or true or false."""
    try:
        return not isinstance(plain_value(text), str)
    except ValueError:
        return False


def _bound(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) else value


class _Place:
    """Where a problem is: as the user wrote it, and in the models.

    Attributes
    ----------
    written : keys as the user wrote them; pydantic adds the kind of a section of several kinds
    section : the model of the section that the last key is in; None: there is none
    choice : kinds that the value may be of, where it is one of several
    one_of_several : whether it is said of one of several kinds of value that may stand here
    is_key : whether it is said of the last key itself
    """

    def __init__(self, parts: tuple[Any, ...], model: type[BaseModel], given: Any):
        self.written: list[str] = []
        self.section: type[BaseModel] | None = model
        self.choice: OneOf | None = None
        self.one_of_several = self.is_key = False
        annotation: Any = model
        metadata: tuple[Any, ...] = ()
        for part in parts:
            if self.choice is not None and part in self.choice.sections():
                annotation, self.choice = self.choice.sections()[part], None
                continue
            if part == "[key]":
                self.is_key = True
                continue
            holds = given if isinstance(given, Mapping) else _numbered(given)
            if _is_union(annotation) and isinstance(part, str) and part not in holds:
                self.one_of_several = True
                continue
            if isinstance(part, int) and not isinstance(given, (list, tuple)):
                continue  # one value in place of a list
            given = holds.get(part)
            self.written.append(str(part))
            self.section = _section_of(annotation)
            fields = {} if self.section is None else self.section.model_fields
            if part in fields:
                annotation, metadata = fields[part].annotation, tuple(fields[part].metadata)
            else:  # a key of a mapping, or an item of a list
                annotation, metadata = _value_of(annotation)
            self.choice = next((one for one in metadata if isinstance(one, OneOf)), None)


def _numbered(given: Any) -> dict[Any, Any]:
    return dict(enumerate(given)) if isinstance(given, (list, tuple)) else {}


def _is_union(annotation: Any) -> bool:
    """Whether several kinds of value may stand here, null apart."""
    if get_origin(annotation) not in (typing.Union, types.UnionType):
        return False
    return len([one for one in get_args(annotation) if one is not type(None)]) > 1


def _value_of(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Annotation of the values of a mapping or list, and what it is annotated with."""
    for choice in (annotation, *get_args(annotation)):
        if get_origin(choice) in (tuple, list, dict, Mapping):
            arguments = [one for one in get_args(choice) if one is not Ellipsis]
            value = arguments[-1]
            if hasattr(value, "__metadata__"):
                return get_args(value)[0], tuple(value.__metadata__)
            return value, ()
    return None, ()


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a key holds, also where it may be null; None: it holds none."""
    for choice in (annotation, *get_args(annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None
