"""Claims C4, C4t and C4e follow the accuracies of the project's ResNet-9, and of no other."""

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


def fourth(accuracy, summary=None, name="C4"):
    found = claims(make() if summary is None else summary, accuracy=accuracy)
    json.dumps(found, allow_nan=False)
    (claim,) = (one for one in found if one["id"] == name)
    return claim


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


@pytest.fixture
def several(accuracy):
    """Two more methods: Hadamard, 1 point below GDP, and plain GDP, which is the best of all.

    Iterative programming takes half, Hadamard nearly all of GDP's time, but twice its energy.
    """
    gdp = accuracy.sel(programmed_by=["gdp"])
    noise = 0.05 * np.array([1.0, -1.0, 0.0, 1.0, -1.0])
    of_core = xr.DataArray(noise, {"core": np.arange(5)}, "core")
    codes = gdp.assign_coords(programmed_by=["hadamard"])
    codes["accuracy"] = (codes["accuracy"] - 1 + of_core).transpose(*accuracy["accuracy"].dims)
    plain = gdp.assign_coords(programmed_by=["plain"])
    plain["accuracy"] = plain["accuracy"] + 3
    parts = [accuracy, codes, plain]
    joined = xr.concat(parts, "programmed_by", data_vars="minimal", coords="minimal")
    spent = {"time": [0.5, 1.0, 0.99, 0.3], "energy": [0.5, 1.0, 2.0, 0.3]}
    for quantity, values in spent.items():
        cost = xr.DataArray(np.array(values), {"programmed_by": joined["programmed_by"]})
        cost = cost.expand_dims({dim: joined[dim] for dim in ("case", "network", "core")})
        joined[f"programming_{quantity}"] = cost.copy()
    algorithms = ["iterative", "gdp", "hadamard", "gdp"]
    return joined.assign_coords(algorithm=("programmed_by", algorithms))


def test_at_equal_cost_the_most_accurate_of_the_others_within_it_counts(several):
    """At equal time Hadamard, 1 point below GDP; at equal energy iterative programming, 1.8."""
    at_time, at_energy = (fourth(several, name=name) for name in ("C4t", "C4e"))
    assert at_time["value"] == pytest.approx(1.0)
    assert at_energy["value"] == pytest.approx(1.8)
    assert at_time["verdict"] == at_energy["verdict"] == "holds"
    assert "cell/odp 1.00 over hadamard" in at_time["reason"]
    assert "hadamard" not in at_energy["reason"]
    assert "plain" not in at_time["reason"]  # of GDP's own algorithm


def test_at_equal_cost_it_fails_where_one_of_the_others_is_as_accurate(several):
    at = {"network": "resnet9", "case": "cell/tdp", "programmed_by": "hadamard"}
    several["accuracy"].loc[at] = several["accuracy"].loc[at] + 1.0
    claim = fourth(several, name="C4t")
    assert claim["low"] <= 0 <= claim["high"]
    assert claim["verdict"] == "fails"
    assert fourth(several)["verdict"] == fourth(several, name="C4e")["verdict"] == "holds"


def test_at_equal_cost_a_case_without_a_cheap_rival_leaves_it_open(several):
    several["programming_time"].loc[{"case": "cell/tdp", "programmed_by": "gdp"}] = 0.1
    claim = fourth(several, name="C4t")
    assert claim["verdict"] == "not measured"
    assert "takes as little time in cell/tdp" in claim["reason"]
    at = {"network": "resnet9", "case": "cell/odp", "programmed_by": "hadamard"}
    several["accuracy"].loc[at] = several["accuracy"].loc[at] + 3.0
    assert fourth(several, name="C4t")["verdict"] == "fails"


def test_at_equal_cost_it_takes_several_other_methods_and_their_cost(several):
    for other, words in (
        (None, "config/resnet9.yaml"),
        (several.drop_vars("programming_time"), "no cost"),
        (several.sel(programmed_by=["iterative", "gdp", "plain"]), "infers 1 method"),
        (several.isel(core=[0]), "One chip"),
    ):
        claim = fourth(other, name="C4t")
        assert claim["verdict"] == "not measured"
        assert words in claim["reason"]
