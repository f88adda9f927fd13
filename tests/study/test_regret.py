"""Choice of settings and regret, against numbers worked out by hand."""

import json

import numpy as np
import pytest
import xarray as xr

from aimcsim.study import over_time
from aimcsim.study.intervals import core_shares
from aimcsim.study.measures import of_method, per_core
from aimcsim.study.regret import agnosticism, choices, choose, rank_agreement
from tests.study.example import make

# Own bests 0, 1, 2. Mean log excess over the own best, by hand:
#   a: 1, 1.25, 2    b: 1.1, 1, 3    c: 1.2, 2, 1
ERRORS = np.array([[8.0, 10.0, 16.0], [11.0, 10.0, 30.0], [6.0, 10.0, 5.0]])


def _cores(errors: np.ndarray, cores: int) -> np.ndarray:
    return np.repeat(errors[None], cores, axis=0)


def _summary(**errors: np.ndarray) -> xr.Dataset:
    """What a choice needs of a summary: errors (cores, sets, settings) of each method, percent.

    The first method is the subject, the second one the baseline.
    """
    values = np.concatenate(list(errors.values()), axis=-1)
    methods = [name for name, part in errors.items() for _ in range(part.shape[-1])]
    dims = ("core", "weight_set", "run")
    values = xr.DataArray(values, dims=dims).expand_dims("tile")
    about = [{"name": name, "label": name.upper(), "hyperparameters": {}} for name in errors]
    subject, baseline, *_ = errors
    return xr.Dataset(
        {
            "mvm_error": values,
            "status": xr.zeros_like(values, np.int8),
            "cells": (("weight_set", "tile"), np.ones((values.sizes["weight_set"], 1))),
            "columns": (("weight_set", "tile"), np.ones((values.sizes["weight_set"], 1))),
            "zero_columns": xr.zeros_like(values.isel(run=0)),
        },
        {"weight_set": list("abcd")[: values.sizes["weight_set"]], "method": ("run", methods)},
        {
            "subject": subject,
            "baseline": baseline,
            "methods": json.dumps(about),
            "config": json.dumps({"report": {"bootstrap": 300}}),
            "seed": 1,
        },
    )


def _judged(errors: np.ndarray, of_baseline: float = 20.0):
    """Of errors (cores, sets, settings) against a baseline of one setting and one error."""
    return agnosticism(_summary(new=errors, old=np.full((*errors.shape[:2], 1), of_baseline)))


def test_choices_by_hand():
    choice = choose(ERRORS)
    assert choice.best.tolist() == [0, 1, 2]
    # Products of the excesses: 1 x 1.1 x 1.2 = 1.32, 1.25 x 1 x 2 = 2.5, 2 x 3 x 1 = 6.
    assert choice.shared == 0
    # Without a: 1.32, 2, 3 -> 0. Without b: 1.2, 2.5, 2 -> 0. Without c: 1.1, 1.25, 6 -> 0.
    assert choice.left_out.tolist() == [0, 0, 0]


def test_the_set_left_out_has_no_vote():
    # Set c prefers setting 2 so strongly that it decides the shared setting, yet not its own.
    errors = np.array([[8.0, 10.0, 8.1], [10.5, 10.0, 10.6], [50.0, 50.0, 5.0]])
    choice = choose(errors)
    assert choice.shared == 2
    assert choice.left_out.tolist() == [2, 2, 0]


def test_regret_and_ratio_by_hand():
    result = _judged(_cores(ERRORS, 5))
    assert result.rule == "left_out"
    assert result.regret.value == pytest.approx([0, 10, 20])
    assert result.regret.low == pytest.approx([0, 10, 20])  # cores agree: no width
    assert result.regret.high == pytest.approx([0, 10, 20])
    assert result.split_regret.value == pytest.approx([0, 10, 20])
    assert result.mean_regret.value == pytest.approx(10)
    assert result.ratio.value == pytest.approx([0.4, 0.55, 0.3])
    index, worst = result.regret.worst()
    assert (index, worst.value) == (2, pytest.approx(20))


def test_one_set_or_one_point_or_few_cores_are_not_measurable():
    one_set = _judged(_cores(ERRORS[:1], 5))
    assert one_set.rule == "own"
    assert one_set.regret is None
    assert one_set.rank_agreement is None
    assert one_set.ratio.value == pytest.approx([0.4])
    one_setting = _judged(_cores(ERRORS[:, :1], 5))
    assert one_setting.rule == "only"
    assert one_setting.regret is None
    assert one_setting.chosen.tolist() == [0, 0, 0]
    three_cores = _judged(_cores(ERRORS, 3))
    assert three_cores.regret is not None
    assert three_cores.split_regret is None
    one_core = _judged(_cores(ERRORS, 1))
    assert one_core.regret.value == pytest.approx([0, 10, 20])
    assert np.isnan(one_core.regret.high).all()


def test_the_baseline_is_taken_at_its_own_left_out_choice():
    """By hand: both methods choose setting 0 for every set, though set c's own best is 2."""
    result = agnosticism(_summary(new=_cores(ERRORS, 5), old=_cores(2 * ERRORS[:, ::-1], 5)))
    assert result.runs["new"].tolist() == [0, 0, 0]
    assert result.runs["old"].tolist() == [5, 5, 5]  # the order of its settings is reversed
    assert result.ratio.value == pytest.approx([0.5, 0.5, 0.5])


def test_both_choices_are_repeated_in_every_resample():
    """Two methods of the same errors have a ratio of 1 in each resample, as both choose anew."""
    errors = 10 * (1 + 0.2 * np.random.default_rng(3).standard_normal((6, 3, 4)))
    chosen = choices(errors, core_shares(6, 300, 1))
    assert (np.ptp(chosen, axis=0) > 0).all()  # another setting in some resamples
    result = agnosticism(_summary(new=errors, old=errors))
    for ends in vars(result.ratio).values():
        np.testing.assert_allclose(ends, 1)


@pytest.mark.parametrize("margins", [(5.0,), (2.0, 4.0, 4.5, 6.0)])
def test_ratios_of_the_mvm_error_are_those_of_the_choice(margins):
    summary = make(margins=margins)
    result = agnosticism(summary)
    each, _ = over_time.ratios(summary, "mvm_error", result)
    for found, expected in zip(vars(each).values(), vars(result.ratio).values(), strict=True):
        np.testing.assert_allclose(found, expected)


def test_every_method_of_a_sweep_has_its_run_and_any_two_a_ratio():
    summary = make(margins=(2.0, 4.0, 6.0), passes=(1.0, 4.0, 16.0))
    study = agnosticism(summary)
    assert study.runs["iterative"].tolist() == [1, 1, 1, 1]
    assert study.runs["hadamard"].tolist() == [5, 5, 5, 5]
    assert study.runs["gdp"].tolist() == (6 + study.chosen).tolist()
    upper, together = over_time.ratios(summary, "mvm_error", study, "hadamard", "iterative")
    means = per_core(summary, "mvm_error").mean("core")
    np.testing.assert_allclose(upper.value, means[:, 5] / means[:, 1])
    assert together.value == pytest.approx(float(means[:, 5].mean() / means[:, 1].mean()))
    lower, _ = over_time.ratios(summary, "mvm_error", study, "iterative", "hadamard")
    np.testing.assert_allclose(lower.value, 1 / upper.value)
    assert (lower.low <= lower.value).all()
    assert (lower.value <= lower.high).all()


def test_rank_agreement_by_hand():
    # Orderings 123, 123, 321: pairs 1, -1, -1.
    means = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [3.0, 2.0, 1.0]])
    assert rank_agreement(means) == pytest.approx(-1 / 3)
    assert rank_agreement(means[:2]) == pytest.approx(1)


def test_equal_settings_differ_by_the_winners_luck_only_on_the_same_cores():
    # Twelve settings of the same true error: regret on the same cores is pure luck of the choice;
    # chosen on other cores it vanishes on average.
    rng = np.random.default_rng(0)
    plain, fitted = [], []
    for _ in range(40):
        result = _judged(8 * (1 + 0.05 * rng.standard_normal((6, 4, 12))))
        plain.append(result.regret.value.mean())
        fitted.append(result.split_regret.value.mean())
    assert np.mean(plain) > 2
    assert abs(np.mean(fitted)) < 4 * np.std(fitted) / np.sqrt(len(fitted))


def test_a_run_that_diverged_is_counted_and_never_chosen():
    errors = _cores(ERRORS, 5)
    errors[3, :, 0] = np.inf  # one core of five, at the setting that was best
    result = _judged(errors)
    assert result.shared != 0
    assert 0 not in result.chosen
    assert np.isfinite(result.ratio.value).all()


def test_runs_without_a_finite_error_become_infinite_not_missing():
    summary = make()
    summary["mvm_error"][0, 0, 1, 1 + 4] = np.nan
    errors = of_method(per_core(summary, "mvm_error"), "gdp")
    assert np.isinf(errors.values[0, 1, 4])
    assert np.isinf(errors.values).sum() == 1


def test_tiles_count_by_their_cells():
    summary = make(cores=2)
    part = summary.isel(weight_set=-1, core=0, run=1)
    cells = np.array([64 * 128, 128 * 64, 64 * 10])
    expected = (part["mvm_error"].values * cells).sum() / cells.sum()
    errors = of_method(per_core(summary, "mvm_error"), "gdp")
    assert errors.values[-1, 0, 0] == pytest.approx(expected)


def test_blocks_of_resamples_do_not_change_the_result(monkeypatch):
    whole = agnosticism(make())
    monkeypatch.setattr("aimcsim.study.regret.CHUNK", 200)
    parts = agnosticism(make())
    assert np.array_equal(whole.ratio.high, parts.ratio.high)
    assert np.array_equal(whole.split_regret.low, parts.split_regret.low)
