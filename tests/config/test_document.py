"""The generated files are in step with the models, and every shipped config is valid."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from aimcsim.chip.devices.registry import DEFAULT, DEVICES
from aimcsim.config import document
from aimcsim.config.load import from_mapping, from_yaml
from aimcsim.config.models import Config

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


def test_generated_files_are_current():
    remedy = "run `aimcsim config --write`"
    assert (ROOT / document.DEFAULT_YAML).read_text() == document.commented_yaml(), remedy
    assert (ROOT / document.SCHEMA).read_text() == document.schema_json(), remedy


def test_default_yaml_is_the_default_study():
    assert from_yaml(ROOT / document.DEFAULT_YAML) == from_mapping(document.DEFAULT_STUDY)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_are_valid_for_models_and_schema(path):
    from_yaml(path)
    schema = json.loads((ROOT / document.SCHEMA).read_text())
    instance = yaml.safe_load(path.read_text())
    # A single value may stand for a list of one; the schema describes the list.
    for key, value in instance.get("gdp", {}).items():
        instance["gdp"][key] = value if isinstance(value, list) else [value]
    jsonschema.validate(instance, schema)


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


def test_every_key_of_the_other_devices_is_described():
    text = " ".join(line.lstrip("# ") for line in document.commented_yaml().splitlines())
    names = set(DEVICES) - {DEFAULT}
    for device in [DEVICES[name] for name in names if ".py:" not in name]:
        assert f"model {device.model_fields['model'].default}: {device.__doc__}" in text
        for name, field in device.model_fields.items():
            if name != "model":
                assert f" {name}: " in text
                assert field.description in text
