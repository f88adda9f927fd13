"""Claim C4 follows the accuracies of the project's ResNet-9, and of no other network."""

import json

import numpy as np
import pytest

from aimcsim.study.accuracy import collect, gain
from aimcsim.study.claims import claims
from tests.study import inferred


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = inferred.study(compare=inferred.CELLS)
    return inferred.write(tmp_path_factory.mktemp("results"), config)


@pytest.fixture(scope="module")
def summary():
    return inferred.summary(inferred.study())


@pytest.fixture
def accuracy(folder):
    return collect(folder)


def fourth(summary, accuracy):
    found = claims(summary, accuracy=accuracy)
    json.dumps(found, allow_nan=False)
    assert found[3]["id"] == "C4"
    return found[3]


def shifted(accuracy, network, case, points):
    """``points`` added to GDP's accuracy of one network in one case."""
    at = {"network": network, "case": case, "method": "gdp"}
    accuracy["accuracy"].loc[at] = accuracy["accuracy"].loc[at] + points
    return accuracy


def test_it_holds_where_every_kind_of_cells_gains(summary, accuracy):
    claim = fourth(summary, accuracy)
    at = {"network": "resnet9", "moment": "programmed", "compensation": "tile"}
    expected = gain(accuracy, case="cell/odp", **at)
    assert claim["verdict"] == "holds"
    assert claim["value"] == pytest.approx(1.8, rel=1e-5)
    assert (claim["low"], claim["high"]) == (expected.low, expected.high)
    assert claim["unit"] == "points"
    assert claim["file"] == "results/example/accuracy.nc"
    assert claim["variable"] in accuracy
    assert "cell/odp 1.80, cell/tdp 1.80 points, over 5 chips" in claim["reason"]


def test_it_fails_with_one_kind_of_cells(summary, accuracy):
    claim = fourth(summary, shifted(accuracy, "resnet9", "cell/tdp", -2.5))
    assert claim["verdict"] == "fails"
    assert claim["value"] == pytest.approx(-0.7, abs=1e-4)


def test_it_fails_where_the_interval_reaches_zero(summary, accuracy):
    """Gains of 0.4 and -0.3 in turn: more chips gain than lose."""
    wanted = np.array([0.4, -0.3, 0.4, -0.3, 0.4]) - (2 - 0.1 * np.arange(5))
    claim = fourth(summary, shifted(accuracy, "resnet9", "cell/odp", wanted[:, None, None]))
    assert claim["value"] > 0 > claim["low"]
    assert claim["verdict"] == "fails"


def test_another_network_does_not_count(summary, accuracy):
    before = fourth(summary, accuracy)
    assert fourth(summary, shifted(accuracy, "own", "cell/odp", -50)) == before


def test_one_chip_is_not_measured(summary, accuracy):
    claim = fourth(summary, accuracy.isel(core=[0]))
    assert claim["verdict"] == "not measured"
    assert claim["value"] == pytest.approx(2.0, rel=1e-5)
    assert claim["low"] is None
    assert "One chip gives no interval" in claim["reason"]


def test_without_the_network_it_is_not_measured(summary, accuracy):
    for other in (None, accuracy.sel(network=["own"])):
        claim = fourth(summary, other)
        assert claim["verdict"] == "not measured"
        assert claim["value"] is None
        assert "config/resnet9.yaml" in claim["reason"]


def test_a_network_of_no_accuracy_is_not_measured(summary, accuracy):
    claim = fourth(summary, shifted(accuracy, "resnet9", ["cell/odp", "cell/tdp"], np.nan))
    assert claim["verdict"] == "not measured"
    assert claim["value"] is None
    assert "'resnet9'" in claim["reason"]
