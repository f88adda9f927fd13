"""Claim C4 follows the accuracies of the project's ResNet-9, and of no other network."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.stats import t as student

from aimcsim.networks.evaluation_time import PROGRAMMED
from aimcsim.study.claims import claims
from tests.study.example import make

GAINS = 2 - 0.1 * np.arange(5)
"""Of GDP over iterative programming on five chips, points."""


@pytest.fixture
def accuracy():
    """Two networks in two cases; GDP gains ``GAINS`` on chips that differ by 0.3 points."""
    methods, times, kinds = ["iterative", "gdp"], [PROGRAMMED, "time0"], ["tile", "none"]
    values = np.broadcast_to(80 - 0.3 * np.arange(5)[:, None], (2, 2, 5, 2)).copy()
    values[..., 1] += GAINS
    values = np.broadcast_to(values[..., None, None], (*values.shape, 2, 2)).copy()
    values[..., 1, :] -= 1.0
    values[..., 1] -= 3.0
    dims = ("case", "network", "core", "programmed_by", "evaluation_time", "compensation")
    return xr.Dataset(
        {"accuracy": (dims, values), "model": ("network", ["own.onnx", "resnet9"])},
        {
            "case": ["cell/odp", "cell/tdp"],
            "network": ["own", "resnet9"],
            "core": np.arange(5),
            "programmed_by": methods,
            "evaluation_time": times,
            "compensation": kinds,
        },
        {"level": 0.95},
    )


def fourth(accuracy, summary=None):
    found = claims(make() if summary is None else summary, accuracy=accuracy)
    json.dumps(found, allow_nan=False)
    assert found[3]["id"] == "C4"
    return found[3]


def shifted(accuracy, network, case, points):
    """``points`` added to GDP's accuracy of one network in one case."""
    at = {"network": network, "case": case, "programmed_by": "gdp"}
    accuracy["accuracy"].loc[at] = accuracy["accuracy"].loc[at] + points
    return accuracy


def test_it_holds_where_every_kind_of_cells_gains(accuracy):
    claim = fourth(accuracy)
    half = student.ppf(0.975, 4) * GAINS.std(ddof=1) / np.sqrt(5)
    assert claim["verdict"] == "holds"
    assert claim["value"] == pytest.approx(1.8)
    assert (claim["low"], claim["high"]) == pytest.approx((1.8 - half, 1.8 + half))
    assert claim["unit"] == "points"
    assert claim["file"] == "results/example/accuracy.nc"
    assert claim["variable"] in accuracy
    assert "cell/odp 1.80, cell/tdp 1.80 points, over 5 chips" in claim["reason"]


def test_it_fails_with_one_kind_of_cells(accuracy):
    claim = fourth(shifted(accuracy, "resnet9", "cell/tdp", -2.5))
    assert claim["verdict"] == "fails"
    assert claim["value"] == pytest.approx(-0.7)


def test_it_fails_where_the_interval_reaches_zero(accuracy):
    """Gains of 0.4 and -0.3 in turn: more chips gain than lose."""
    wanted = np.array([0.4, -0.3, 0.4, -0.3, 0.4]) - GAINS
    claim = fourth(shifted(accuracy, "resnet9", "cell/odp", wanted[:, None, None]))
    assert claim["value"] > 0 > claim["low"]
    assert claim["verdict"] == "fails"


def test_another_network_does_not_count(accuracy):
    before = fourth(accuracy)
    assert fourth(shifted(accuracy, "own", "cell/odp", -50)) == before


def test_subject_and_baseline_are_those_of_the_study(accuracy):
    claim = fourth(accuracy, make().assign_attrs(subject="iterative", baseline="gdp"))
    assert claim["value"] == pytest.approx(-1.8)
    assert claim["verdict"] == "fails"
    assert claim["statement"].startswith("Iterative programming raises")


def test_one_chip_is_not_measured(accuracy):
    claim = fourth(accuracy.isel(core=[0]))
    assert claim["verdict"] == "not measured"
    assert claim["value"] == pytest.approx(2.0)
    assert claim["low"] is None
    assert "One chip gives no interval" in claim["reason"]


def test_without_the_network_it_is_not_measured(accuracy):
    for other in (None, accuracy.sel(network=["own"])):
        claim = fourth(other)
        assert claim["verdict"] == "not measured"
        assert claim["value"] is None
        assert "config/resnet9.yaml" in claim["reason"]


def test_a_network_without_accuracies_is_not_measured(accuracy):
    claim = fourth(shifted(accuracy, "resnet9", ["cell/odp", "cell/tdp"], np.nan))
    assert claim["verdict"] == "not measured"
    assert claim["value"] is None
    assert "'resnet9'" in claim["reason"]
