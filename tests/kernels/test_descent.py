"""The compiled kernels of gradient-descent programming compute what the plain ones state."""

from functools import partial

import numpy as np
import pytest

from aimcsim.kernels import cpu, reference
from aimcsim.kernels.interface import (
    CHANGE,
    LEARNING,
    SHEET,
    Estimates,
    Gradients,
    PulseRule,
    TunedCells,
)

RUNS, ROWS, COLUMNS, BATCH = 5, 13, 37, 50
CHOSEN = np.array([0, 2, 4])
# Of the three: prior, noise threshold, floor, least, rate, decay. In each another threshold is the
# largest for most cells.
RULES = [
    (4.0, 1.0, 0.1, 0.05, 0.3, 0.0),
    (3.0, 0.2, 1.5, 0.05, 0.4, 0.3),
    (2.0, 0.2, 0.1, 0.6, 0.5, 2.0),
]  # fmt: skip


@pytest.fixture
def draw():
    generator = np.random.default_rng(5)
    return lambda *shape: generator.standard_normal(shape).astype(np.float32)


def both(prepare, call):
    """(plain, compiled): results and the arrays that each has changed."""
    found = []
    for kernels in (reference, cpu):
        arrays = prepare()
        found.append((call(kernels, *arrays), arrays))
    return found


def test_inputs_land_on_the_same_grid(draw):
    x = draw(4, 9, 11)
    (plain, _), (compiled, _) = both(lambda: (x,), lambda k, x: k.to_grid(x, 2, -1, 127))
    np.testing.assert_array_equal(plain, compiled)
    assert np.abs(compiled).max() == 1


def test_residuals_and_their_squares(draw):
    y, ideal, unit = draw(3, BATCH, COLUMNS), draw(2, BATCH, COLUMNS), np.array([0, 1, 1])
    (plain, (left, _)), (compiled, (right, _)) = both(
        lambda: (y.copy(), ideal), lambda k, y, ideal: k.residual(y, ideal, unit)
    )
    np.testing.assert_array_equal(left, right)
    for a, b in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(compiled[0], np.square(y - ideal[unit]).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("orthogonal", [True, False])
@pytest.mark.parametrize("running", [True, False, None], ids=["running", "batch", "mixed"])
def test_folding_a_batch(draw, running, orthogonal):
    running = np.array([True, False, True]) if running is None else np.full(3, running)
    estimate, variance = draw(RUNS, ROWS, COLUMNS), np.square(draw(RUNS, ROWS, COLUMNS)) + 0.1
    gradient = 20 * draw(3, ROWS, COLUMNS)
    predicted = None if orthogonal else 18 * estimate[CHOSEN]
    energy, power = 500 + np.square(draw(3, COLUMNS)), np.array([17, 18, 19], np.float32)
    (_, plain), (_, compiled) = both(
        lambda: (estimate.copy(), variance.copy()),
        lambda k, *arrays: k.fold(
            Estimates(*arrays), CHOSEN, Gradients(gradient, predicted, energy, power, BATCH),
            running,
        ),
    )  # fmt: skip
    for a, b, before in zip(plain, compiled, (estimate, variance), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
        np.testing.assert_array_equal(b[[1, 3]], before[[1, 3]])  # no part in it
        assert (b[CHOSEN] != before[CHOSEN]).any()


def test_a_column_explained_whole_keeps_a_positive_variance():
    """The energy left can round below zero; the estimate must not break."""
    for kernels in (reference, cpu):
        estimate = np.ones((1, 2, 3), np.float32)
        variance = np.ones_like(estimate)
        ones = np.ones((1, 2, 3), np.float32)
        energy, power = np.zeros((1, 3), np.float32), np.ones(1, np.float32)
        gradients = Gradients(ones, ones, energy, power, 4)
        kernels.fold(Estimates(estimate, variance), np.array([0]), gradients, np.array([True]))
        assert np.isfinite(estimate).all()
        assert (variance >= 0).all()


@pytest.mark.parametrize("again", [False, True])
def test_deciding_on_pulses(draw, again):
    shape = (RUNS, ROWS, COLUMNS)
    estimate, variance = draw(*shape), np.square(draw(*shape))
    current = np.clip(0.7 + 0.3 * draw(*shape), 0, 1)  # some below the lowest current
    before = np.round(3 * np.abs(draw(*shape)))  # pulses
    surprise = np.square(draw(*shape)) * (before > LEARNING)
    rested = draw(*(shape if again else (0, ROWS, COLUMNS))) > 0
    sign = np.where(draw(*shape) > 0, np.int8(1), np.int8(-1))
    tunable = draw(*shape) > -1
    scatter, response, bend = np.abs(draw(3, 2, ROWS, COLUMNS)) + np.float32(0.01)
    unit = np.array([1, 1, 0, 0, 1])
    numbers = np.array(RULES, np.float32).T
    rule = PulseRule(*numbers, changes=np.array([True, False, True]), lowest=0.25, highest=1.0)
    tuned = partial(
        TunedCells, sign=sign, tunable=tunable, scatter=scatter, response=response, bend=bend,
        unit=unit,
    )  # fmt: skip
    (plain, left), (compiled, right) = both(
        lambda: (
            estimate.copy(),
            variance.copy(),
            current.copy(),
            before.copy(),
            surprise.copy(),
            rested.copy(),
        ),
        lambda k, e, v, i, n, s, old: k.decide(Estimates(e, v), tuned(i, n, s, old), CHOSEN, rule),
    )
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_array_equal(one, other)
    compiled, changing = compiled
    np.testing.assert_array_equal(changing, np.flatnonzero(compiled == CHANGE))
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)

    def spread(pulses, squares):
        seen = SHEET + np.maximum(pulses - LEARNING, 0)
        return np.sqrt((SHEET * scatter[unit[CHOSEN]] ** 2 + squares) / seen)

    own = spread(before[CHOSEN], surprise[CHOSEN])
    differs = np.abs(own / scatter[unit[CHOSEN]] - 1) > 0.2
    assert differs.mean() > 0.1  # devices that are not as their sheet says
    thresholds = np.stack(np.broadcast_arrays(
        rule.noise_threshold[:, None, None] * np.sqrt(variance[CHOSEN]),
        rule.floor[:, None, None] * own,
        rule.least[:, None, None],
    ))  # fmt: skip
    chosen = tunable[CHOSEN] & (np.abs(estimate[CHOSEN]) > thresholds.max(axis=0))
    np.testing.assert_array_equal(compiled != 0, chosen)
    for run in range(3):  # each of the thresholds decides alone on some cells
        others = np.delete(thresholds[:, run], run, axis=0).max(axis=0)
        assert (~chosen & tunable[CHOSEN] & (np.abs(estimate[CHOSEN]) > others))[run].any()
    change = compiled == CHANGE
    assert change[[0, 2]].any()
    assert not change[1].any()
    fired = compiled > 0
    assert 0.05 < fired.mean() < 0.95
    assert (right[0][CHOSEN][fired] == 0).all()
    np.testing.assert_array_equal(right[2][CHOSEN][fired], compiled[fired])
    counted = fired & (before[CHOSEN] >= LEARNING)
    found = surprise[CHOSEN] + np.where(counted, np.square(estimate[CHOSEN]), 0)
    np.testing.assert_allclose(right[4][CHOSEN], found, rtol=1e-6)
    after = np.square(rule.prior[:, None, None] * spread(before[CHOSEN] + fired, found))
    np.testing.assert_allclose(right[1][CHOSEN][fired], after[fired], rtol=1e-6)
    moved = fired & (compiled > 0.25) & (compiled < 1)
    if again:
        assert (compiled == current[CHOSEN])[moved & rested[CHOSEN]].all()
        moved &= ~rested[CHOSEN]
    np.testing.assert_array_equal(right[3][CHOSEN], before[CHOSEN] + fired)
    error, of = (sign * estimate)[CHOSEN], unit[CHOSEN]
    move = response[of] * error / (1 + bend[of] * np.maximum(error, 0))
    falling = 1 + rule.decay[:, None, None] * before[CHOSEN]
    asked = rule.rate[:, None, None] * move / falling
    np.testing.assert_allclose((compiled - current[CHOSEN])[moved], asked[moved], atol=1e-5)
