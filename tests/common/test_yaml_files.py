"""Configuration files mean one thing to all readers of YAML, and reading them always ends."""

import copy
import itertools
import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from aimcsim.common.errors import UserError
from aimcsim.common.yaml_files import MOST_VALUES, plain_value, read, read_files

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "config").rglob("*.yaml"))


def written(tmp_path, text, name="mine.yaml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def bomb(first: str, more: str) -> str:
    """Ten to the tenth values by aliases."""
    lines = [f"a0: &a0 {first}"]
    for level in range(1, 11):
        several = ", ".join(more.format(index, level - 1) for index in range(10))
        lines.append(f"a{level}: &a{level} " + ("[%s]" if first[0] == "[" else "{%s}") % several)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, ["a: given a second time", "first in line 1"]),
        ("w:\n  g: {k: 1}\n  g: {k: 2}", 3, ["w.g: given a second time", "line 2"]),
        ("a: {b: 1, b: 1}", 1, ["a.b: given a second time"]),
        ("a: [{b: 1,\n b: 1}]", 2, ["a.0.b: given a second time"]),
        ('{"a": {"b": 1,\n"b": 2}}', 2, ["a.b: given a second time"]),
        ('{"a": 1,\n\t"a": 2}', 2, ["a: given a second time"]),
        ('a: 1\n"a": 2', 2, ["a: given a second time"]),
        ("cores: yes", 1, ["cores: yes is true or false", 'Write true or false, or "yes"']),
        ("a:\n  b: [1, Off]", 2, ["a.b.1: Off is true or false"]),
        ("on: 1", 1, ["on: on is true or false"]),
        ("seed: 010", 1, ["seed: 010 is one number", "without leading zeros"]),
        ("seed: 08", 1, ["08"]),
        ("seed: -007", 1, ["-007"]),
        ("seed: 0o10", 1, ["0o10"]),
        ("seed: 0x10", 1, ["0x10"]),
        ("seed: 0b1", 1, ["0b1"]),
        ("t: 1:30", 1, ["t: 1:30 is a number to some"]),
        ("t: 1:30.5", 1, ["1:30.5"]),
        ("t: 1_000", 1, ["1_000 is a number to some"]),
        ("t: 1_000.5", 1, ["1_000.5"]),
        ("d: 2024-01-01", 1, ["2024-01-01", 'Write "2024-01-01"']),
        ("d: =", 1, ["d: = is no text"]),
        ('"a\\ufeff\\n": 1\n"a\\ufeff\\n": 2', 2, ["a\\ufeff\\n: given a second time"]),
        ("8: 1", 1, ['8: a key that is a number. Write it as "8"']),
        ("null: 1", 1, ["a key that is nothing"]),
        ("true: 1", 1, ["a key that is true or false"]),
        ("[1]: 1", 1, ["a key that is a list"]),
        ("{a: 1}: 1", 1, ["a key that is a list or section"]),
        ("a: !!python/tuple [1]", 1, ["a: the tag !!python/tuple", "Leave it out"]),
        ("a: !!python/object/apply:os.getcwd []", 1, ["the tag"]),
        ("a: !!set {b, c}", 1, ["the tag !!set"]),
        ("a: !!binary aGk=", 1, ["the tag !!binary"]),
        ("a: !!timestamp 2024-01-01", 1, ["2024-01-01"]),
        ("a: !mine 3", 1, ["the tag !mine"]),
        ("a: !!map [1]", 1, ["the tag !!map"]),
        ("a: !!int x", 1, ["the tag !!int"]),
        ("a: !!int 010", 1, ["010"]),
        ("a: &x [*x]", 1, ["within each other"]),
        ("a: &x {b: *x}", 1, ["within each other"]),
        ("\n" + "a: " + "[" * 20_000, 2, ["within each other"]),
        ("".join(" " * level + "a:\n" for level in range(100)), 25, ["within each other"]),
        (bomb("[x, y]", "*a{1}"), 1, ["values, those that aliases (*) stand for"]),
        (bomb("{x: 1, y: 2}", "k{0}: *a{1}"), 1, ["values, those that aliases"]),
        ("a: [" + "1," * MOST_VALUES + "]", 1, ["a: more than 100,000 values"]),
        ("a: " + "1" * 5000, 1, ["a: a number of 5000 characters"]),
        ("a:\n\t- 1", 2, ["a tab; indent with spaces"]),
        ("a: b: c", 1, ["a second ':'"]),
        ("a: 1\n   b: 2", 2, ["a second ':'"]),
        ("a:\n  - 1\n b: 2", 3, ["indented"]),
        ("a: 1\nb", 2, ["a key without ':'"]),
        ("a: [1, 2", 1, ["not closed"]),
        ("a: '1", 1, ["a quote that is not closed"]),
        ('a: "\\y"', 1, ["a \\ in quotes"]),
        ("a: *b", 1, ["an alias (*) of no anchor"]),
        ("a: &x 1\nb: &x 2", 2, ["an anchor (&) given twice"]),
        ("a: 1\n---\nb: 2", 2, ["a second document"]),
        ("a: @b", 1, ["put the value in quotes"]),
        ("a: 1\nb: \x00", 2, ["U+0000"]),
        ('a: "\\ud83d"', 1, ["half of a character"]),
        ("<<: 3", 1, ["stands before no section"]),
        (b"a: 1\nb: caf\xe9", 2, ["no UTF-8 text (byte 0xe9)", "Save the file as UTF-8"]),
        ("a: 1".encode("utf-16"), 1, ["no UTF-8 text"]),
    ],
)  # fmt: skip
def test_refused_by_name_and_line(tmp_path, text, line, words):
    path, began = written(tmp_path, text), time.process_time()
    with pytest.raises(UserError) as raised:
        read(path)
    message = str(raised.value)
    assert message.startswith(f"{path}, line {line}: "), message
    for word in words:
        assert word in message
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e5", 1e5), ("1e-3", 1e-3), (".5", 0.5), ("2.", 2.0), ("-3", -3), ("+3", 3), ("0", 0),
        ("0.5", 0.5), ("00.5", 0.5), ("1.5E+3", 1500.0), (".inf", float("inf")), ("~", None),
        ("null", None), ("", None), ("true", True), ("FALSE", False), ("y", "y"), ("N", "N"),
        ("'010'", "010"), ('"yes"', "yes"), ('"1:30"', "1:30"), ("1,5", "1,5"), ("a b", "a b"),
        ("!!float 3", 3.0), ("!!str a", "a"), ('!!int "3"', 3), ("|\n 010\n", "010\n"),
        ('"\\ud83d\\ude00"', "\U0001f600"), ("caf\u00e9", "caf\u00e9"), ("nan", "nan"),
    ],
)  # fmt: skip
def test_what_all_understand_alike_is_read(tmp_path, text, value):
    found = read(written(tmp_path, f"a: {text}"))["a"]
    assert found == value
    assert type(found) is type(value)


@given(st.text("0123456789_-+.:eExob yYnNTtruefalsnoinull~=<", max_size=8))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_plain_values_are_as_pyyaml_has_them_or_refused(text):
    """But numbers with an exponent, which it takes for text."""
    try:
        value = plain_value(text)
    except ValueError:
        return
    resolver = yaml.resolver.Resolver()
    old = resolver.resolve(yaml.ScalarNode, text, (True, False))
    loaded = yaml.SafeLoader("").construct_object(yaml.ScalarNode(old, text))
    if isinstance(loaded, str) and isinstance(value, float):
        assert "e" in text.lower()
    else:
        assert (loaded, type(loaded)) == (value, type(value)) or loaded != loaded


def test_aliases_and_merge_keys(tmp_path):
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  a: 5\n  <<: [*x, *y]\nw: {<<: *x}\nv: *x"
    path = written(tmp_path, text)
    assert read(path) == yaml.safe_load(text)
    assert read(path)["z"] == {"a": 5, "b": 2, "c": 4}


def test_json_as_snakemake_reads_it_too(tmp_path):
    content = {"study": "s", "a": {"b": [1, 2.5, True, None, "010", "\t"]}, "e": 1e5}
    path = written(tmp_path, json.dumps(content, indent="\t"), "mine.json")
    assert read(path) == content == load_configfile(path)


@pytest.mark.parametrize(
    "paths",
    [*itertools.product(CONFIGS), *itertools.pairwise(CONFIGS), CONFIGS],
    ids=lambda paths: "+".join(path.stem for path in paths[:2]),
)
def test_files_are_merged_as_snakemake_merges_them(paths):
    expected: dict = {}
    for path in paths:
        update_config(expected, load_configfile(path))
    assert read_files(paths).mapping == expected


sections = st.recursive(
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), sections, max_size=3), max_size=4))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_files_are_merged_as_snakemake_merges_them(tmp_path_factory, contents):
    folder, expected = tmp_path_factory.mktemp("files"), {}
    paths = []
    for index, content in enumerate(contents[:-1]):
        paths.append(written(folder, json.dumps(content), f"{index}.json"))
        update_config(expected, copy.deepcopy(content))
    overrides = contents[-1] if contents else {}
    update_config(expected, copy.deepcopy(overrides))
    files = read_files(paths, overrides)
    assert files.mapping == expected

    def sources(mapping, keys=()):
        for name, value in mapping.items():
            here = (*keys, name)
            if isinstance(value, dict):
                sources(value, here)
            else:
                source = files.file_of(*here)
                content = read(source) if source else overrides
                for key in here:
                    content = content[key]
                assert content == value

    sources(files.mapping)


def test_the_file_that_gave_a_value(tmp_path):
    one = written(tmp_path, "a: {b: 1, c: [1]}\nd: 1", "one.yaml")
    two = written(tmp_path, "a: {c: [2], e: {f: 3}}", "two.yaml")
    files = read_files([one, two], {"d": 4})
    assert files.mapping == {"a": {"b": 1, "c": [2], "e": {"f": 3}}, "d": 4}
    assert [files.file_of(*keys) for keys in (("a", "b"), ("a", "c"), ("a", "e", "f"))] == [
        one, two, two,
    ]  # fmt: skip
    assert files.file_of("d") is files.file_of("a") is files.file_of("a", "x") is None


def test_overrides_are_read_like_a_file():
    """Snakemake leaves texts for what stands in sections of ``--config``."""
    given = {"a": {"b": "3", "c": ["1e-3", "true", "x"]}, "d": 5, "e": None}
    expected = {"a": {"b": 3, "c": [1e-3, True, "x"]}, "d": 5, "e": None}
    assert read_files([], given).mapping == expected
    with pytest.raises(UserError, match=r"--config, a\.b: 1:30 is a number to some"):
        read_files([], {"a": {"b": "1:30"}})


@pytest.mark.parametrize(
    ("text", "words"),
    [("- 1", "holds a list"), ("", "holds nothing"), ("5", "holds a number"), ("x", "holds text")],
)
def test_a_file_holds_keys_and_values(tmp_path, text, words):
    with pytest.raises(UserError, match=f"mine.yaml: {words}, not keys and values"):
        read_files([written(tmp_path, text)])


def test_files_that_cannot_be_read(tmp_path):
    for path, words in (
        (tmp_path, "a folder"),
        (Path("/dev/zero"), "a device"),
        (tmp_path / "no.yaml", "no such file"),
        (tmp_path / ("x" * 300), "too long"),
        ("a\x00b", "not readable"),
        (written(tmp_path, "#" * 2**21), "larger than 1 MiB"),
    ):
        with pytest.raises(UserError, match=words) as raised:
            read(path)
        assert str(raised.value).startswith(f"{path}: ")
