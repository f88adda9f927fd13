"""Configuration errors name the key, the value and the remedy."""

import pytest

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping, from_yaml

WEIGHTS = {"g": {"kind": "gaussian"}}
BOTH = {"iterative": {}, "gdp": {}}
FOUR = {"methods": {"gdp": {}, "iterative": {}, "hadamard": {}, "open_loop": {}}}
TDP = {"evaluation": {"statistics": "hermes_tdp", "times": [300]}}
CURVE = {"pulse": [0, 1], "mean": [1, 2], "std": [0, 0]}


def test_a_single_value_is_a_sweep_of_one():
    config = from_mapping({"weights": WEIGHTS, "methods": BOTH | {"gdp": {"floor": 3}}})
    assert config.methods["gdp"].floor == (3.0,)


def test_methods_come_in_the_order_of_the_file():
    config = from_mapping({"weights": WEIGHTS, **FOUR})
    assert list(config.methods) == ["gdp", "iterative", "hadamard", "open_loop"]
    assert [run.method for run in config.runs()] == list(config.methods)
    assert list(from_mapping({"weights": WEIGHTS}).methods) == ["iterative", "gdp"]


def test_weight_set_kinds_are_told_apart():
    kinds = {"a": {"kind": "ternary"}, "b": {"kind": "digits"}, "c": {"kind": "file", "path": "x"}}
    config = from_mapping({"weights": kinds})
    assert [type(definition).__name__ for definition in config.weights.values()] == [
        "SyntheticWeights",
        "DigitsWeights",
        "FileWeights",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": {"g": {"kind": "gaussian", "row": 3}}}, ["weights.g.row", "'rows'"]),
        ({"weights": {"g": {}}}, ["weights.g", "kind is missing"]),
        ({"weights": {"1st": {"kind": "gaussian"}}}, ["1st"]),
        (
            {"methods": BOTH | {"gdp": {"floor": [2, 2]}}},
            ["methods.gdp", "[2, 2]", "floor names a value twice"],
        ),
        (
            {"methods": BOTH | {"gdp": {"batch_size": ["x"]}}},
            ["methods.gdp.batch_size.0", "'x'", "whole number"],
        ),
        ({"core": {"rows": 0}}, ["core.rows", "0", "at least 1"]),
        ({"seed": float("nan")}, ["seed", "nan"]),
        ({"device": {"read_noise": float("inf")}}, ["device.read_noise", "inf"]),
        ({"study": "a/b"}, ["study", "a/b"]),
        ({"periphery": 3}, ["periphery", "3"]),
        ({"zzz": 1}, ["zzz", "Known keys here", "weights"]),
        ({"weights": {"g": {"kind": "gaussian"}, "G": {"kind": "gaussian"}}}, ["weights", "case"]),
        ({"device": {"g_reset": 30}}, ["device", "g_reset (30)"]),
        ({"core": {"unit_cell": "tdp"}}, ["hermes_tdp"]),
        (
            {"methods": {"hadamard": {}, "gdp": {}}},
            ["baseline is 'iterative'", "hadamard, gdp"],
        ),
        ({"methods": BOTH | {"GDP": {"algorithm": "gdp"}}}, ["methods", "differ in case"]),
        (
            {"methods": BOTH | {"spsa": {}}},
            ["methods.spsa", "algorithm is missing", "hadamard"],
        ),
        (
            {"methods": BOTH | {"new": {"algorithm": "spsa"}}},
            ["methods.new", "'spsa'", "algorithm must be one of", "hadamard"],
        ),
        ({**FOUR, "core": {"unit_cell": "tdp"}, **TDP}, ["open_loop.statistics", "hermes_tdp"]),
        (
            {
                "methods": BOTH | {"gdp": {"start": "baseline"}, "hadamard": {"start": "reset"}},
                "core": {"unit_cell": "max_fill"},
            }
            | TDP,
            ["methods.hadamard.start 'reset'", "start from a method"],
        ),
        (
            {"methods": BOTH | {"hadamard": {"amplitude": 0.1}}, "periphery": {"dac_bits": 3}},
            ["methods.hadamard.amplitude 0.1", "larger"],
        ),
        ({"device": {"model": "x"}}, ["device", "model must be one of", "set_accumulation"]),
        ({"device": {"read_nois": 1}}, ["device.read_nois", "'read_noise'"]),
        ({"device": {"model": "set_accumulation", "mean_gg": 1}}, ["device.mean_gg", "'mean_g'"]),
        ({"device": {"model": "set_accumulation", "g_min": 13}}, ["device", "g_min (13)"]),
        ({"device": {"model": "set_accumulation", "mean_p": -2}}, ["mean_0 + mean_p", "leave"]),
        ({"device": {"model": "table", "path": "a.csv"}}, ["device.g_max", "required"]),
        ({"device": {"model": "table", "g_max": 5}}, ["device", "path", "columns"]),
        (
            {"device": {"model": "table", "g_max": 5, "columns": {"mean": [1, 2], "std": [0]}}},
            ["device.columns", "differ in length", "std 1"],
        ),
        (
            {"device": {"model": "table", "g_max": 5, "columns": {**CURVE, "mena": [1, 2]}}},
            ["device.columns.mena", "'mean'"],
        ),
    ],
)
def test_errors_name_key_value_and_remedy(changes, words):
    with pytest.raises(UserError) as raised:
        from_mapping({"weights": WEIGHTS, **changes}, "mine.yaml")
    message = str(raised.value)
    assert message.startswith("mine.yaml: 1 invalid key(s)")
    for word in words:
        assert word in message


def test_max_fill_has_no_start_from_reset():
    study = {
        "weights": WEIGHTS,
        "core": {"unit_cell": "max_fill"},
        "evaluation": {"statistics": "hermes_tdp", "times": [300.0]},
        "methods": BOTH | {"gdp": {"start": ["iterative", "reset"]}},
    }
    with pytest.raises(UserError, match=r"methods\.gdp\.start 'reset'.*max_fill"):
        from_mapping(study)


def test_weights_are_required():
    with pytest.raises(UserError, match=r"weights: got \{\}; must not be empty"):
        from_mapping({"cores": 2})


def test_all_errors_are_listed_at_once():
    with pytest.raises(UserError, match="3 invalid") as raised:
        from_mapping({"weights": {}, "cores": 0, "methods": BOTH | {"gdp": {"floor": []}}})
    assert str(raised.value).count("\n") == 3


def test_a_message_lists_no_more_than_one_can_read():
    with pytest.raises(UserError, match=r"400 invalid key\(s\)\n") as raised:
        from_mapping({"weights": WEIGHTS, "methods": BOTH | {"gdp": {"floor": [-1] * 400}}})
    assert str(raised.value).count("\n") == 21
    assert str(raised.value).endswith("\n  and 380 more.")


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [1", "not readable as YAML"), ("- 1", "holds a list"), ("", "holds nothing")],
)
def test_unusable_files_are_named(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=words) as raised:
        from_yaml(path)
    assert "mine.yaml" in str(raised.value)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(UserError, match="not readable"):
        from_yaml(tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no\.yaml"):
        from_yaml(tmp_path / "no.yaml")


def test_a_device_without_a_model_is_a_melt_quench_device():
    config = from_mapping({"weights": WEIGHTS, "device": {"read_noise": 0.03}})
    assert config.device == MeltQuench(read_noise=0.03)


@pytest.mark.parametrize("model", ["set_accumulation", "table"])
def test_unit_cells_of_two_devices_are_for_melt_quench_devices(model):
    device = {"model": model} | ({"path": "a.csv", "g_max": 5} if model == "table" else {})
    study = {
        "weights": WEIGHTS,
        "device": device,
        "core": {"unit_cell": "tdp"},
        "evaluation": {"statistics": "pcm_90nm", "times": []},
    }
    with pytest.raises(UserError, match=rf"core.unit_cell tdp .* device.model {model} use .*odp"):
        from_mapping(study)
    assert from_mapping(study | {"core": {}}).device.model == model


def test_a_90_nm_device_has_no_14_nm_statistics():
    study = {"weights": WEIGHTS, "device": {"model": "set_accumulation"}}
    with pytest.raises(UserError, match=r"evaluation.statistics hermes_odp .* use pcm_90nm"):
        from_mapping(study)
    assert from_mapping(study | {"evaluation": {"statistics": "pcm_90nm"}})
