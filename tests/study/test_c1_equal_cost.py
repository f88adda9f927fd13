"""Claims C1t and C1e: the subject against the best tuned of the other algorithms at equal cost."""

import json

import numpy as np
import pytest

from aimcsim.study.claims import claims
from tests.study.example import make, with_cost

SIZES = {"margins": (4.0, 5.0), "passes": (1.0, 4.0)}


def priced(**sizes):
    """The subject takes a tenth more than all others."""
    return with_cost(make(**(sizes or SIZES)), {"gdp": 1.1})


def found(summary):
    judged = claims(summary)
    json.dumps(judged, allow_nan=False)
    return {claim["id"]: claim for claim in judged}


def scaled(summary, method, factor, weight_set=slice(None)):
    """``factor`` on the errors of all runs of a method."""
    runs = np.flatnonzero(summary["method"].values == method)
    summary["mvm_error"].values[weight_set, :, :, runs] *= factor
    return summary


def test_it_holds_where_the_subject_wins_on_every_weight_set():
    claim = found(priced())["C1t"]
    assert claim["verdict"] == "holds"
    assert claim["high"] < 1
    assert "against Hadamard, among 4 settings" in claim["reason"]
    assert "at no more programming time" in claim["statement"]


def test_a_rival_within_the_budget_that_wins_somewhere_fails_it():
    """Hadamard at 0.4 of its error on one weight set; C1 does not know it."""
    summary = scaled(priced(), "hadamard", 0.4, weight_set=1)
    judged = found(summary)
    assert judged["C1"]["verdict"] == "holds"
    for name in ("C1t", "C1e"):
        assert judged[name]["verdict"] == "fails"
        assert judged[name]["low"] > 1
        assert "higher on 'uniform'" in judged[name]["reason"]
        assert "on 'uniform' against Hadamard" in judged[name]["reason"]


def test_the_same_rival_at_a_higher_cost_does_not_count():
    """Three times the time for the energy of the others: it counts at equal energy alone."""
    summary = scaled(priced(), "hadamard", 0.4)
    runs = np.flatnonzero(summary["method"].values == "hadamard")
    summary["programming_time"].values[:, :, :, runs] *= 3
    judged = found(summary)
    assert judged["C1t"]["verdict"] == "holds"
    assert judged["C1e"]["verdict"] == "fails"


def test_planted_equal_errors_are_a_tie_and_fail_it():
    """Every run has the error of its chip, on one weight set."""
    summary = priced()
    errors = summary["mvm_error"].values
    noise = 1 + 0.01 * np.random.default_rng(4).standard_normal(errors[0].shape)
    errors[0] = errors[0][:, :, :1] * noise
    claim = found(summary)["C1t"]
    assert claim["verdict"] == "fails"
    assert claim["low"] <= 1 <= claim["high"]
    assert "a tie, within the uncertainty, on 'gaussian'" in claim["reason"]
    assert "higher" not in claim["reason"]


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (make(**SIZES), "no cost of programming"),
        (with_cost(make(), {"gdp": 1.1}), "has 1 setting of other algorithms"),
        (with_cost(make(**SIZES), {"gdp": 0.1}), "No setting of another algorithm takes as little"),
        (priced(cores=1, **SIZES), "One core gives no interval"),
    ],
    ids=["no cost", "one setting", "too dear", "one core"],
)
def test_what_cannot_be_compared_is_not_measured(summary, words):
    judged = found(summary)
    for name in ("C1t", "C1e"):
        assert judged[name]["verdict"] == "not measured"
        assert judged[name]["low"] is None
        assert words in judged[name]["reason"]


def test_a_weight_set_without_a_rival_leaves_it_open_unless_another_fails_it():
    summary = priced()
    others = np.flatnonzero(summary["method"].values != "gdp")
    summary["programming_time"].values[2][..., others, :] *= 5
    claim = found(summary)["C1t"]
    assert claim["verdict"] == "not measured"
    assert claim["value"] is not None
    assert "takes as little time on 'ternary'" in claim["reason"]
    assert found(scaled(summary, "hadamard", 0.4, 0))["C1t"]["verdict"] == "fails"
