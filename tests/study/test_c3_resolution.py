"""Claim C3: what a coarse converter costs the subject, of its own error and beside the others."""

import json

import numpy as np
import pytest
import xarray as xr

from aimcsim.study.claims import claims
from aimcsim.study.claims.c3_resolution import CHIP
from aimcsim.study.comparison import compare
from tests.study import example
from tests.study.test_comparison import SETS, study, summaries

BITS = (4, 6, 8, 12)
FLAT = dict.fromkeys(BITS, 1.0)


def compared(gdp=FLAT, iterative=FLAT, scatter=0.005, cores=5, sets=SETS):
    """A comparison with planted losses by bits on every weight set, and no noise beside.

    GDP leaves 8 % at the finest resolution, iterative programming 14. ``scatter`` is that of every
    chip between two resolutions. A third method costs nothing, and is hurt by nothing.
    """
    generator = np.random.default_rng(8)
    shape = (len(BITS), len(sets), cores, 3)
    loss = [[iterative[bits], gdp[bits], 1.0] for bits in BITS]
    values = np.array(loss)[:, None, None] * [14.0, 8.0, 5.0]
    values = values * (1 + 0.05 * generator.standard_normal((1, *shape[1:])))
    values = values * (1 + scatter * generator.standard_normal(shape))
    dims = ("case", "weight_set", "core", "programmed_by")
    used = np.ones(shape) * [1.0, 1.0, 0.0]
    names = ("iterative", "gdp", "drawn")
    about = [{"name": name, "label": name.upper(), "algorithm": name} for name in names]
    always = {"evaluation": {"adc_bits": 8}}
    comparisons = {"adc": {"keys": ["periphery.adc_bits"], "always": always}}
    return xr.Dataset(
        {"mvm_error": (dims, values)}
        | dict.fromkeys(("cell_reads", "mvms", "pulses"), (dims, used)),
        {
            "case": [f"adc/{bits}" for bits in BITS],
            "comparison": ("case", ["adc"] * len(BITS)),
            "value": ("case", np.array(BITS, float)),
            "weight_set": list(sets),
            "programmed_by": list(names),
        },
        {
            "methods": json.dumps(about),
            "baseline": "iterative",
            "subject": "gdp",
            "comparisons": json.dumps(comparisons),
            "config": json.dumps({"report": {"bootstrap": 500}}),
            "seed": 1,
        },
    )


def third(comparison):
    found = claims(example.make(cores=2), comparison=comparison)
    json.dumps(found, allow_nan=False)
    (claim,) = (one for one in found if one["id"] == "C3")
    return claim


def test_it_holds_where_the_subject_loses_little_and_the_baseline_more():
    claim = third(compared({4: 1.3, 6: 1.01, 8: 1.0, 12: 1.0}, {4: 3.0, 6: 1.4, 8: 1.1, 12: 1.0}))
    assert claim["verdict"] == "holds"
    assert 1.0 < claim["value"] < 1.03
    assert claim["low"] <= claim["value"] <= claim["high"] <= 1.05
    assert "Through 6 over 12 bits" in claim["reason"]
    assert "judged at 8 bits" in claim["reason"]
    assert "loses more than 5 %: ITERATIVE 12, GDP 6." in claim["reason"]


def test_it_fails_where_nothing_hides_the_converter():
    """A loss of 10 % at 6 bits, as that of a method whose reads have no other noise."""
    claim = third(compared({4: 1.5, 6: 1.1, 8: 1.02, 12: 1.0}, {4: 3.0, 6: 1.4, 8: 1.1, 12: 1.0}))
    assert claim["verdict"] == "fails"
    assert claim["value"] == pytest.approx(1.1, abs=0.02)
    assert "GDP 8." in claim["reason"]


def test_it_fails_on_one_weight_set_alone():
    comparison = compared()
    comparison["mvm_error"].loc[
        {"case": "adc/6", "weight_set": "ternary", "programmed_by": "gdp"}
    ] *= 1.1
    claim = third(comparison)
    assert claim["verdict"] == "fails"
    assert "on 'ternary'" in claim["reason"]


def test_it_fails_where_the_chips_do_not_agree():
    """No loss on average, but a scatter of 20 % from resolution to resolution."""
    claim = third(compared(scatter=0.2))
    assert claim["high"] > 1.05
    assert claim["verdict"] == "fails"


def test_it_fails_where_the_subject_loses_more_than_the_baseline():
    """3 % against nothing: within the limit, and yet shown to be larger."""
    claim = third(compared({4: 1.3, 6: 1.03, 8: 1.0, 12: 1.0}, scatter=0.001))
    assert claim["high"] <= 1.05
    assert claim["verdict"] == "fails"
    assert (
        "The loss is larger than that of ITERATIVE on 'gaussian' (1.030 times)" in claim["reason"]
    )


def test_a_tie_of_losses_does_not_count_against_it():
    assert third(compared())["verdict"] == "holds"


def test_the_rival_is_the_best_of_the_other_methods_that_program():
    """The third method, which loses nothing and is the best of all, uses no port of the core."""
    losses = {4: 1.3, 6: 1.03, 8: 1.0, 12: 1.0}
    assert third(compared(losses, losses, scatter=0.001))["verdict"] == "holds"
    comparison = compared(losses, losses, scatter=0.001)
    comparison["mvms"].loc[{"programmed_by": "drawn"}] = 1.0
    claim = third(comparison)
    assert claim["verdict"] == "fails"
    assert "that of DRAWN" in claim["reason"]


def test_one_core_gives_no_verdict():
    claim = third(compared(cores=1))
    assert claim["verdict"] == "not measured"
    assert claim["low"] is None
    assert claim["value"] is not None
    assert "One core" in claim["reason"]


@pytest.mark.parametrize(
    "config",
    [
        study(judged=None, values=(6, 12)),
        study(values=(6, 10)),
        study(values=(8, 12)),
        study(values=(6, 12), keys=["periphery.dac_bits"]),
    ],
    ids=["judged at its own", "none fine", "none coarse", "another converter"],
)
def test_other_comparisons_do_not_decide(config):
    claim = third(compare(config, summaries(config)))
    assert claim["verdict"] == "not measured"
    assert claim["value"] is None
    assert "evaluation.adc_bits" in claim["reason"]


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "holds"), (1.1, "fails")])
def test_it_reads_a_real_comparison(factor, verdict):
    """Errors of all methods ``factor`` times as large through 5 bits."""
    config = study(values=(5, 12))
    joined = compare(config, summaries(config, factor))
    claim = third(joined)
    assert claim["verdict"] == verdict
    assert claim["value"] == pytest.approx(factor)
    assert claim["file"] == "results/example/comparison.nc"


def test_coarse_is_two_bits_below_the_chip():
    assert pytest.approx(8.714) == CHIP
    assert "Through 6 over 12" in third(compared())["reason"]
