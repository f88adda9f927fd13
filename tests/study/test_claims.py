"""Claims follow the data: verdicts flip with it, and nothing is typed in."""

import json

import numpy as np
import pytest

from aimcsim.study.claims import claims
from aimcsim.study.measures import positions
from tests.study.example import make

KEYS = (
    "id", "statement", "value", "low", "high", "unit", "verdict", "file", "variable", "reason",
)  # fmt: skip


def _by_id(summary):
    return {claim["id"]: claim for claim in claims(summary)}


def _scaled(summary, weight_set: int | slice, factor, method: str = "gdp"):
    """``factor`` on all runs of a method; over cores and runs where it is an array."""
    runs = positions(summary, method)
    values = summary["mvm_error"].values
    values[weight_set, :, :, runs[0] : runs[-1] + 1] *= factor
    return summary


def test_every_claim_is_complete_and_safe_for_json():
    found = claims(make())
    assert [claim["id"] for claim in found] == [
        "C1",
        "C1e",
        "C1t",
        "C2",
        "C3",
        "C4",
        "C4e",
        "C4t",
        "C5",
    ]
    for claim in found:
        assert tuple(claim) == KEYS
        assert claim["reason"].endswith(".")
        assert claim["verdict"] in ("holds", "fails", "not measured")
        assert claim["file"] == "results/example/summary.nc"
    json.dumps(found, allow_nan=False)


def test_c1_is_the_worst_ratio_and_flips_with_one_weight_set():
    before = _by_id(make())["C1"]
    assert before["verdict"] == "holds"
    assert before["low"] <= before["value"] <= before["high"] < 1
    after = _by_id(_scaled(make(), 1, 3.0))["C1"]
    assert after["verdict"] == "fails"
    assert after["value"] > 1
    assert "'uniform'" in after["reason"]


def test_c1_fails_where_the_interval_reaches_one():
    noise = 1.9 + 0.5 * np.random.default_rng(0).standard_normal(5)
    claim = _by_id(_scaled(make(), 0, noise[:, None]))["C1"]
    assert claim["high"] >= 1
    assert claim["verdict"] == "fails"


def test_c1_value_follows_the_data():
    before = _by_id(make())["C1"]["value"]
    assert _by_id(_scaled(make(), slice(None), 1.1))["C1"]["value"] == pytest.approx(1.1 * before)


def test_claims_are_about_the_methods_that_the_study_names():
    """Hadamard against GDP: C1 is the ratio of these two, and the texts say so."""
    summary = make(passes=(1.0, 4.0)).assign_attrs(subject="hadamard", baseline="gdp")
    found = _by_id(summary)
    assert found["C1"]["statement"].startswith("Hadamard leaves a smaller MVM error than GDP on")
    assert found["C1"]["verdict"] == "fails"
    assert found["C1"]["value"] > 1
    assert "the setting of Hadamard and that of GDP chosen" in found["C1"]["reason"]
    assert found["C2"]["statement"].startswith("The best hyperparameters of Hadamard are")
    assert "among 2 settings" in found["C2"]["reason"]
    assert "MVM error of Hadamard through" in found["C3"]["statement"]
    assert "ResNet-9 over GDP" in found["C4"]["statement"]
    scaled = _by_id(_scaled(summary, slice(None), 0.1, "hadamard"))["C1"]
    assert scaled["verdict"] == "holds"
    assert scaled["value"] == pytest.approx(0.1 * found["C1"]["value"])


def test_a_better_setting_of_the_baseline_counts():
    """Margin 4 is a little better than the 5 of the example, so the ratio is larger."""
    before = _by_id(make())["C1"]["value"]
    after = _by_id(make(margins=(4.0, 5.0)))["C1"]["value"]
    assert before < after < 1.06 * before
    halved = _by_id(_scaled(make(margins=(4.0, 5.0)), slice(None), 0.5, "iterative"))["C1"]
    assert halved["verdict"] == "fails"
    assert halved["value"] == pytest.approx(2 * after)


def test_c2_flips_when_one_set_wants_another_setting():
    assert _by_id(make())["C2"]["verdict"] == "holds"
    summary = make()
    values = summary["mvm_error"].values
    values[2, :, :, 1:] = values[2, :, :, :0:-1]
    claim = _by_id(summary)["C2"]
    assert claim["verdict"] == "fails"
    assert claim["value"] > 5
    assert "'ternary'" in claim["reason"]


def test_what_was_not_measured_has_no_value_and_names_the_measurement():
    found = _by_id(make())
    for name, needed in (
        ("C3", "adc_bits"),
        ("C4", "config/resnet9.yaml"),
        ("C5", "Fewer than 64 cores"),
    ):
        assert found[name]["verdict"] == "not measured"
        assert found[name]["value"] is None
        assert needed in found[name]["reason"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"weight_sets": 1, "network": False}, "one weight set"),
        ({"thresholds": (2.0,), "floors": (2.0,)}, "one setting of GDP"),
    ],
)
def test_c2_needs_several_sets_and_points(options, word):
    found = _by_id(make(**options))
    assert found["C2"]["verdict"] == "not measured"
    assert found["C2"]["value"] is None
    assert word in found["C2"]["reason"]
    assert found["C1"]["verdict"] == "holds"


def test_one_core_gives_values_without_verdicts():
    found = _by_id(make(cores=1))
    for name in ("C1", "C2"):
        assert found[name]["value"] is not None
        assert found[name]["low"] is None
        assert found[name]["high"] is None
        assert found[name]["verdict"] == "not measured"


def test_a_diverged_method_fails_and_stays_safe_for_json():
    found = _by_id(_scaled(make(), 0, np.nan))
    assert found["C1"]["verdict"] == "fails"
    assert found["C1"]["value"] is None
    json.dumps(list(found.values()), allow_nan=False)
