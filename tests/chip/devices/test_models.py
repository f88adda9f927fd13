"""Every device model through the ports of a core: moments, hidden state, both back ends.

Statistical bounds are 5 standard errors of the sample moment; seeds are fixed.
"""

import numpy as np
import pytest

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.interface import RESET_CURRENT, SET_PULSE
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.devices.set_accumulation import SetAccumulation
from aimcsim.chip.devices.table import Curve, Table
from aimcsim.chip.periphery import Periphery
from tests.samples import (
    IDEAL_CONVERTERS,
    changed,
    make_cores,
    make_units,
    mean_and_error,
    melt_quench_table,
    spread_and_error,
    staircase_table,
)

ONE = np.array([0])
BACKENDS = ("cpu", "reference")
ACCUMULATING = {
    "set_accumulation": SetAccumulation(),
    "table of pulses": staircase_table(std=0.1, device_std=0.2),
}
MODELS = {
    "melt_quench": MeltQuench(),
    "table of currents": melt_quench_table(7, 4, 32),
    **ACCUMULATING,
}


def blank(device, side=256, runs=1, **kwargs) -> Cores:
    return make_cores(np.ones((runs, side, side), np.float32), device, **kwargs)


def fire(cores, current, device=0) -> np.ndarray:
    """One pulse at the same device of every cell; that device's conductances, float64 (N, R, C)."""
    runs = np.arange(len(cores))
    shape = (len(cores), *cores.shape)
    cores.pulse(np.full(shape, current, np.float32), np.full(shape, device, np.int8), runs)
    return cores.true_conductances()[:, device].astype(np.float64)


# SET accumulation


def independent_staircase(devices: int, pulses: int) -> np.ndarray:
    """The published law written down again, with another generator; (pulses, devices), uS."""
    draw = np.random.default_rng(20)
    top = draw.uniform(12, 20, devices)
    g, p = draw.normal(0.1, 0.01, devices), 1.0
    after = []
    for _ in range(pulses):
        g = g + draw.normal(-0.084 * g + 0.88 + 1.4 * p, 0.091 * g + 0.26 + 2.15 * p)
        g = np.minimum(np.maximum(g, 0.1), top)
        p *= np.exp(-1 / 2.6)
        after.append(g)
    return np.array(after)


@pytest.mark.parametrize("backend", BACKENDS)
def test_set_accumulation_over_twenty_pulses_as_in_an_independent_simulation(backend):
    """Mean and spread over the 65,536 devices of a core after each pulse."""
    cores = blank(SetAccumulation(), backend=backend)
    for reference in independent_staircase(400_000, 20):
        seen = fire(cores, SET_PULSE).ravel()
        for moment in (mean_and_error, spread_and_error):
            value, error = moment(seen)
            expected, expected_error = moment(reference)
            assert error < 0.01 * value
            assert abs(value - expected) < 5 * np.hypot(error, expected_error)
    assert (cores.true_conductances()[:, 1] < 0.2).all()  # the other device is still RESET


def test_reset_forgets_conductance_and_memory():
    """After ten pulses and RESET, a pulse moves devices as the first one did."""
    cores = blank(SetAccumulation())
    start = cores.true_conductances()[:, 0].copy()
    first = fire(cores, SET_PULSE)
    for _ in range(9):
        fire(cores, SET_PULSE)
    assert fire(cores, SET_PULSE).mean() > 8
    np.testing.assert_array_equal(fire(cores, RESET_CURRENT), start)
    again = fire(cores, SET_PULSE)
    for moment in (mean_and_error, spread_and_error):
        (one, error), (other, other_error) = moment(first.ravel()), moment(again.ravel())
        assert abs(one - other) < 5 * np.hypot(error, other_error)
    # Without the memory's return a first pulse would move by 0.87 uS instead of 2.27.
    assert (again - start).mean() > 2
    assert cores.ledger.set_pulses.tolist() == [12 * 256 * 256]


def test_reset_conductances_spread_over_devices():
    reset = blank(SetAccumulation()).true_conductances().ravel().astype(np.float64)
    for moment, expected in ((mean_and_error, 0.1), (spread_and_error, 0.01)):
        value, error = moment(reset)
        assert abs(value - expected) < 5 * error


# Tables


def within_and_between(samples: np.ndarray) -> tuple[np.ndarray, ...]:
    """Samples (pulses, devices): mean, and variances from pulse to pulse and over devices."""
    within = samples.var(axis=0, ddof=1)
    between = samples.mean(axis=0)
    return between, within, np.square(between - between.mean()) - within / len(samples)


def check_row(samples: np.ndarray, mean: float, std: float, device_std: float) -> None:
    expected = (mean, std**2, device_std**2)
    for sample, value in zip(within_and_between(samples), expected, strict=True):
        seen, error = mean_and_error(sample)
        assert abs(seen - value) < 5 * error


def test_a_table_of_currents_has_its_moments_at_its_rows():
    """Of spreads so small that no draw is cut at 0."""
    table = Table(
        g_max=10,
        columns=Curve(
            current=(0.3, 0.5, 0.6, 1),
            mean=(20, 9, 4, 0.2),
            std=(0.5, 1, 0.6, 0.01),
            device_std=(3, 1, 0.5, 0.02),
        ),
    )
    cores, columns = blank(table, 128), table.columns
    for row, current in enumerate(columns.current):
        samples = np.array([fire(cores, current).ravel() for _ in range(12)])
        check_row(samples, columns.mean[row], columns.std[row], columns.device_std[row])


def test_a_table_of_pulses_has_its_moments_at_its_rows():
    """Six staircases of each device; beyond the last row the last one holds."""
    table = staircase_table(5, std=0.05, device_std=0.15)
    cores, columns = blank(table, 128), table.columns
    stairs = []
    for _ in range(6):
        seen = [fire(cores, RESET_CURRENT)]
        seen += [fire(cores, SET_PULSE) for _ in range(7)]
        stairs.append([g.ravel() for g in seen])
    for pulse, samples in enumerate(np.swapaxes(stairs, 0, 1)):
        row = min(pulse, 5)
        check_row(samples, columns.mean[row], columns.std[row], columns.device_std[row])


def test_between_rows_pulses_are_interpolated():
    table = staircase_table(4, std=0, device_std=0)
    wide = {"pulse": (0, 4), "mean": (0.1, 8.1), "std": (0, 0), "device_std": None}
    cores = blank(changed(table, columns=wide, g_max=8), 4)
    seen = [fire(cores, SET_PULSE).mean() for _ in range(5)]
    assert seen == pytest.approx([2.1, 4.1, 6.1, 8.1, 8.1], rel=1e-6)


# Read noise


READ = {  # standard deviation of one device's read, uS, at g
    "melt_quench": lambda g: 0.04 * g,
    "set_accumulation": lambda g: 0.03 * g + 0.13,
    "table of currents": lambda g: 0.04 * g,
    "table of pulses": lambda g: 0.05 * g + 0.2,
    "a floor alone": lambda g: 0.2 + 0 * g,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", READ)
def test_read_noise_of_a_cell_a_device_and_an_mvm(name, backend):
    device = MODELS.get(name, MODELS["table of pulses"])
    if name in ("table of pulses", "a floor alone"):
        relative = 0.05 if name == "table of pulses" else 0
        device = changed(device, read_noise=relative, read_floor=0.2)
    high, low, side = 8.0, 0.5, 128
    g = np.empty((1, 2, side, side), np.float32)
    g[:, 0], g[:, 1] = high, low
    if name == "melt_quench":
        device = changed(device, read_noise=0.04)
    converters = changed(IDEAL_CONVERTERS, adc_range=40)
    targets = np.full((1, side, side), 20, np.float32)
    cores = make_cores(targets, device, converters, conductances=g, backend=backend)
    one, other = READ[name](high), READ[name](low)

    both = np.hypot(one, other)
    first = np.zeros((1, side, side), np.int8)
    x = np.random.default_rng(3).uniform(-1, 1, side).astype(np.float32)
    mvms = np.ascontiguousarray(np.broadcast_to(x, (1, 256, side)))
    for sample, mean, spread in (
        (cores.read_cells(ONE), high - low, both),
        (cores.read_cells(ONE, device=first), high, one),
        (cores.read_cells(ONE, device=first + np.int8(1)), low, other),
        (cores.mvm(mvms, ONE), (high - low) * x.sum(), both * np.linalg.norm(x)),
    ):
        sample = sample.ravel().astype(np.float64)
        seen, error = mean_and_error(sample)
        assert abs(seen - mean) < 5 * error + 1e-3  # a step of 16 bits
        seen, error = spread_and_error(sample)
        assert abs(seen - spread) < 5 * error


def test_a_device_can_be_read_silently():
    for device in MODELS.values():
        units = make_units(np.ones((1, 8, 8), np.float32), device)
        assert units.model.noisy_reads
        silent = make_cores(np.ones((1, 8, 8), np.float32), units.model.read_silently())
        assert not silent.units.model.noisy_reads
        np.testing.assert_array_equal(silent.read_cells(ONE), silent.read_cells(ONE))


# Hidden state


def course(cores: Cores, pulses: int, seed: int = 5) -> np.ndarray:
    """Some SETs, RESETs and idle cells at devices of either polarity; conductances after each."""
    draw = np.random.default_rng(seed)
    runs = np.arange(len(cores))
    seen = []
    for _ in range(pulses):
        kind = draw.choice([0, SET_PULSE, RESET_CURRENT, 0.6], cores.shape, p=[0.2, 0.6, 0.1, 0.1])
        where = draw.integers(0, 2, cores.shape)
        shape = (len(cores), *cores.shape)
        cores.pulse(
            np.broadcast_to(kind, shape).astype(np.float32),
            np.broadcast_to(where, shape).astype(np.int8),
            runs,
        )
        seen.append(cores.true_conductances().copy())
    return np.array(seen)


@pytest.mark.parametrize("name", MODELS)
def test_branches_go_on_from_the_same_hidden_state(name):
    cores = blank(MODELS[name], 24, runs=2)
    course(cores, 6)
    branches = cores.branch(3)
    original = course(cores, 6, seed=6)
    np.testing.assert_array_equal(course(branches, 6, seed=6), np.repeat(original, 3, axis=1))


@pytest.mark.parametrize("name", MODELS)
def test_a_run_does_not_depend_on_the_others_in_its_batch(name):
    together = course(blank(MODELS[name], 24, runs=3), 8)
    units = make_units(np.ones((3, 24, 24), np.float32), MODELS[name])
    reversed_order = course(Cores(units, np.array([2, 0])), 8)
    np.testing.assert_array_equal(reversed_order, together[:, [2, 0]])


@pytest.mark.parametrize("name", MODELS)
def test_back_ends_agree(name):
    results, fired = [], []
    for backend in BACKENDS:
        cores = blank(MODELS[name], 40, runs=2, backend=backend)
        results.append(course(cores, 10))
        fired.append((cores.ledger.pulses.tolist(), cores.ledger.set_pulses.tolist()))
    np.testing.assert_allclose(results[0], results[1], rtol=2e-4, atol=2e-5)
    assert fired[0] == fired[1]


@pytest.mark.parametrize("name", MODELS)
def test_stuck_devices_stay_between_reset_and_set(name):
    targets = np.ones((1, 64, 64), np.float32)
    units = manufacture(
        1, np.zeros(1), np.zeros(1), targets, MODELS[name], Periphery(), kernels.backend("cpu"),
        stuck=Defects(stuck_reset=0.1, stuck_set=0.1, stuck_anywhere=0.2),
    )  # fmt: skip
    stuck = ~np.isnan(units.stuck)
    assert (units.stuck[stuck] >= units.law.g_reset[stuck] - 1e-5).all()
    assert (units.stuck[stuck] <= units.law.g_set[stuck] + 1e-5).all()
    cores = Cores(units, ONE)
    for state in course(cores, 4):
        np.testing.assert_array_equal(state[stuck], units.stuck[stuck])
