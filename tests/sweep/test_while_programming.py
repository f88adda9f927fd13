"""What a summary says of runs that went wrong: no pulse fired, converters saturated."""

import numpy as np
import pytest

from aimcsim.study.cautions import cautions
from tests.sweep.test_methods import TINY, summary_of

GDP = {"batch_size": 64, "iterations": 5, "floor": [1.0, 1000.0], "floor_schedule": "constant"}
SMALL = {
    "cores": 2,
    "weights": {"w": TINY["weights"]["w"]},
    "methods": {"iterative": {"iterations": 6}, "open_loop": {}, "gdp": GDP},
    "evaluation": {"inputs": 64, "times": [], "error_budget": False},
}
SHARES = ("mvm_saturation", "read_saturation")


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return summary_of(tmp_path_factory.mktemp("usual"), **SMALL)


def of(summary, name, method):
    """(tiles, chips, runs of the method) of one variable."""
    runs = np.flatnonzero(summary["method"].values == method)
    return summary[name].isel(weight_set=0, run=runs).values


def test_a_floor_that_nothing_exceeds_leaves_only_the_pulses_of_the_start(usual):
    fired = of(usual, "tuning_pulses", "gdp")
    assert (fired[..., 0] > 0).all()
    assert (fired[..., 1] == 0).all()
    assert (of(usual, "pulses", "gdp")[..., 1] > 0).all()  # the cells were prepared
    assert (of(usual, "tuning_pulses", "iterative") > 0).all()
    foreseen, text = cautions(usual)
    assert foreseen.startswith("methods.gdp.floor 1000: that many scatters of a device")
    assert "no pulse was fired after the first measurement in 4 of 8 runs" in text  # 2 tiles


def test_shares_are_counts_over_conversions_and_missing_without_any(usual):
    assert np.isnan(of(usual, "read_saturation", "gdp")).all()
    for name in SHARES:
        assert np.isnan(of(usual, name, "open_loop")).all()
        assert usual[name].attrs["units"] == "1"
    reads = of(usual, "saturated_reads", "iterative") / of(usual, "cell_reads", "iterative")
    np.testing.assert_array_equal(of(usual, "read_saturation", "iterative"), reads)
    made = of(usual, "mvms", "gdp") * 16  # columns
    np.testing.assert_array_equal(
        of(usual, "mvm_saturation", "gdp"), of(usual, "saturated", "gdp") / made
    )


def test_a_range_that_is_too_small_saturates_and_is_warned_of(usual, tmp_path):
    """Of 10.4 uS x input, for cells at 10.35 and columns of 32 of them."""
    narrow = {"adc_range": 10.4, "adc_range_sigmas": 0.2}
    full = {"w": SMALL["weights"]["w"] | {"kind": "ternary"}}
    summary = summary_of(tmp_path, **SMALL | {"weights": full}, periphery=narrow)
    assert (of(usual, "read_saturation", "iterative") == 0).all()
    assert (of(summary, "read_saturation", "iterative") > 0.01).all()
    assert (of(summary, "mvm_saturation", "gdp") > 0.1).all()
    text = " ".join(cautions(summary))
    assert "periphery.adc_range 10.4: cells at 10.35 uS" in text
    assert "periphery.adc_range_sigmas 0.2: up to" in text
    assert "of the cell reads while programming lay at an end" in text
    assert "of the conversions of MVMs while programming lay at an end" in text
    assert "when judged on fresh inputs" in text
