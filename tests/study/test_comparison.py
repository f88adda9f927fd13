"""The cases of a comparison side by side."""

import numpy as np
import pytest

from aimcsim.common.errors import UserError
from aimcsim.config.load import cases, from_mapping
from aimcsim.study.comparison import compare
from aimcsim.study.measures import baseline, labels, per_core, subject
from aimcsim.study.regret import agnosticism
from tests.study import example

KEYS = ["periphery.adc_bits"]
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
    runs = agnosticism(summary).runs
    for index, name in enumerate(SETS[:3]):  # one tile each
        for method in ("iterative", "gdp"):
            expected = summary["mvm_error"].isel(weight_set=index, tile=0, run=runs[method][index])
            got = joined["mvm_error"].sel(case="adc/10", weight_set=name, programmed_by=method)
            np.testing.assert_allclose(got, expected)
    ratio = agnosticism(summary).ratio
    np.testing.assert_allclose(joined["ratio"].sel(case="adc/10"), ratio.value)
    np.testing.assert_allclose(joined["ratio_high"].sel(case="adc/10"), ratio.high)


def test_absent_weight_sets_and_cores_are_missing_not_zero():
    joined = compare(study(), summaries(study()))
    few = joined["mvm_error"].sel(case="cells/few")
    assert few.sel(weight_set="gaussian").isnull().all()
    assert few.sel(weight_set="uniform").notnull().all("programmed_by").sum() == 3


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


def test_methods_of_any_case_are_compared():
    """A third method in one case alone, and another setting of the baseline."""
    config = study()
    parts = summaries(config)
    parts["adc/5"] = example.make(seed=3, margins=(2.0, 4.0), passes=(1.0, 4.0))
    joined = compare(config, parts)
    assert joined["programmed_by"].values.tolist() == ["iterative", "hadamard", "gdp"]
    assert list(labels(joined).values()) == ["iterative programming", "Hadamard", "GDP"]
    assert (baseline(joined), subject(joined)) == ("iterative", "gdp")
    third = joined["mvm_error"].sel(programmed_by="hadamard")
    assert third.sel(case="adc/5").notnull().all()
    assert third.sel(case="adc/10").isnull().all()
    fixed = example.make(seed=3, margins=(4.0,))
    expected = per_core(fixed, "mvm_error").isel(run=0)
    got = joined["mvm_error"].sel(case="adc/5", programmed_by="iterative")
    np.testing.assert_allclose(got, expected, rtol=0.05)


def test_cases_that_compare_other_methods_are_refused():
    config = study()
    parts = summaries(config)
    parts["adc/10"] = parts["adc/10"].assign_attrs(subject="iterative", baseline="gdp")
    with pytest.raises(
        UserError, match=r"adc/10 compares 'iterative' with 'gdp', case adc/5 'gdp'"
    ):
        compare(config, parts)


def test_an_incomplete_case_is_named():
    config = study()
    parts = summaries(config)
    parts["adc/5"] = parts["adc/5"].drop_vars("mvm_error")
    with pytest.raises(UserError, match="case adc/5"):
        compare(config, parts)
