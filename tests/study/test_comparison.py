"""The cases of a comparison side by side, and the claim on coarse converters."""

import numpy as np
import pytest

from aimcsim.common.errors import UserError
from aimcsim.config.load import cases, from_mapping
from aimcsim.study.comparison import compare
from aimcsim.study.regret import agnosticism
from aimcsim.study.resolution import coarse_against_fine
from tests.study import example

KEYS = ["periphery.adc_bits", "periphery.cell_bits"]
SETS = ("gaussian", "uniform", "ternary", "digits")


def study(judged=8, values=(5, 10), keys=KEYS):
    always = {"evaluation": {"adc_bits": judged}} if judged else {}
    return from_mapping(
        {
            "cores": 5,
            "weights": {name: {"kind": "gaussian"} for name in SETS},
            "compare": {
                "adc": {"keys": keys, "values": list(values), "always": always},
                "cells": {"cases": {"few": {"cores": 3}, "many": {}}, "weights": ["uniform"]},
            },
        }
    )


def summaries(config, factor=1.0):
    """The example study for every case; the coarse case's errors are ``factor`` times as large."""
    found = {}
    for case in cases(config):
        few = len(case.config.weights) == 1
        summary = example.make(cores=case.config.cores, seed=3)
        if few:
            summary = summary.isel({"weight_set": [1]})
        if case.name == "5":
            summary["mvm_error"] = summary["mvm_error"] * factor
        found[case.label] = summary
    return found


def test_every_case_has_its_errors_at_its_chosen_setting():
    config = study()
    parts = summaries(config)
    joined = compare(config, parts)
    assert joined["case"].values.tolist() == ["adc/5", "adc/10", "cells/few", "cells/many"]
    np.testing.assert_array_equal(joined["value"], [5, 10, np.nan, np.nan])
    summary = parts["adc/10"]
    chosen = agnosticism(summary).chosen
    for index, name in enumerate(SETS[:3]):  # one tile each
        expected = summary["mvm_error"].isel(weight_set=index, tile=0, point=chosen[index])
        got = joined["mvm_error"].sel({"case": "adc/10", "weight_set": name})
        np.testing.assert_allclose(got, expected.transpose("core", "method"))
    ratio = agnosticism(summary).ratio
    np.testing.assert_allclose(joined["ratio"].sel(case="adc/10"), ratio.value)
    np.testing.assert_allclose(joined["ratio_high"].sel(case="adc/10"), ratio.high)


def test_absent_weight_sets_and_cores_are_missing_not_zero():
    joined = compare(study(), summaries(study()))
    few = joined["mvm_error"].sel(case="cells/few")
    assert few.sel(weight_set="gaussian").isnull().all()
    assert few.sel(weight_set="uniform").notnull().all("method").sum() == 3


def test_runs_are_counted_whatever_their_end():
    joined = compare(study(), summaries(study()))
    runs = joined["runs"].sel(case="adc/10").sum("status")
    np.testing.assert_array_equal(runs.sel(weight_set="uniform"), [5, 5])
    np.testing.assert_array_equal(runs.sel(weight_set="digits"), [15, 15])  # three tiles


def test_all_variables_have_units_and_the_file_says_what_was_varied():
    joined = compare(study(), summaries(study()))
    for name in joined.data_vars:
        assert joined[name].attrs["units"], name
        assert joined[name].attrs["long_name"], name
    assert '"unit": "bits"' in joined.attrs["comparisons"]


@pytest.mark.parametrize(("factor", "below"), [(1.0, True), (3.0, False)])
def test_coarse_gdp_is_held_against_fine_iterative(factor, below):
    config = study()
    joined = compare(config, summaries(config, factor))
    found = coarse_against_fine(joined)
    coarse = joined["mvm_error"].sel({"case": "adc/5", "method": "gdp"}).mean("core")
    fine = joined["mvm_error"].sel({"case": "adc/10", "method": "iterative"}).mean("core")
    expected = float((coarse / fine).sel(weight_set=found.weight_set))
    assert found.ratio.value == pytest.approx(expected)
    assert (found.ratio.high < 1) is below
    assert (found.weight_sets, found.judged_at) == (4, 8)


@pytest.mark.parametrize(
    "config", [study(judged=None), study(values=(5, 8)), study(keys=KEYS[:1])], ids=str
)
def test_other_comparisons_do_not_decide(config):
    assert coarse_against_fine(compare(config, summaries(config))) is None


def test_an_incomplete_case_is_named():
    config = study()
    parts = summaries(config)
    parts["adc/5"] = parts["adc/5"].drop_vars("mvm_error")
    with pytest.raises(UserError, match="case adc/5"):
        compare(config, parts)
