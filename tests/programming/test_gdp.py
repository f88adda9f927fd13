"""Gradient-descent programming: its estimates, its decisions, where it ends, and against whom.

Statistical bounds are 5 standard errors of the sample moment unless a test states another
tolerance; seeds are fixed.
"""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import aimcsim
from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.common.random import Phase
from aimcsim.programming import gdp, iterative
from aimcsim.programming.cells import first_current
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.outcome import Status
from aimcsim.programming.stopping import QUIET_ITERATIONS, STOPPING_RATE
from tests.descending import descend, held_error, hyperparameters, run_of
from tests.samples import (
    IDEAL_CONVERTERS,
    NOISE_FREE,
    Ports,
    changed,
    make_cores,
    make_units,
    net,
    split,
    uniform_targets,
)

G_MAX = 10.35  # uS
SCATTER = 0.002 * G_MAX  # uS, that of a device without noise: none counts as better
NOISY_READ = changed(NOISE_FREE, read_noise=0.04)


def observer(cores, targets, **values) -> gdp.Run:
    """A run that only observes."""
    settings = hyperparameters(len(cores), **values)
    return run_of(cores, targets, np.zeros_like(targets[cores.unit]), settings)


# Estimates


@pytest.mark.parametrize("distribution", ["uniform", "gaussian", "binary"])
def test_the_gradient_of_a_batch_is_an_unbiased_estimate_with_the_variance_it_claims(distribution):
    """400 batches on one core whose cells are off by 0.8 uS; read noise and 8-bit converters,
    whose range is wide enough for binary inputs: clipped outputs would bias the estimate.

    Variance: the claim leaves out that a cell's own part is m4 / m2^2 - 1 rather than 1 times its
    square, at most twice its share of the column's error: 1 / 24 each for these.
    """
    rows, columns, batches = 24, 10, 400
    generator = np.random.default_rng(6)
    targets = generator.uniform(-9, 9, (1, rows, columns)).astype(np.float32)
    state = split(targets + generator.normal(0, 0.8, targets.shape))
    converters = Periphery(column_gain=0, column_offset=0, adc_range_sigmas=9)
    cores = make_cores(targets, NOISY_READ, converters, conductances=state)
    run = observer(
        cores, targets, running=False, batch_size=256, inputs=distribution, iterations=batches
    )
    estimates, claims = np.empty((2, batches, rows, columns))
    for iteration in range(batches):
        run.observe(np.arange(1), iteration)
        estimates[iteration], claims[iteration] = run.estimate[0], run.variance[0]
    truth = (net(cores) - targets)[0]
    standard_error = estimates.std(axis=0, ddof=1) / np.sqrt(batches)
    off = (estimates.mean(axis=0) - truth) / standard_error
    assert np.abs(off).max() < 5
    assert abs(np.square(off).mean() - 1) < 5 * np.sqrt(2 / off.size)
    ratio = np.square(estimates - truth).mean() / claims.mean()
    assert abs(ratio - 1) < 5 * np.sqrt(2 / estimates.size) + 1 / 24


def test_the_claimed_variance_of_a_batch_follows_the_error_of_its_column():
    """Twice the column's error, no noise: four times the variance, in that column alone."""
    targets = uniform_targets(1, 64, 2)
    error = np.random.default_rng(7).normal(0, 0.5, (64, 2)) * [1, 2]
    cores = make_cores(targets, conductances=split(targets + error))
    run = observer(cores, targets, running=False)
    run.observe(np.arange(1), 0)
    expected = np.square(error).sum(axis=0) / 1024
    # Error energy of 1024 outputs: a relative standard error of sqrt(2 / 1024).
    np.testing.assert_allclose(run.variance[0, 0], expected, rtol=5 * np.sqrt(2 / 1024))
    assert np.ptp(run.variance[0], axis=0).max() == 0


@pytest.mark.parametrize("batch", [256, 1024])
def test_the_running_estimate_has_the_variance_it_claims(batch):
    """Errors drawn from the prior on 100 cores of 64 rows, read noise, eight batches.

    Tolerance 5 %: with the 2.5 % by which it is too sure at 256 MVMs for 64 rows (a cell's own
    square in the Gram matrix varies with the batch), and the sampling error.
    """
    generator = np.random.default_rng(8)
    targets = generator.uniform(-9, 9, (100, 64, 6)).astype(np.float32)
    state = split(targets + 0.8 * generator.standard_normal(targets.shape))
    cores = make_cores(targets, NOISY_READ, IDEAL_CONVERTERS, conductances=state)
    run = observer(cores, targets, prior=0.8 / SCATTER, batch_size=batch)
    truth = net(cores) - targets
    assert run.variance.mean() == pytest.approx(np.square(truth).mean(), rel=0.03)
    previous = np.inf
    for iteration in range(8):
        run.observe(np.arange(100), iteration)
        observed = np.square(run.estimate - truth).mean()
        assert observed / run.variance.mean() == pytest.approx(1, rel=0.05)
        assert observed < previous
        previous = observed


def test_the_variance_of_the_running_estimate_falls_as_read_noise_averages():
    """No error to find: after k batches 1 / (1 / prior + k B m2 / sigma^2), sigma^2 the read
    noise of a column's output.

    Tolerance 6 %: estimates of 32 cells from 1024 k outputs leave a residual of 32 / (1024 k),
    and output energy has a sampling error of 5 sqrt(2 / 1024 / 24 / k).
    """
    generator = np.random.default_rng(9)
    targets = generator.uniform(4, 9, (1, 32, 24)).astype(np.float32)
    cores = make_cores(targets, NOISY_READ, IDEAL_CONVERTERS, conductances=split(targets))
    run = observer(cores, targets, prior=0.8 / SCATTER)
    noise = 0.04**2 * np.square(targets[0]).sum(axis=0) / 3
    for count in range(1, 11):
        run.observe(np.arange(1), count - 1)
        expected = 1 / (1 / 0.8**2 + count * 1024 / 3 / noise)
        assert (run.variance[0].mean(axis=0) / expected).mean() == pytest.approx(1, rel=0.06)


def test_the_running_estimate_is_sharper_than_a_batch():
    """Ten batches of 256: at least by the square root of ten over the last batch alone."""
    generator = np.random.default_rng(10)
    targets = generator.uniform(-9, 9, (4, 64, 16)).astype(np.float32)
    state = split(targets + 0.7 * generator.standard_normal(targets.shape))
    errors = {}
    for running in (False, True):
        cores = make_cores(targets, NOISY_READ, IDEAL_CONVERTERS, conductances=state)
        run = observer(cores, targets, running=running, batch_size=256, prior=0.7 / SCATTER)
        for iteration in range(10):
            run.observe(np.arange(4), iteration)
        errors[running] = np.square(run.estimate - (net(cores) - targets)).mean()
    assert errors[True] < errors[False] / 10


def test_the_recorded_error_is_that_of_the_iterations_own_mvms():
    targets = uniform_targets(1, 20, 16)
    state = split(targets + 0.5)
    measured = []

    class Recorder(Ports):
        def __init__(self, cores):
            super().__init__(cores)
            self.mvm = lambda x, runs, x_of: (
                measured.append((x, cores.mvm(x, runs, x_of))) or (measured[-1][1].copy())
            )

    cores = make_cores(targets, MeltQuench(), Periphery(), conductances=state)
    current = first_current(cores, targets)
    outcome = descend(Recorder(cores), targets, current, hyperparameters(1, iterations=6))
    assert len(measured) == 6
    for (x, y), error in zip(measured, outcome.error[0], strict=True):
        ideal = x[0].astype(float) @ targets[0]
        assert error == pytest.approx(
            100 * np.linalg.norm(y[0] - ideal) / np.linalg.norm(ideal), rel=1e-5
        )


# Decisions


def decision(estimate, deviation, *, sign=1, current=0.5, **values):
    """What one round does for given estimates and their standard deviations, both uS (R, C):
    the run, and the currents and devices of the pulses that it fires."""
    estimate = np.atleast_2d(np.asarray(estimate, np.float32))[None]
    targets = np.full(estimate.shape, 4 * sign, np.float32)
    pulses = []

    class Recorder(Ports):
        def __init__(self, cores):
            super().__init__(cores)
            self.pulse = lambda *args: pulses.append(args) or cores.pulse(*args)

    run = run_of(
        Recorder(make_cores(targets)), targets, np.full_like(targets, current),
        hyperparameters(1, **values),
    )  # fmt: skip
    run.estimate = estimate.copy()
    run.variance = np.broadcast_to(np.square(deviation), estimate.shape).astype(np.float32)
    run.correct(np.arange(1), 0)
    ((currents, devices, _),) = pulses
    return run, currents[0], devices[0]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("deviation", "floor", "least", "threshold"),
    [(0.01, 3.0, 0.0, 3 * SCATTER), (0.01, 3.0, 0.1, 0.4), (0.8, 3.0, 0.1, 2 * 0.8)],
    ids=["floor", "least", "noise"],
)
def test_no_pulse_below_the_threshold(sign, deviation, floor, least, threshold):
    """The largest of noise_threshold x deviation, floor x scatter and least x 4 uS, the root mean
    square of the targets."""
    estimate = threshold * np.array([[0, 0.5, 0.99, 1.01, 2], [-0.0, -0.5, -0.99, -1.01, -2]])
    run, currents, devices = decision(
        estimate, deviation, sign=sign, noise_threshold=2.0, floor=floor, least=least, prior=4.0,
        stopping=False,
    )  # fmt: skip
    assert (devices == (0 if sign > 0 else 1)).all()
    np.testing.assert_array_equal(currents > 0, np.abs(estimate) > threshold)
    chosen = np.abs(estimate) > threshold
    np.testing.assert_array_equal(run.estimate[0][chosen], 0)
    np.testing.assert_allclose(run.estimate[0][~chosen], estimate[~chosen], rtol=1e-6)
    np.testing.assert_allclose(run.variance[0][chosen], (4 * SCATTER) ** 2, rtol=1e-6)
    np.testing.assert_allclose(run.variance[0][~chosen], deviation**2, rtol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_current_moves_by_a_share_of_what_the_average_device_needs(sign):
    """Up where the device in use conducts too much; within melting and full RESET current. By the
    chord of the average curve 5 % of g_max to either side of the target, 4 uS; from above, by a
    curve that is as much less steep as the chord over 30 % of g_max says."""
    estimate = np.array([[0.5, -0.5, 50, -50]])
    run, currents, _ = decision(estimate, 1e-3, sign=sign, learning_rate=0.3, floor=0, least=0)
    model = NOISE_FREE.law()
    ends = model.nominal_current(np.array([4 - 0.05 * G_MAX, 4 + 0.05 * G_MAX], np.float32))
    slope = (ends[0] - ends[1]) / (0.1 * G_MAX)
    too_high = np.maximum(sign * estimate, 0)  # curves flatten towards SET: less is needed
    far = 0.3 * G_MAX
    fall = model.nominal_current(np.array([4, 4 + far], np.float32))
    bend = (slope * far / (fall[0] - fall[1]) - 1) / far
    assert 0.01 < bend < 1
    expected = np.clip(0.5 + sign * 0.3 * slope * estimate / (1 + bend * too_high), 0.25, 1)
    np.testing.assert_allclose(run.current[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(currents, run.current[0])


def test_a_whole_newton_step_brings_the_average_device_to_its_target():
    """Devices without spread, 0.3 uS off: less than a tenth of that is left by one pulse."""
    even = changed(NOISE_FREE, g_set_spread=0, i_half_spread=0)
    targets = np.linspace(1, 9, 64, dtype=np.float32).reshape(1, 8, 8)
    cores = make_cores(targets, even)
    first = np.zeros(targets.shape, np.int8)
    current = even.law().nominal_current(targets + np.float32(0.3))
    cores.pulse(current, first, np.arange(1))
    settings = hyperparameters(1, learning_rate=1.0, floor=0, least=0, noise_threshold=0)
    run = run_of(cores, targets, current, settings)
    run.estimate = cores.true_conductances()[:, 0] - targets
    before = np.abs(run.estimate)
    assert np.median(before) > 0.2
    run.correct(np.arange(1), 0)
    left = np.abs(cores.true_conductances()[:, 0] - targets)
    assert np.median(left / before) < 0.1


def test_the_current_of_a_device_without_a_pulse_stays():
    run, currents, _ = decision([[0.5, -0.5]], 1.0, current=0.4)
    np.testing.assert_array_equal(run.current, np.float32(0.4))
    np.testing.assert_array_equal(currents, 0)


def optimal_stopping(rounds: int) -> np.ndarray:
    """sqrt(V_n), n = 1 ... rounds: root of the expected squared error of the best rule with n
    draws of a standard normal, of which any but the last may be refused.

    V_1 = 1; V_{n + 1} = E[min(e^2, V_n)].
    """
    values = [1.0]
    for _ in range(rounds - 1):
        v = values[-1]
        c = np.sqrt(v)
        inside = 1 - 2 * stats.norm.sf(c)
        values.append(inside - 2 * c * stats.norm.pdf(c) + v * (1 - inside))
    return np.sqrt(values)


def test_the_optimal_stopping_recursion_by_simulation():
    """The reference of the next test, checked itself: ten draws, best rule, 10^6 trials."""
    generator = np.random.default_rng(11)
    thresholds = optimal_stopping(10)
    kept = generator.standard_normal(1_000_000)
    for remaining in range(9, 0, -1):
        again = np.abs(kept) > thresholds[remaining - 1]
        kept[again] = generator.standard_normal(again.sum())
    square = kept**2
    error = square.std() / 1000
    assert abs(square.mean() - thresholds[9] ** 2) < 5 * error


def test_the_stopping_floor_is_close_to_the_optimal_rule():
    """s / (1 + 0.266 n) against the direct solution, n rounds left after this one.

    The constant density makes it exact for many rounds; at most 17 % too high (n = 5) before.
    What that costs: at most 3 % of the root mean square error.
    """
    rounds = np.arange(60)
    formula = 1 / (1 + STOPPING_RATE * rounds)
    optimal = optimal_stopping(60)
    ratio = formula / optimal
    assert (ratio >= 1 - 1e-12).all()
    assert ratio.max() < 1.17
    assert ratio[-1] < 1.07
    # Expected squared error of the formula's thresholds.
    value = 1.0
    for n in range(59):
        c = formula[n]
        inside = 1 - 2 * stats.norm.sf(c)
        value = inside - 2 * c * stats.norm.pdf(c) + value * (1 - inside)
        assert np.sqrt(value) < 1.03 * optimal[n + 1]


def test_the_floor_follows_its_schedule():
    """Two iterations to a round; the last round of pulses is that of iteration N - 2."""
    targets = np.array([[[0, 2, -8]]], np.float32)
    for stopping in (False, True):
        run = observer(
            make_cores(targets), targets, iterations=12, floor=3.0, least=0.25, stopping=stopping
        )
        for iteration in range(11):
            rounds = (10 - iteration) / 2
            tighten = 1 + 2 / (3 * np.sqrt(2 * np.pi)) * rounds if stopping else 1
            floor, least = run.floor(np.arange(1), iteration)
            np.testing.assert_allclose(floor, 3 / tighten, rtol=1e-5)
            np.testing.assert_allclose(least, 0.25 * np.sqrt(68 / 3) / tighten, rtol=1e-5)


# How runs end


@pytest.fixture(scope="module")
def programmed():
    """64 x 64, uniform weights with 30 % zeros, default physics, iteratively programmed."""
    targets = uniform_targets(8, 64, 64)
    cores = make_cores(targets, MeltQuench(), Periphery())
    erased = cores.branch(1)
    outcome = iterative.program(cores, targets, Iterative())
    return targets, erased, cores, outcome.current


def test_a_run_stops_at_its_target_error(programmed):
    targets, _, cores, current = programmed
    branch = cores.branch(1)
    goals = np.array([9.0, 10.0, 11.0, 12.0, 9.0, 10.0, 11.0, 0.0])
    outcome = descend(branch, targets, current, hyperparameters(8, target_error=goals))
    for run, goal in enumerate(goals[:-1]):
        error = outcome.error[run]
        used = np.isfinite(error).sum()
        assert outcome.status[run] == Status.REACHED
        assert 1 < used < 40
        assert error[used - 1] <= goal
        assert (error[: used - 1] > goal).all()
        assert np.isnan(error[used:]).all()
        assert branch.ledger.mvms[run] - cores.ledger.mvms[run] == 1024 * used
    assert outcome.status[-1] in (Status.IMPROVING, Status.CONVERGED)
    assert np.isfinite(outcome.error[-1]).all()


def test_a_run_with_nothing_left_to_correct_ends_at_the_noise_floor(programmed):
    """A floor of 1000 scatters: no pulse; stopped after three silent iterations."""
    targets, _, cores, current = programmed
    branch = cores.branch(1)
    before = branch.true_conductances().copy()
    pulses = branch.ledger.pulses.copy()
    settings = hyperparameters(8, floor=1000.0)
    outcome = descend(branch, targets, current, settings)
    assert (outcome.status == Status.NOISE_FLOOR).all()
    np.testing.assert_array_equal(np.isfinite(outcome.error).sum(axis=1), QUIET_ITERATIONS)
    np.testing.assert_array_equal(branch.true_conductances(), before)
    np.testing.assert_array_equal(branch.ledger.pulses, pulses)
    np.testing.assert_array_equal(outcome.current, current)


def test_a_run_that_pulses_to_the_end_uses_its_budget(programmed):
    """Of several budgets in one batch each is kept; the last iteration only measures."""
    targets, _, cores, current = programmed
    budgets = np.array([5, 6, 10, 20, 40, 40, 8, 7])
    branch = cores.branch(1)
    outcome = descend(branch, targets, current, hyperparameters(8, iterations=budgets))
    assert np.isin(outcome.status, (Status.IMPROVING, Status.CONVERGED)).all()
    assert (outcome.status[budgets <= 10] == Status.IMPROVING).all()
    np.testing.assert_array_equal(np.isfinite(outcome.error).sum(axis=1), budgets)
    np.testing.assert_array_equal(branch.ledger.mvms - cores.ledger.mvms, 1024 * budgets)
    assert (outcome.error[np.arange(8), budgets - 1] < outcome.error[:, 0]).all()


def test_one_iteration_measures_and_changes_nothing(programmed):
    targets, _, cores, current = programmed
    branch = cores.branch(1)
    outcome = descend(branch, targets, current, hyperparameters(8, iterations=1))
    np.testing.assert_array_equal(branch.true_conductances(), cores.true_conductances())
    assert (outcome.status == Status.IMPROVING).all()
    assert np.isfinite(outcome.error).all()


@pytest.mark.parametrize("running", [False, True])
def test_a_wild_setting_diverges(programmed, running):
    """No threshold and a learning rate that throws every device to one end or the other."""
    targets, _, cores, current = programmed
    settings = hyperparameters(
        8, learning_rate=10.0, noise_threshold=0.0, floor=0.0, least=0.0, running=running
    )
    branch = cores.branch(1)
    outcome = descend(branch, targets, current, settings)
    assert (outcome.status == Status.DIVERGED).all()
    assert (held_error(branch, targets) > held_error(cores, targets)).all()


@pytest.mark.parametrize("running", [False, True])
def test_from_reset_it_ends_where_it_ends_from_the_iterative_state(programmed, running):
    """Held error within 20 % of the other start's, from 100 %."""
    targets, erased, cores, current = programmed
    settings = hyperparameters(8, running=running)
    fresh, tuned = erased.branch(1), cores.branch(1)
    assert held_error(fresh, targets).min() > 95
    start = first_current(fresh, targets)
    outcome = descend(fresh, targets, start, settings)
    descend(tuned, targets, current, settings)
    assert (held_error(fresh, targets) < 1.2 * held_error(tuned, targets)).all()
    assert not (outcome.status == Status.DIVERGED).any()
    assert outcome.error[:, 0] == pytest.approx(100, abs=5)


@pytest.mark.parametrize("distribution", ["uniform", "gaussian", "binary"])
@pytest.mark.parametrize("running", [False, True])
def test_it_beats_iterative_programming_on_the_same_cores(programmed, distribution, running):
    """Ratio of held errors: 99.9 % interval over eight cores, paired, in the logarithm."""
    targets, _, cores, current = programmed
    branch = cores.branch(1)
    settings = hyperparameters(8, inputs=distribution, running=running)
    descend(branch, targets, current, settings)
    log_ratio = np.log(held_error(branch, targets) / held_error(cores, targets))
    half_width = stats.t.ppf(0.9995, 7) * log_ratio.std(ddof=1) / np.sqrt(8)
    assert np.exp(log_ratio.mean() + half_width) < 0.6


def test_it_beats_iterative_programming_as_measured_through_the_read_out(programmed):
    """MVM error of fresh inputs, with read noise and converters; interval as above."""
    targets, _, cores, current = programmed
    branch = cores.branch(1)
    descend(branch, targets, current, hyperparameters(8))
    errors = []
    for state in (branch, cores):
        judged = Cores(state.units, state.unit, state.true_conductances(), Phase.EVALUATION)
        x = inputs(state.units, "uniform", 1024, 0, Phase.EVALUATION)
        y, ideal = judged.mvm(x, np.arange(8)), x @ targets
        errors.append(np.linalg.norm(y - ideal, axis=(1, 2)))
    log_ratio = np.log(errors[0] / errors[1])
    half_width = stats.t.ppf(0.9995, 7) * log_ratio.std(ddof=1) / np.sqrt(8)
    assert np.exp(log_ratio.mean() + half_width) < 0.7


def test_unused_devices_and_devices_without_a_pulse_stay(programmed):
    targets, _, cores, current = programmed
    branch = cores.branch(1)
    outcome = descend(branch, targets, current, hyperparameters(8))
    before, after = cores.true_conductances(), branch.true_conductances()
    np.testing.assert_array_equal(after[:, 1][targets >= 0], before[:, 1][targets >= 0])
    np.testing.assert_array_equal(after[:, 0][targets < 0], before[:, 0][targets < 0])
    untouched = outcome.current == current
    in_use = np.where(targets < 0, after[:, 1], after[:, 0])
    was = np.where(targets < 0, before[:, 1], before[:, 0])
    # A cell may have been pulsed and its current clipped back to where it was: at full RESET
    # or at the melting current alone.
    same = untouched & (current < 1) & (current > 0.25)
    assert same.sum() > 100
    np.testing.assert_array_equal(in_use[same], was[same])


# Independence


def test_a_run_does_not_depend_on_the_others_of_its_batch(programmed):
    """Points of very different length on the same unit cores."""
    targets, _, cores, current = programmed
    points = {
        "target_error": np.tile([9.0, 0.0, 0.0], 8),
        "floor": np.tile([1.0, 1000.0, 0.5], 8),
        "iterations": np.tile([40, 30, 12], 8),
        "running": np.tile([True, True, False], 8),
    }
    together = cores.branch(3)
    outcome = descend(
        together, targets, np.repeat(current, 3, axis=0), hyperparameters(24, **points)
    )
    assert len(set(np.isfinite(outcome.error).sum(axis=1))) > 2
    for column in range(3):
        alone = cores.branch(1)
        own = {name: values[column] for name, values in points.items()}
        expected = descend(alone, targets, current, hyperparameters(8, **own))
        length = expected.error.shape[1]
        np.testing.assert_array_equal(outcome.error[column::3, :length], expected.error)
        np.testing.assert_array_equal(outcome.status[column::3], expected.status)
        np.testing.assert_array_equal(outcome.current[column::3], expected.current)
        np.testing.assert_array_equal(
            together.true_conductances()[column::3], alone.true_conductances()
        )
        for name, counts in vars(alone.ledger).items():
            np.testing.assert_array_equal(getattr(together.ledger, name)[column::3], counts)


@pytest.mark.parametrize("distribution", ["uniform", "gaussian", "binary"])
@pytest.mark.parametrize("running", [False, True])
def test_the_algorithm_uses_the_ports_alone(distribution, running):
    targets = uniform_targets(2, 20, 16)
    settings = hyperparameters(
        2, inputs=distribution, running=running, batch_size=128, iterations=10
    )
    free, hidden = (make_cores(targets, MeltQuench(), Periphery()) for _ in range(2))
    current = first_current(free, targets)
    np.testing.assert_array_equal(first_current(Ports(hidden), targets), current)
    expected = descend(free, targets, current, settings)
    outcome = descend(Ports(hidden), targets, current, settings)
    np.testing.assert_array_equal(outcome.error, expected.error)
    np.testing.assert_array_equal(outcome.current, expected.current)
    np.testing.assert_array_equal(hidden.true_conductances(), free.true_conductances())


def test_the_proxy_of_the_ports_hides_the_rest():
    cores = make_cores(uniform_targets(1, 4, 4))
    ports = Ports(cores)
    assert len(ports) == 1
    for name in ("true_conductances", "_g", "branch"):
        assert hasattr(cores, name)
        with pytest.raises(AssertionError, match="which no chip shows"):
            getattr(ports, name)
    for name in ("law", "converters", "stuck"):
        assert name in {field.name for field in dataclasses.fields(cores.units)}
        assert not hasattr(ports.units, name)


def test_the_reference_back_end_agrees():
    """It rounds otherwise, so runs part; held errors agree within 10 % per core."""
    targets = uniform_targets(2, 24, 16)
    errors = []
    for backend in ("cpu", "reference"):
        cores = make_cores(targets, MeltQuench(), Periphery(), backend=backend)
        current = first_current(cores, targets)
        outcome = descend(cores, targets, current, hyperparameters(2, batch_size=256))
        errors.append(held_error(cores, targets))
        assert np.isfinite(outcome.error).all()
    np.testing.assert_allclose(errors[0], errors[1], rtol=0.1)


def test_a_core_without_any_weight_is_left_no_worse():
    """Relative errors of zero outputs are 0/0 and count as absolute ones."""
    targets = np.zeros((1, 16, 8), np.float32)
    cores = make_cores(targets, MeltQuench(), Periphery())
    before = np.linalg.norm(net(cores))
    current = first_current(cores, targets)
    outcome = descend(cores, targets, current, hyperparameters(1))
    used = np.isfinite(outcome.error[0]).sum()
    assert used >= QUIET_ITERATIONS
    assert np.isfinite(outcome.error[0, :used]).all()
    assert np.linalg.norm(net(cores)) < 1.05 * before


# Opposite polarity


def stuck_high(opposite, device=None):
    """One core on which a tenth of the G+ devices are stuck at 8 uS, programmed by GDP."""
    targets = uniform_targets(1, 64, 64)
    units = dataclasses.replace(
        make_units(targets, device or MeltQuench(), Periphery()),
        stuck=np.full((1, 2, 64, 64), np.nan, np.float32),
    )
    stuck = np.random.default_rng(3).random((64, 64)) < 0.1
    units.stuck[0, 0, stuck] = 8.0
    cores = Cores(units, np.zeros(1, int))
    start = iterative.program(cores, targets, Iterative())
    settings = hyperparameters(1, batch_size=512, opposite=opposite)
    outcome = descend(cores, targets, start.current, settings, start.device, start.tunable)
    return targets, stuck, cores.true_conductances(), outcome


def test_a_device_stuck_high_is_subtracted_from_by_the_other_polarity():
    errors = {}
    for opposite in (False, True):
        targets, stuck, g, outcome = stuck_high(opposite)
        # Stuck G+ devices whose positive target is far below 8 uS: G+ itself cannot follow.
        cells = stuck & (targets[0] >= 0) & (targets[0] < 5)
        assert cells.sum() > 80
        errors[opposite] = np.abs(g[0, 0] - g[0, 1] - targets[0])[cells]
        if opposite:
            assert (outcome.device[0][cells] == 1).mean() > 0.9
            assert g[0, 1][cells].mean() > 2
        else:
            assert (outcome.device[0][targets[0] >= 0] == 0).all()
            assert g[0, 1][cells].max() < 1.5  # full RESET of the widest curves
    assert np.median(errors[False]) > 3
    assert np.median(errors[True]) < 0.6


def test_healthy_cells_keep_their_polarity():
    """Targets of 2 uS and more need no subtraction, whatever is allowed."""
    targets, stuck, _, outcome = stuck_high(True)
    large = (np.abs(targets[0]) > 2) & ~stuck
    home = (targets[0] < 0).astype(np.int8)
    assert (outcome.device[0][large] == home[large]).mean() > 0.995


# Start from RESET


@pytest.mark.parametrize("threshold", [2.0, 8.0])
def test_devices_never_tuned_are_found_whatever_the_threshold(threshold):
    """Off by up to g_max, against a prior of 4 scatters: the estimate must not start too sure."""
    targets = uniform_targets(1, 128, 128)
    cores = make_cores(targets, MeltQuench(), Periphery())
    settings = hyperparameters(1, batch_size=512, noise_threshold=threshold)
    current = first_current(cores, targets)
    outcome = descend(cores, targets, current, settings, untuned=targets)
    assert outcome.error[0, 0] > 90
    assert np.nanmin(outcome.error[0]) < 20


def test_orthogonal_inputs_estimate_better_than_random_ones():
    """As many MVMs, no cross-talk of a column's other errors: a smaller held error is left."""
    targets = uniform_targets(6, 64, 48, seed=3)
    left = {}
    for distribution in ("uniform", "orthogonal"):
        cores = make_cores(targets, MeltQuench(), Periphery())
        outcome = iterative.program(cores, targets, Iterative())
        settings = hyperparameters(len(cores), batch_size=64, inputs=distribution, iterations=40)
        descend(cores, targets, outcome.current, settings)
        left[distribution] = held_error(cores, targets)
    difference = left["uniform"] - left["orthogonal"]
    assert difference.mean() > 3 * difference.std(ddof=1) / np.sqrt(len(difference))


def test_targets_beyond_the_average_device_are_tuned_on_two_devices():
    """With many strong weights the larger of two devices is often to carry more than the average
    device can: its curve still falls there, where the average one is flat."""
    weights = np.random.default_rng(2).uniform(-1, 1, (128, 64)).astype(np.float32)
    error = {
        cell: float(
            aimcsim.program(weights, method="gdp", core={"unit_cell": cell}, chips=2, iterations=60)
            .error()
            .mean()
        )
        for cell in ("odp", "tdp")
    }
    assert error["tdp"] < 1.1 * error["odp"]
