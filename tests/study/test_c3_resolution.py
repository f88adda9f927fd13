"""Claim C3: the subject through a coarse converter against the baseline through a fine one."""

import numpy as np
import pytest

from aimcsim.study.claims import claims
from aimcsim.study.comparison import compare
from tests.study import example
from tests.study.test_comparison import KEYS, SETS, study, summaries


def third(config, factor=1.0, **options):
    """The claim, and the comparison that it is judged by."""
    parts = summaries(config, factor)
    if options:
        parts["adc/5"] = example.make(seed=3, **options)
    joined = compare(config, parts)
    found = claims(example.make(), comparison=joined)[2]
    assert found["id"] == "C3"
    return found, joined


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "holds"), (3.0, "fails")])
def test_the_coarse_subject_is_held_against_the_fine_baseline(factor, verdict):
    claim, joined = third(study(), factor)
    coarse = joined["mvm_error"].sel(case="adc/5", programmed_by="gdp").mean("core")
    fine = joined["mvm_error"].sel(case="adc/10", programmed_by="iterative").mean("core")
    ratios = (coarse / fine).sel(weight_set=list(SETS))
    (name,) = (name for name in SETS if f"on '{name}'" in claim["reason"])
    assert claim["value"] == pytest.approx(float(ratios.sel(weight_set=name)))
    assert claim["value"] == pytest.approx(float(ratios.max()), rel=0.05)  # of the highest end
    assert claim["verdict"] == verdict
    assert (claim["high"] < 1) is (verdict == "holds")
    assert "Largest of 4 weight sets" in claim["reason"]
    assert "judged at 8 bits" in claim["reason"]
    assert claim["file"] == "results/example/comparison.nc"


def test_one_core_gives_no_verdict():
    config = study()
    parts = {label: part.isel(core=[0]) for label, part in summaries(config).items()}
    claim = claims(example.make(), comparison=compare(config, parts))[2]
    assert claim["verdict"] == "not measured"
    assert claim["low"] is None
    assert "One core" in claim["reason"]


@pytest.mark.parametrize(
    "config", [study(judged=None), study(values=(5, 8)), study(keys=KEYS[:1])], ids=str
)
def test_other_comparisons_do_not_decide(config):
    claim, _ = third(config)
    assert claim["verdict"] == "not measured"
    assert claim["value"] is None
    assert "evaluation.adc_bits" in claim["reason"]


def test_a_swept_baseline_is_taken_at_its_choice_in_the_fine_case():
    config = study()
    parts = summaries(config)
    before = claims(example.make(), comparison=compare(config, parts))[2]["value"]
    parts["adc/10"] = example.make(seed=3, margins=(5.0, 9.0))  # the second is worse
    after = claims(example.make(), comparison=compare(config, parts))[2]["value"]
    assert np.isclose(before, after, rtol=1e-12)
