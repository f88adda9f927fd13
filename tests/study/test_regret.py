"""Choice of settings and regret, against numbers worked out by hand."""

import numpy as np
import pytest

from aimcsim.common.errors import UserError
from aimcsim.study.measures import Options, check, of_method, per_core, varying
from aimcsim.study.regret import agnosticism, choose, evaluate, rank_agreement
from tests.study.example import make

HOW = Options(level=0.95, resamples=300, seed=1)
NAMES = np.array(["a", "b", "c"])
# Own bests 0, 1, 2. Mean log excess over the own best, by hand:
#   a: 1, 1.25, 2    b: 1.1, 1, 3    c: 1.2, 2, 1
ERRORS = np.array([[8.0, 10.0, 16.0], [11.0, 10.0, 30.0], [6.0, 10.0, 5.0]])


def _cores(errors: np.ndarray, cores: int) -> np.ndarray:
    return np.repeat(errors[None], cores, axis=0)


def test_choices_by_hand():
    choice = choose(ERRORS)
    assert choice.best.tolist() == [0, 1, 2]
    # Products of the excesses: 1 x 1.1 x 1.2 = 1.32, 1.25 x 1 x 2 = 2.5, 2 x 3 x 1 = 6.
    assert choice.shared == 0
    # Without a: 1.32, 2, 3 -> 0. Without b: 1.2, 2.5, 2 -> 0. Without c: 1.1, 1.25, 6 -> 0.
    assert choice.left_out.tolist() == [0, 0, 0]


def test_the_set_left_out_has_no_vote():
    # Set c prefers point 2 so strongly that it decides the shared setting, yet not its own.
    errors = np.array([[8.0, 10.0, 8.1], [10.5, 10.0, 10.6], [50.0, 50.0, 5.0]])
    choice = choose(errors)
    assert choice.shared == 2
    assert choice.left_out.tolist() == [2, 2, 0]


def test_regret_and_ratio_by_hand():
    iterative = np.full((5, 3), 20.0)
    result = evaluate(_cores(ERRORS, 5), iterative, NAMES, HOW)
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
    one_set = evaluate(_cores(ERRORS[:1], 5), np.full((5, 1), 20.0), NAMES[:1], HOW)
    assert one_set.rule == "own"
    assert one_set.regret is None
    assert one_set.rank_agreement is None
    assert one_set.ratio.value == pytest.approx([0.4])
    one_point = evaluate(_cores(ERRORS[:, :1], 5), np.full((5, 3), 20.0), NAMES, HOW)
    assert one_point.rule == "only"
    assert one_point.regret is None
    assert one_point.chosen.tolist() == [0, 0, 0]
    three_cores = evaluate(_cores(ERRORS, 3), np.full((3, 3), 20.0), NAMES, HOW)
    assert three_cores.regret is not None
    assert three_cores.split_regret is None
    one_core = evaluate(_cores(ERRORS, 1), np.full((1, 3), 20.0), NAMES, HOW)
    assert one_core.regret.value == pytest.approx([0, 10, 20])
    assert np.isnan(one_core.regret.high).all()


def test_rank_agreement_by_hand():
    # Orderings 123, 123, 321: pairs 1, -1, -1.
    means = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [3.0, 2.0, 1.0]])
    assert rank_agreement(means) == pytest.approx(-1 / 3)
    assert rank_agreement(means[:2]) == pytest.approx(1)


def test_equal_points_differ_by_the_winners_luck_only_on_the_same_cores():
    # Twelve points of the same true error: regret on the same cores is pure luck of the choice;
    # chosen on other cores it vanishes on average.
    rng = np.random.default_rng(0)
    plain, fitted = [], []
    for seed in range(40):
        gdp = 8 * (1 + 0.05 * rng.standard_normal((6, 4, 12)))
        result = evaluate(
            gdp, np.full((6, 4), 16.0), np.array(list("abcd")), Options(0.95, 100, seed)
        )
        plain.append(result.regret.value.mean())
        fitted.append(result.split_regret.value.mean())
    assert np.mean(plain) > 2
    assert abs(np.mean(fitted)) < 4 * np.std(fitted) / np.sqrt(len(fitted))


def test_a_run_that_diverged_is_counted_and_never_chosen():
    errors = _cores(ERRORS, 5)
    errors[3, :, 0] = np.inf  # one core of five, at the point that was best
    result = evaluate(errors, np.full((5, 3), 20.0), NAMES, HOW)
    assert result.shared != 0
    assert 0 not in result.chosen
    assert np.isfinite(result.ratio.value).all()


def test_runs_without_a_finite_error_become_infinite_not_missing():
    summary = make()
    summary["mvm_error"][0, 0, 1, 1, 4] = np.nan
    errors = of_method(per_core(summary, "mvm_error"), "gdp")
    assert np.isinf(errors.values[0, 1, 4])
    assert np.isinf(errors.values).sum() == 1


def test_tiles_count_by_their_cells():
    summary = make(cores=2)
    part = summary.isel(weight_set=-1, core=0, point=0).sel({"method": "gdp"})
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


def test_varying_hyperparameters_come_with_most_values_first():
    assert list(varying(make())) == ["noise_threshold", "floor"]
    assert list(varying(make(thresholds=(1.0,), rates=(0.1, 0.2)))) == ["floor", "learning_rate"]
    assert varying(make(thresholds=(1.0,), floors=(1.0,))) == {}


def test_incomplete_summaries_are_refused():
    with pytest.raises(UserError, match="lacks pulses"):
        check(make().drop_vars("pulses"))
    summary = make()
    summary["status"][0, :, 0, 1, 0] = -1
    with pytest.raises(UserError, match="no run"):
        check(summary)
