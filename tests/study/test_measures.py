"""What the statistics know of a summary."""

import numpy as np
import pytest

from aimcsim.common.errors import UserError
from aimcsim.report.study import Study
from aimcsim.study.measures import check, positions, setting, varying
from tests.study.example import make

MARGINS, PASSES = (2.0, 4.0, 6.0), (1.0, 16.0)


@pytest.fixture(scope="module")
def summary():
    """Three methods, each swept."""
    return make(margins=MARGINS, passes=PASSES)


def test_varying_hyperparameters_are_those_of_the_method_most_values_first(summary):
    assert list(varying(summary, "gdp")) == ["noise_threshold", "floor"]
    assert varying(summary, "iterative") == {"margin": list(MARGINS)}
    assert varying(summary, "hadamard") == {"passes": list(PASSES)}
    other = make(thresholds=(1.0,), rates=(0.1, 0.2))
    assert list(varying(other, "gdp")) == ["floor", "learning_rate"]
    assert varying(make(thresholds=(1.0,), floors=(1.0,)), "gdp") == {}


def test_a_run_has_the_hyperparameters_of_its_method_alone(summary):
    first, last = positions(summary, "hadamard")
    assert setting(summary, first) == {"start": "iterative", "passes": 1.0, "iterations": 40.0}
    assert setting(summary, last)["passes"] == 16
    assert Study.of(summary).setting_text(last) == "passes 16"


def test_null_is_a_value_that_can_be_swept(summary):
    values = summary["margin"].values.copy()
    values[1] = np.nan
    summary = summary.assign_coords(margin=("run", values))
    assert varying(summary, "iterative") == {"margin": [2.0, 6.0, None]}
    assert Study.of(summary).setting_text(1) == "margin off"


def test_a_method_that_sweeps_nothing_is_told_in_full():
    text = Study.of(make()).setting_text(0)
    assert text == "iterations 30, margin 5, verify again true"


def test_values_at_the_chosen_runs_are_by_method(summary):
    study = Study.of(summary)
    found = study.chosen(summary["mvm_error"])
    assert found.dims[:2] == ("weight_set", "programmed_by")
    assert found["programmed_by"].values.tolist() == ["iterative", "hadamard", "gdp"]
    for name, runs in study.result.runs.items():
        for index, run in enumerate(runs):
            expected = summary["mvm_error"][index].isel(run=run)
            np.testing.assert_array_equal(found[index].sel(programmed_by=name), expected)


def test_incomplete_summaries_are_refused():
    for name in ("pulses", "floor", "method"):
        with pytest.raises(UserError, match=f"lacks {name}"):
            check(make().drop_vars(name))
    summary = make()
    del summary.attrs["subject"]
    with pytest.raises(UserError, match="attribute 'subject'"):
        check(summary)
    with pytest.raises(UserError, match=r"no method 'sgd', its subject; it has iterative, gdp"):
        check(make().assign_attrs(subject="sgd"))


def test_a_method_without_runs_is_named(summary):
    with pytest.raises(UserError, match="no run of method 'hadamard'"):
        check(summary.isel(run=summary["method"].values != "hadamard"))
    lacking = summary.copy(deep=True)
    lacking["status"][1, :, 2, 4] = -1
    with pytest.raises(UserError, match=r"'hadamard' for weight set 'uniform' on core 2 \(hadama"):
        check(lacking)
