"""YAML read strictly: what two readers of YAML would understand differently is refused.

YAML 1.1 (PyYAML, and so Snakemake's own reading) takes 010 for 8, 1:30 for 90 and ``yes`` for true;
YAML 1.2 takes them for 10 and for text; and every reader but a strict one keeps the last of two
equal keys without a word. Here each is one message with the key and the line. Numbers with an
exponent (1e-3), which PyYAML takes for text, are numbers. Of tags (``!!int``) there are those of
JSON's types. Aliases and ``<<`` are followed, within bounds: reading always ends.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from aimcsim.common.errors import UserError

LARGEST_FILE = 2**20  # bytes
MOST_VALUES = 100_000  # of a file, those that aliases stand for included
DEEPEST = 24  # sections and lists within each other
LONGEST_NUMBER = 40  # digits and signs

_TEXT = "tag:yaml.org,2002:str"
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+|[-+]?0[xob][0-9a-fA-F_]+")
_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{f"{sign}{inf}": float(f"{sign}inf") for sign in ("", "+", "-") for inf in (".inf", ".Inf")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_TYPES: dict[str, Any] = {
    "null": (type(None),), "bool": (bool,), "int": (int,), "float": (int, float),
}  # fmt: skip
_YAML_1_1 = yaml.resolver.Resolver()
# What PyYAML says of a damaged file, and what that is to a user.
_DAMAGE = (
    ("mapping values are not allowed", "a second ':' in one value; put the value in quotes"),
    ("'\\t'", "a tab; indent with spaces"),
    ("expected <block end>", "it is not indented as the lines above; align it with them"),
    ("could not find expected ':'", "a key without ':'; write key: value"),
    ("expected ',' or", "a bracket is not closed, or a comma is missing; add it"),
    ("expected the node content", "a value is missing, or a bracket is not closed; add it"),
    ("while scanning a quoted scalar", "a quote that is not closed, or what is in it; correct it"),
    ("while scanning a double-quoted scalar", "what follows a \\ in quotes; write \\\\ for one"),
    ("undefined alias", "an alias (*) of no anchor (&); correct its name"),
    ("duplicate anchor", "an anchor (&) given twice; give it another name"),
    ("expected a single document", "a second document after '---'; keep one"),
    ("cannot start any token", "a character that no value begins with; put the value in quotes"),
)


@dataclass(frozen=True)
class Files:
    """What configuration files say together."""

    mapping: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)
    """The same sections, with the file of each value in its place; None: of none. A list is one
    value."""

    def file_of(self, *keys: str) -> Path | None:
        """The file that gave the value at ``keys``; None: none did."""
        found: Any = self.sources
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else found
        return None if isinstance(found, dict) else found


def read_files(paths: Iterable[Path | str], overrides: Mapping[str, Any] | None = None) -> Files:
    """Read YAML or JSON files and merge them as Snakemake does, the later over the earlier.

    Sections are merged key by key, any other value is replaced. ``overrides`` (of ``--config``)
    come last; their texts are read like values in a file.

    Raises
    ------
    UserError
        A file is missing, holds no keys and values, or not what every reader understands alike.
    """
    result = Files()
    for path in map(Path, paths):
        content = read(path)
        if not isinstance(content, dict):
            held = "nothing" if content is None else _kind(content)
            raise UserError(f"{path}: holds {held}, not keys and values. Write them as key: value.")
        _merge(result.mapping, result.sources, content, path)
    _merge(result.mapping, result.sources, _overridden(overrides or {}, ()), None)
    return result


def read(path: Path | str) -> Any:
    """Read one YAML or JSON file.

    Raises
    ------
    UserError
        See :func:`read_files`.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ValueError("a folder" if path.is_dir() else "a device or pipe")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file. Give the path of a YAML file.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: not readable ({reason}). Give the path of a YAML file.") from None
    if len(content) > LARGEST_FILE:
        raise UserError(
            f"{path}: larger than {LARGEST_FILE // 2**20} MiB, too large for settings. Put tables "
            "and weights into files of their own, named in it."
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: no UTF-8 text (byte 0x{content[error.start]:02x}). Save the "
            "file as UTF-8."
        ) from None
    return _Document(str(path)).read(text)


class _Composer(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser,
                yaml.composer.Composer, yaml.resolver.BaseResolver):  # fmt: skip
    """Text to nodes with lines; what a value means is not decided here."""

    def __init__(self, text: str, too_deep: Callable[[int], UserError]):
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.composer.Composer.__init__(self)
        yaml.resolver.BaseResolver.__init__(self)
        self.depth, self.too_deep = 0, too_deep

    def compose_node(self, parent, index):
        self.depth += 1
        if self.depth > DEEPEST + 1:
            raise self.too_deep(self.line + 1)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Document:
    """A text on its way to values; ``name`` is the file's, for messages."""

    def __init__(self, name: str):
        self.name, self.values = name, 0

    def read(self, text: str) -> Any:
        if _is_json(text):  # which may be indented with tabs
            text = text.replace("\t", " ")
        try:
            node = _Composer(text, self._too_deep).get_single_node()
        except yaml.reader.ReaderError as error:
            line = text[: error.position].count("\n") + 1
            raise self._error(
                line, (), f"a character that no text holds (U+{error.character:04X}). Remove it"
            ) from None
        except yaml.MarkedYAMLError as error:
            raise self._damage(error) from None
        return None if node is None else self._value(node, (), 0)

    def _value(self, node: yaml.Node, keys: tuple[str, ...], depth: int) -> Any:
        self.values += 1
        line = node.start_mark.line + 1
        if self.values > MOST_VALUES:
            raise self._error(
                line,
                keys[:1],
                f"more than {MOST_VALUES:,} values, those that aliases (*) stand for included. "
                "Put tables into files of their own",
            )
        if depth > DEEPEST:
            raise self._too_deep(line)
        if isinstance(node, yaml.MappingNode):
            self._check_tag(node, "map", keys)
            return self._mapping(node, keys, depth)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, "seq", keys)
            items = enumerate(node.value)
            return [self._value(item, (*keys, str(index)), depth + 1) for index, item in items]
        return self._scalar(node, keys)

    def _mapping(self, node: yaml.MappingNode, keys: tuple[str, ...], depth: int) -> dict[str, Any]:
        given: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, keys)
            if key in lines:
                raise self._error(
                    line,
                    (*keys, key),
                    f"given a second time, first in line {lines[key]}. Keep one of them",
                )
            lines[key] = line
            value = self._value(value_node, (*keys, key), depth + 1)
            if key == "<<" and key_node.style is None:
                for section in value if isinstance(value, list) else [value]:
                    if not isinstance(section, dict):
                        raise self._error(
                            line, (*keys, key), "stands before no section. Name one, as <<: *name"
                        )
                    merged = section | merged
            else:
                given[key] = value
        return merged | given

    def _key(self, node: yaml.Node, keys: tuple[str, ...]) -> str:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(line, keys, "a key that is a list or section. Write a name")
        if node.style is None and node.value == "<<":
            return node.value
        key = self._scalar(node, (*keys, node.value))
        if not isinstance(key, str):
            raise self._error(
                line, (*keys, node.value), f'a key that is {_kind(key)}. Write it as "{node.value}"'
            )
        return key

    def _scalar(self, node: yaml.ScalarNode, keys: tuple[str, ...]) -> Any:
        line, tag = node.start_mark.line + 1, node.tag
        if tag == _TEXT and node.style is not None:
            return self._text(node.value, line, keys)
        try:
            value: Any = plain_value(node.value)
        except ValueError as problem:
            raise self._error(line, keys, str(problem)) from None
        if tag != _TEXT:
            kind = tag.rpartition(":")[2]
            if kind in _TYPES and isinstance(value, _TYPES[kind]):
                return float(value) if kind == "float" else value
            self._check_tag(node, "str", keys)
        return self._text(value, line, keys) if isinstance(value, str) else value

    def _text(self, text: str, line: int, keys: tuple[str, ...]) -> str:
        """``text`` with the two halves of a character, as JSON has them, joined."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._error(
                line, keys, "holds half of a character (\\ud800). Remove it"
            ) from None

    def _check_tag(self, node: yaml.Node, kind: str, keys: tuple[str, ...]) -> None:
        if node.tag != f"tag:yaml.org,2002:{kind}":
            written = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._error(
                node.start_mark.line + 1,
                keys,
                f"the tag {_short(written)} is not one for this value. Leave it out",
            )

    def _too_deep(self, line: int) -> UserError:
        return self._error(
            line, (), f"more than {DEEPEST} sections and lists within each other. Flatten them"
        )

    def _damage(self, error: yaml.MarkedYAMLError) -> UserError:
        mark = error.problem_mark or error.context_mark
        said = f"{error.context} {error.problem}"
        meant = next((text for part, text in _DAMAGE if part in said), "correct what stands there")
        return self._error(mark.line + 1 if mark else 1, (), f"not readable as YAML: {meant}")

    def _error(self, line: int, keys: tuple[str, ...], text: str) -> UserError:
        where = f"{_short('.'.join(keys))}: " if keys else ""
        return UserError(f"{self.name}, line {line}: {where}{text}.")


def plain_value(text: str) -> Any:
    """What text without quotes means to every reader of YAML.

    Raises
    ------
    ValueError
        Some take it for something else; the message says what to write.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    old = _YAML_1_1.resolve(yaml.ScalarNode, text, (True, False)).rpartition(":")[2]
    shown = _short(text)
    if old == "bool":
        raise ValueError(
            f"{shown} is true or false to some readers of YAML, text to others. Write true or "
            f'false, or "{shown}" for the text'
        )
    if _LEADING_ZERO.fullmatch(text):
        raise ValueError(
            f"{shown} is one number to some readers of YAML, another or text to others. Write a "
            f'decimal number without leading zeros, or "{shown}" for the text'
        )
    if _NUMBER.fullmatch(text):
        if len(text) > LONGEST_NUMBER:
            raise ValueError(f"a number of {len(text)} characters. Write it shorter, as 1e30")
        return float(text) if set(text) & set(".eE") else int(text)
    if old in ("int", "float"):
        raise ValueError(
            f"{shown} is a number to some readers of YAML, text to others. Write a decimal number, "
            f'or "{shown}" for the text'
        )
    if old != "str":
        raise ValueError(
            f'{shown} is no text to some readers of YAML. Write "{shown}" for the text'
        )
    return text


def _overridden(value: Any, keys: tuple[str, ...]) -> Any:
    """A value of ``--config``, where Snakemake leaves texts for what stands in a section."""
    if isinstance(value, Mapping):
        return {str(name): _overridden(one, (*keys, str(name))) for name, one in value.items()}
    if isinstance(value, list):
        return [_overridden(one, (*keys, str(index))) for index, one in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return plain_value(value)
    except ValueError as problem:
        where = _short(".".join(keys))
        raise UserError(
            f"--config, {where}: {problem}; texts that need quotes into a file."
        ) from None


def _merge(
    mapping: dict[str, Any], sources: dict[str, Any], changes: Mapping[str, Any], path: Path | None
) -> None:
    """Merge ``changes``, which ``path`` states, into ``mapping`` and ``sources``, see Files."""
    for name, value in changes.items():
        if not isinstance(value, Mapping):
            mapping[name], sources[name] = value, path
            continue
        if not isinstance(mapping.get(name), dict):
            if name in mapping and not value:
                continue  # an empty section changes nothing, as in Snakemake
            mapping[name], sources[name] = {}, {}
        _merge(mapping[name], sources[name], value, path)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return "nothing" if value is None else names.get(type(value), "text")


def _short(text: str) -> str:
    text = visible(text)
    return text if len(text) <= 60 else text[:57] + "..."


def visible(text: str) -> str:
    """``text`` with escapes in place of what a screen would not show, or would obey."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
