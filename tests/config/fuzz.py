"""Configurations as nobody would write them: read, or refused with one message.

A short run is a test (``test_fuzz.py``); a long one:

    python -m tests.config.fuzz --inputs 10000

Inputs are the bytes of a file. Four kinds: drawn from the JSON schema; shipped configurations with
values changed; with their text changed; with bytes changed. Each has to end soon, within bounded
memory, in a study that can be planned, or in one message that names a key or a line.
"""

import argparse
import contextlib
import functools
import json
import re
import resource
import signal
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from aimcsim.common.errors import UserError
from aimcsim.config.load import cases, from_mapping, from_yaml
from aimcsim.sweep.cut import cut
from aimcsim.sweep.plan import Plan
from aimcsim.sweep.resolve import settled, settled_backend, warned
from tests.common.test_words import JARGON

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("tiny", "set_accumulation", "resnet9", "map", "methods", "ablation", "default")
SHIPPED = [ROOT / "config" / f"{name}.yaml" for name in NAMES]
SECONDS = 20  # of processor time that an input may take
MOST_PAIRS = 3000  # of a chip and a run: studies of more are read, and not cut into jobs
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 0.5, -0.5, 1e-30, 1e30, 1e308, 10**18, float("inf"),
    float("nan"), "", "yes", "010", "1:30", "1e3", "a", "gdp", "gaussian", "reset", "baseline",
    "../..", "~/x", "a b", "\U0001f600", "\u202e", "\x00", "{x}", "$x$", "x" * 3000, [], {}, [[]],
    [None], [1, 2, 3], [1, 1], {"a": 1}, {"a": {"b": {"c": []}}}, [{}], list(range(400)),
    "nobody.py:Mine", "no.csv",
]  # fmt: skip
TOKENS = [
    "&a ", "*a", "<<: *a\n", "!!int ", "!!python/object:os.system ", "!x ", "---\n", "...\n", "{",
    "}", "[", "]", ":", ": ", "- ", "\t", "'", '"', "#", "|\n", ">\n", "%YAML 1.1\n", "\u2028",
    "\ufeff", "yes", "010", "1:30", "0x1f", "1_000", "2024-01-01", "?", ",", "\n", "  ", "\r", "~",
    "null", "\\", '"\\ud800"', "\x85", "\xa0",
]  # fmt: skip


@functools.cache
def schema() -> dict[str, Any]:
    return json.loads((ROOT / "workflow" / "schemas" / "config.schema.json").read_text())


@functools.cache
def texts() -> list[str]:
    return [path.read_text() for path in SHIPPED]


@functools.cache
def contents() -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for text in texts()]


@functools.cache
def known_keys() -> frozenset[str]:
    """Every key of every section."""

    def keys(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from part.get("properties", {})
            for inner in part.values():
                yield from keys(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from keys(inner)

    return frozenset(keys(schema()))


@st.composite
def of_schema(draw: st.DrawFn, part: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """A value as the schema has it: mostly valid, at its bounds more often than not."""
    part = schema() if part is None else part
    if "$ref" in part:
        part = schema()["$defs"][part["$ref"].rpartition("/")[2]] | {
            name: value for name, value in part.items() if name != "$ref"
        }
    for several in ("anyOf", "oneOf"):
        if several in part:
            return draw(of_schema(draw(st.sampled_from(part[several])), depth))
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return draw(st.sampled_from(part["enum"]))
    kind = part.get("type")
    if kind in ("integer", "number"):
        low = part.get("minimum", part.get("exclusiveMinimum", -1e3))
        high = part.get("maximum", part.get("exclusiveMaximum", 1e3))
        if kind == "integer":
            near = st.integers(int(low), int(min(high, low + 300)))
            return draw(near | st.sampled_from([int(low), int(high)]))
        return draw(st.floats(low, high) | st.floats(low, min(high, low + 1)))
    if kind == "boolean":
        return draw(st.booleans())
    if kind == "null":
        return None
    if kind == "string":
        return draw(st.from_regex(part["pattern"], fullmatch=True) if "pattern" in part
                    else st.sampled_from(["", "a", "no.csv", "a b"]))  # fmt: skip
    if kind == "array":
        items = part.get("items") or (part.get("prefixItems") or [{}])[0]
        least = part.get("minItems", 0)
        return draw(st.lists(of_schema(items, depth + 1), min_size=least, max_size=least + 3))
    named = part.get("properties", {})
    if named or depth > 4:
        required = set(part.get("required", ()))
        weights = {name: name in required or draw(st.integers(0, 3)) == 0 for name in named}
        return {n: draw(of_schema(named[n], depth + 1)) for n, taken in weights.items() if taken}
    inner = part.get("additionalProperties")
    if isinstance(inner, dict):
        names = draw(st.lists(st.sampled_from(["a", "b", "gdp", "iterative"]), max_size=3))
        return {name: draw(of_schema(inner, depth + 1)) for name in dict.fromkeys(names)}
    return draw(st.sampled_from(ODD))


def dumped(content: Any) -> bytes:
    """YAML whose numbers and texts our reader takes as they are."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


@st.composite
def drawn_from_schema(draw: st.DrawFn) -> bytes:
    content = draw(of_schema())
    if not content.get("weights"):
        content["weights"] = {"g": {"kind": "gaussian"}}
    # Most studies drawn so lack the two methods that the claims are about.
    if draw(st.booleans()):
        content.pop("methods", None)
        content.pop("baseline", None)
        content.pop("subject", None)
    return dumped(content)


def places(content: Any, keys: tuple = ()) -> Iterator[tuple]:
    yield keys
    if isinstance(content, dict):
        for key, part in content.items():
            yield from places(part, (*keys, key))
    elif isinstance(content, list):
        for index, part in enumerate(content):
            yield from places(part, (*keys, index))


def at(content: Any, keys: tuple) -> Any:
    for key in keys:
        content = content[key]
    return content


@st.composite
def changed_values(draw: st.DrawFn) -> bytes:
    """Values replaced, removed, renamed, moved."""
    content = json.loads(json.dumps(draw(st.sampled_from(contents()))))
    for _ in range(draw(st.integers(1, 3))):
        known = list(places(content))[1:]
        if not known:
            break
        *way, last = draw(st.sampled_from(known))
        section = at(content, tuple(way))
        what = draw(st.integers(0, 5))
        if what == 0:
            del section[last]
        elif what == 1 and isinstance(section, dict):
            name = str(last)
            middle = draw(st.integers(0, max(len(name) - 1, 0)))
            section[name[:middle] + name[middle + 1 :]] = section.pop(last)
        elif what == 2:
            section[last] = json.loads(json.dumps(at(content, draw(st.sampled_from(known)))))
        elif what == 3:
            section[last] = draw(of_schema(draw(st.sampled_from(list(schema()["$defs"].values())))))
        else:
            section[last] = draw(st.sampled_from(ODD))
        content = json.loads(json.dumps(content))  # no part of it twice
    return dumped(content)


@st.composite
def changed_text(draw: st.DrawFn) -> bytes:
    """Lines removed, doubled, moved and indented otherwise; tokens of YAML put in."""
    lines = draw(st.sampled_from(texts())).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        what = draw(st.integers(0, 5))
        if what == 0:
            del lines[number]
        elif what == 1:
            lines.insert(draw(st.integers(0, len(lines))), lines[number])
        elif what == 2:
            lines[number] = " " * draw(st.integers(0, 5)) + lines[number].lstrip()
        elif what == 3:
            lines[number] = lines[number].replace(
                ":", draw(st.sampled_from([": :", "", "=", ":\n"])), 1
            )
        else:
            place = draw(st.integers(0, len(lines[number])))
            token = draw(st.sampled_from(TOKENS))
            lines[number] = lines[number][:place] + token + lines[number][place:]
        lines = lines or [""]
    return "".join(lines).encode()


@st.composite
def changed_bytes(draw: st.DrawFn) -> bytes:
    """Bytes flipped, removed, put in; the file cut."""
    content = bytearray(draw(st.sampled_from(texts())).encode())
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(content)))
        what = draw(st.integers(0, 3))
        if what == 0 and place < len(content):
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif what == 1:
            del content[place : place + draw(st.integers(1, 40))]
        elif what == 2:
            content[place:place] = draw(st.binary(min_size=1, max_size=6))
        elif draw(st.integers(0, 4)) == 0:
            del content[place:]
    return bytes(content)


KINDS = {
    "schema": drawn_from_schema(),
    "values": changed_values(),
    "text": changed_text(),
    "bytes": changed_bytes(),
}


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """A TimeoutError after so much processor time of this process."""

    def stop(_signal, _frame):
        raise TimeoutError(f"not ended after {seconds:g} s of processor time")

    old = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)


def outcome(content: bytes, folder: Path) -> str:
    """``planned``, ``accepted`` (more than is cut into jobs here) or ``refused``.

    Raises whatever is neither: an AssertionError says what is wrong with a message.
    """
    path = folder / "fuzzed.yaml"
    path.write_bytes(content)
    with limited(SECONDS):
        try:
            config = from_yaml(path)
            parts = [config, *(case.config for case in cases(config))]
            ready = [settled(part) for part in parts]
            settled_backend(parts)
            warned(config)
        except UserError as error:
            check_message(str(error), str(path))
            return "refused"
        # What is read is written for the stages that follow, and read by them.
        again = json.loads(Plan(config, [], "").text)["config"]
        assert from_mapping(again) == config
        if sum(one.cores * len(one.runs()) * len(one.weights) for one in ready) > MOST_PAIRS:
            return "accepted"
        with tempfile.TemporaryDirectory(dir=folder) as shards:
            assert all(cut(ready, Path(shards)))
        return "planned"


def check_message(message: str, origin: str) -> None:
    """One message, which names a key or a line, in our words."""
    assert message.strip()
    assert len(message) < 20_000, f"{len(message)} characters"
    assert message.isprintable() or "\n" in message
    text = message.replace(origin, "fuzzed.yaml")
    named = re.search(r"line \d+", text) or known_keys() & set(re.findall(r"[A-Za-z_]\w*", text))
    assert named or "not keys and values" in text, "no key and no line"
    said = re.sub(r"(?s)got .*?; |\(value .*?\)\. |'[^']*'", "", text)
    found = JARGON.search(said.replace("invalid key(s)", ""))
    assert not found, f"jargon '{found and found[0]}'"


def run(kind: str, count: int, number: int, folder: Path) -> tuple[Counter, list[str]]:
    """Outcomes of ``count`` inputs of a kind, and what was neither read nor refused well."""
    found: Counter = Counter()
    wrong: list[str] = []

    @seeded(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(KINDS[kind])
    def one(content: bytes) -> None:
        try:
            found[outcome(content, folder)] += 1
        except Exception:
            found["wrong"] += 1
            wrong.append(f"{content!r}\n{traceback.format_exc()}")

    one()
    return found, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description="Read configurations as nobody would write them.")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, action="append")
    options = parser.parse_args()
    kinds = options.kind or list(KINDS)
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            found, wrong = run(kind, options.inputs // len(kinds), options.seed, Path(folder))
            print(kind, dict(found), flush=True)
            for text in wrong[:20]:
                print(text[-3000:])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{memory:.0f} MB of memory at most")


if __name__ == "__main__":
    main()
