"""Comparisons: cases are the study with some keys changed, and their errors name the case."""

import pytest

from aimcsim.common.errors import UserError
from aimcsim.config.compare import merged
from aimcsim.config.load import cases, from_mapping

WEIGHTS = {"g": {"kind": "gaussian"}, "u": {"kind": "uniform"}}
TDP = {"core": {"unit_cell": "tdp"}, "evaluation": {"statistics": "hermes_tdp", "times": [300]}}


def study(**comparisons):
    return from_mapping({"weights": WEIGHTS, "compare": comparisons}, "mine.yaml")


def test_values_set_all_keys_together_and_leave_the_rest():
    config = study(adc={"keys": ["periphery.adc_bits", "periphery.dac_bits"], "values": [5, 8]})
    five, eight = cases(config)
    assert (five.label, five.value) == ("adc/5", 5)
    assert five.config.periphery.adc_bits == five.config.periphery.dac_bits == 5
    assert five.config.model_copy(update={"periphery": config.periphery, "compare": {}}) == (
        config.model_copy(update={"compare": {}})
    )
    of_eight = config.periphery.model_copy(update={"adc_bits": 8.0})  # and DACs have 8 bits
    assert eight.config == config.model_copy(update={"periphery": of_eight, "compare": {}})


def test_named_cases_shared_changes_and_weight_sets():
    always = {"periphery": {"dac_bits": 6}, "cores": 2}
    config = study(cell={"cases": {"odp": {}, "tdp": TDP}, "always": always, "weights": ["u"]})
    odp, tdp = (case.config for case in cases(config))
    assert (odp.core.unit_cell, tdp.core.unit_cell) == ("odp", "tdp")
    for case in (odp, tdp):
        assert list(case.weights) == ["u"]
        assert case.periphery.dac_bits == 6
        assert case.cores == 2


def test_a_section_of_another_model_is_replaced_whole():
    base = {"device": {"model": "melt_quench", "g_max": 3}, "seed": 1}
    assert merged(base, {"device": {"g_max": 4}})["device"] == {"model": "melt_quench", "g_max": 4}
    assert merged(base, {"device": {"model": "other"}})["device"] == {"model": "other"}


def test_names_of_comparisons_that_differ_in_case_alone_are_refused():
    cores = {"keys": ["cores"], "values": [1, 2]}
    with pytest.raises(UserError, match=r"compare: .*differ in case"):
        study(a=cores, A=cores)


def test_case_names_of_numbers_and_flags():
    config = study(
        a={"keys": ["defects.stuck_set"], "values": [0.0, 0.001]},
        b={"keys": ["methods.iterative.reverify"], "values": [True, False]},
    )
    assert [case.label for case in cases(config)] == ["a/0.0", "a/0.001", "b/true", "b/false"]
    assert cases(config)[3].config.methods["iterative"].reverify == (False,)


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        ({"keys": ["periphery.adc_bits"], "values": [1, 5]}, ["compare.c '1'", "periphery.adc_b"]),
        ({"keys": ["periphery.adc_bit"], "values": [4, 5]}, ["compare.c '4'", "'adc_bits'"]),
        ({"keys": ["seed"], "values": [1, 2]}, ["compare.c", "'seed'"]),
        ({"cases": {"a": {}, "b": {"weights": {}}}}, ["compare.c", "'weights'"]),
        ({"keys": ["cores"], "values": [2]}, ["compare.c", "at least two"]),
        ({"keys": ["cores"]}, ["compare.c", "keys and values"]),
        ({"keys": ["cores"], "values": [1, 2], "cases": {"x": {}}}, ["compare.c", "or cases"]),
        ({"cases": {"a": {}, "A": {"cores": 2}}}, ["compare.c", "one name"]),
        ({"cases": {"a": {}, "b/c": {}}}, ["compare.c.cases", "b/c"]),
        ({"keys": ["cores"], "values": [1, 2], "weights": ["x"]}, ["weights", "'x'", "g, u"]),
        ({"cases": {"a": {}, "b": {"inference": {"images": 9}}}}, ["compare.c", "inference.im"]),
        ({"keys": ["inference.calibration"], "values": [9, 99]}, ["compare.c", "inference.ca"]),
        ({"cases": {"a": {}, "b": {"inference": 9}}}, ["compare.c 'b'", "inference"]),
        ({"cases": {"a": {}, "b": {"core": {"unit_cell": "tdp"}}}}, ["compare.c 'b'", "hermes_t"]),
    ],
)
def test_errors_name_the_case_and_the_key(comparison, words):
    with pytest.raises(UserError) as raised:
        study(c=comparison)
    assert str(raised.value).startswith("mine.yaml")
    for word in words:
        assert word in str(raised.value)


def test_a_grid_has_a_case_for_each_pair_of_values():
    grid = {"periphery.adc_noise": [0.0, 0.5], "device.read_noise": [0.0, 0.04, 0.08]}
    config = study(noise={"grid": grid, "always": {"cores": 2}})
    found = [
        (case.config.periphery.adc_noise, case.config.device.read_noise, case.config.cores)
        for case in cases(config)
    ]
    assert found == [(a, b, 2) for a in grid["periphery.adc_noise"] for b in (0, 0.04, 0.08)]
    assert [case.label for case in cases(config)][:2] == ["noise/0_0", "noise/0_0.04"]


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        ({"grid": {"device.read_noise": [0, 1]}}, "grid has 1 key"),
        ({"grid": {"device.read_noise": [0, 1], "cores": [1]}}, "grid.cores: got"),
        ({"grid": {"cores": [1, 2], "seed": [1, 2]}, "cases": {"a": {}, "b": {}}}, "or grid, or"),
    ],
)
def test_a_grid_is_of_two_keys_with_values_and_nothing_beside(comparison, words):
    with pytest.raises(UserError, match=words):
        study(c=comparison)
