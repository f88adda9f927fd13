"""The generated files are in step with the models, and every shipped config is valid."""

import json
import textwrap
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from aimcsim.chip.devices.registry import DEFAULT
from aimcsim.config import document
from aimcsim.config.load import from_mapping, from_yaml
from aimcsim.config.methods import ONE_OF_METHODS
from aimcsim.config.models import ONE_OF_DEVICES, ONE_OF_WEIGHTS, Config

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


def test_generated_files_are_current():
    remedy = "run `aimcsim config --write`"
    assert (ROOT / document.DEFAULT_YAML).read_text() == document.commented_yaml(), remedy
    assert (ROOT / document.SCHEMA).read_text() == document.schema_json(), remedy
    assert (ROOT / document.CHECKS_MD).read_text() == document.checks_table(), remedy


def test_default_yaml_is_the_default_study():
    assert from_yaml(ROOT / document.DEFAULT_YAML) == document.default_study()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_are_valid_for_models_and_schema(path):
    from_yaml(path)
    schema = json.loads((ROOT / document.SCHEMA).read_text())
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


def test_every_key_has_a_comment_with_its_effect():
    lines = document.commented_yaml().splitlines()

    def keys(model: type[BaseModel], indent: str):
        for name, field in model.model_fields.items():
            yield f"{indent}{name}:", field.description
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from keys(field.annotation, indent + "  ")

    for start, effect in keys(Config, ""):
        assert effect, start
        found = [i for i, line in enumerate(lines) if line.startswith(start)]
        assert found, start
        assert lines[found[0] - 1].lstrip().startswith("#"), start


def test_every_kind_and_its_keys_are_described():
    """In comments which, uncommented, are a section of that kind."""
    text = " ".join(line.lstrip("# ") for line in document.commented_yaml().splitlines())
    for choice in (ONE_OF_DEVICES, ONE_OF_METHODS, ONE_OF_WEIGHTS):
        known = choice.sections()
        for name in choice.registry.packaged():
            for key, field in known[name].model_fields.items():
                if key != "label":
                    assert f" {key}: " in text
                    assert field.description in text
            shown = known[name].__doc__.strip().split("\n\n")[0].split()
            used = name in {DEFAULT, "iterative", "gdp"}
            assert used or " ".join(shown) in text


@pytest.mark.parametrize(
    ("title", "section", "tag"),
    [("Other devices", "device", "model"), ("Other algorithms", "methods", "algorithm"),
     ("All kinds and their keys", "weights", "kind"), ("A comparison and its keys", "compare", "")],
)  # fmt: skip
def test_what_stands_in_comments_is_valid_where_it_is_uncommented(title, section, tag):
    lines = document.commented_yaml().splitlines()
    start = lines.index(f"# {title}:") + 1
    end = lines.index("", start)
    blocks = "\n".join(line.removeprefix("# ").removeprefix("#") for line in lines[start:end])
    study = {"weights": {"g": {"kind": "gaussian"}}}
    for block in blocks.split("\n\n"):
        found = yaml.safe_load(textwrap.dedent(block))
        if section == "device":
            found |= {"g_max": 5.0, "path": "a.csv"} if found["model"] == "table" else {}
            statistics = {"evaluation": {"statistics": "pcm_90nm"}}
            assert from_mapping(study | {section: found} | statistics).device.model == found[tag]
        elif section == "methods":
            methods = {"iterative": {}, "gdp": {}} | found
            assert from_mapping(study | {section: methods}).methods["mine"]
        elif section == "weights":
            found["mine"]["path"] = found["mine"].get("path", "") or "a.npy"
            if found["mine"][tag] not in ("file", "network"):
                del found["mine"]["path"]
            assert from_mapping({section: found}).weights["mine"].kind == found["mine"][tag]
        else:
            found["mine"] |= {"keys": ["cores"], "values": [1, 2]}
            assert from_mapping(study | {section: found}).compare["mine"]


def test_help_makes_sense_alone():
    """As in an editor's tooltip: it does not go on from the key before."""
    schema = json.loads(document.schema_json())
    texts = [
        (name, key, about["description"])
        for name, section in schema["$defs"].items()
        for key, about in section.get("properties", {}).items()
        if "description" in about
    ]
    assert len(texts) > 100
    for name, key, text in texts:
        goes_on = ("The same", "Nor ", "Their ", "Its ", "It ", "That ", "This ", "Also ")
        assert not text.startswith(goes_on), f"{name}.{key}: {text}"
        assert text.endswith("."), f"{name}.{key}: {text}"


def test_no_line_is_wider_than_a_page():
    assert max(map(len, document.commented_yaml().splitlines())) <= 100


def test_kinds_of_a_users_file_are_in_no_generated_file(tmp_path, monkeypatch):
    before = document.commented_yaml(), document.schema_json()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import aimcsim\nclass Mine(aimcsim.Method):\n    strength: int = 3\n"
        "    def longest(self, core):\n        return 1\n"
        "    @classmethod\n    def program(cls, points, start, targets):\n        return None\n"
    )
    methods = {"iterative": {}, "gdp": {}, "mine": {"algorithm": "mine.py:Mine"}}
    config = from_mapping({"weights": {"g": {"kind": "gaussian"}}, "methods": methods})
    assert config.methods["mine"].strength == (3,)
    assert (document.commented_yaml(), document.schema_json()) == before
