"""Training settings: the shipped files are valid, mistakes are named."""

from pathlib import Path

import pytest

from aimcsim.common.errors import UserError
from aimcsim.training.settings import from_yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "train").glob("*.yaml")), ids=str)
def test_shipped_settings_end_aware_of_the_hardware(path):
    settings = from_yaml(path)
    assert settings.phases[0].weight_noise == 0
    last = settings.phases[-1]
    assert last.weight_noise > 0
    assert last.converter_bits == 8
    assert last.clip_sigmas


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phases: []", "phases"),
        ("phases: [{name: a, epochs: 1}]", r"phases\.0\.learning_rate"),
        ("phases: [{name: a, epochs: 1, learning_rate: 1}]\nbatsch: 3", "batsch"),
        ("phases: [{name: a, epochs: 0, learning_rate: 1}]", r"phases\.0\.epochs"),
        ("phases: [", "line 1: not readable as YAML: a value is missing, or a bracket"),
        ("", "holds nothing"),
        (
            "phases: [{name: a, epochs: 1, learning_rate: 1}]\nnetwork: {widths: [28, 56, 80]}",
            "169028 weights",
        ),
        (
            "phases: [{name: a, epochs: 1, learning_rate: 1},"
            " {name: a, epochs: 1, learning_rate: 1}]",
            "give each its own",
        ),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        from_yaml(path)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"absent\.yaml"):
        from_yaml(tmp_path / "absent.yaml")
