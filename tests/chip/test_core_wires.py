"""Cores with wires: against the exact solve of the circuit, and what is solved again when."""

import numpy as np
import pytest

from aimcsim.chip import core
from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Wires
from aimcsim.common.errors import UserError
from aimcsim.common.random import Phase
from aimcsim.config.load import from_mapping
from aimcsim.physics import crossbar as wires
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, changed, make_cores, split, uniform_targets

ROWS, COLUMNS = 48, 40
ONE = np.array([0])
WIDE = changed(IDEAL_CONVERTERS, adc_range_sigmas=8)


def resistances(row, column):
    """Of any size, unchecked: the keys' range is for cores of the chip's size."""
    return Wires.model_construct(row=row, column=column)


STRONG = resistances(30.0, 20.0)


def conductances(devices=2, seed=3):
    """Uniform targets of one polarity per cell, RESET devices beside them, cells of zero among."""
    generator = np.random.default_rng(seed)
    g = generator.uniform(0.08, 0.12, (1, devices, ROWS, COLUMNS)).astype(np.float32)
    part = split(uniform_targets(1, ROWS, COLUMNS, seed))
    g[:, :: devices // 2] += part
    g[:, :, :3, :4] = 0
    return g


def polarities(g):
    """Sums of G+ and of G-, float64 (2, R, C)."""
    return g[0].reshape(2, -1, ROWS, COLUMNS).sum(axis=1, dtype=np.float64)


def cores_of(g, ohm=STRONG, device=NOISE_FREE):
    targets = uniform_targets(1, ROWS, COLUMNS)
    cell = "odp" if g.shape[1] == 2 else "tdp"
    return make_cores(targets, device, WIDE, conductances=g, unit_cell=cell, wires=ohm)


@pytest.mark.parametrize("ohm", [STRONG, resistances(0.0, 30.0), resistances(30.0, 0.0)])
@pytest.mark.parametrize("devices", [2, 4])
def test_mvms_are_those_of_two_crossbars_solved_exactly(devices, ohm):
    """The deviation that wires cause, to 2 % of itself, as wires.effective_conductance states."""
    g = conductances(devices)
    cores = cores_of(g, ohm)
    x = inputs(cores.units, "uniform", 200, 0, Phase.EVALUATION)
    y = cores.mvm(x, ONE)[0]
    assert cores.ledger.saturated == 0
    positive, negative = polarities(g)
    exact = wires.exact(positive, x[0], ohm.row, ohm.column)
    exact -= wires.exact(negative, x[0], ohm.row, ohm.column)
    deviation = np.linalg.norm(exact - x[0] @ (positive - negative))
    assert deviation > 0.01 * np.linalg.norm(exact)
    quantised = cores.units.full_scale[0] / 2**15 * np.sqrt(y.size / 12)
    assert np.linalg.norm(y - exact) < 0.02 * deviation + 2 * quantised


def test_a_read_of_a_cell_is_an_mvm_with_one_row_driven():
    g = conductances()
    cores = cores_of(g)
    positive, negative = polarities(g)
    exact = wires.exact(positive, np.eye(ROWS), STRONG.row, STRONG.column)
    exact -= wires.exact(negative, np.eye(ROWS), STRONG.row, STRONG.column)
    read = cores.read_cells(ONE)[0]
    deviation = np.linalg.norm(exact - (positive - negative))
    step = 16.512 / 2**15
    assert deviation > 20 * step * np.sqrt(exact.size)
    assert np.linalg.norm(read - exact) < 0.02 * deviation + step * np.sqrt(exact.size / 6)


def test_devices_read_alone_add_up_to_their_polarity():
    g = conductances(4)
    cores = cores_of(g)
    shape = (1, ROWS, COLUMNS)
    alone = [cores.read_cells(ONE, device=np.full(shape, d, np.int8))[0] for d in range(4)]
    net = cores.read_cells(ONE)[0]
    step = 2 * 16.512 / 2**15
    np.testing.assert_allclose(alone[0] + alone[1] - alone[2] - alone[3], net, atol=3 * step)
    expected = g[0, 0] * wires.effective_conductance(polarities(g), STRONG.row, STRONG.column)[0]
    expected = expected[3:] / polarities(g)[0, 3:]
    np.testing.assert_allclose(alone[0][3:], expected, atol=step)


def test_a_polarity_without_conductance_is_harmless():
    g = conductances()
    g[:, 1] = 0
    seen = wires.seen_from_outside(g[0], STRONG.row, STRONG.column)
    assert not seen[1].any()
    effective = wires.effective_conductance(polarities(g), STRONG.row, STRONG.column)
    np.testing.assert_allclose(seen[0], effective[0], rtol=1e-6)  # cells of zero among them
    assert (effective[0, :3, :4] > 0).all()  # detours


def test_wires_without_resistance_change_no_bit():
    g = conductances(4)
    np.testing.assert_array_equal(wires.seen_from_outside(g[0], 0, 0), g[0])
    answers = []
    for ohm in (None, Wires(), resistances(1e-300, 0.0)):
        cores = make_cores(
            uniform_targets(2, ROWS, COLUMNS), MeltQuench(), Periphery(), wires=ohm, unit_cell="tdp"
        )
        answers.append(use(cores))
    for other in answers[1:]:
        for ours, theirs in zip(answers[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def use(cores):
    """One access of every port; what the cores answer."""
    runs = np.arange(len(cores))
    shape = (len(cores), *cores.shape)
    x = inputs(cores.units, "uniform", 9, 0, Phase.PROGRAMMING)
    first = cores.mvm(x, runs)
    cores.pulse(np.full(shape, 0.5, np.float32), np.zeros(shape, np.int8), runs)
    return first, cores.read_cells(runs), cores.mvm(x, runs), cores.true_conductances().copy()


@pytest.fixture
def solved(monkeypatch):
    """Counts the solves."""
    calls = []

    def count(*arguments):
        calls.append(arguments)
        return wires.seen_from_outside(*arguments)

    monkeypatch.setattr(core, "seen_from_outside", count)
    return calls


def test_wires_are_solved_again_only_after_a_pulse(solved):
    cores = make_cores(uniform_targets(3, ROWS, COLUMNS), NOISE_FREE, WIDE, wires=STRONG)
    every, shape = np.arange(3), (ROWS, COLUMNS)
    assert not solved  # nobody has read them yet
    cores.read_cells(every[:2])
    cores.read_cells(every[:2])
    assert len(solved) == 2
    x = inputs(cores.units, "uniform", 9, 0, Phase.PROGRAMMING)
    cores.mvm(x, every)
    assert len(solved) == 3
    some = np.array([2, 0])
    current = np.zeros((2, *shape), np.float32)
    current[1] = 0.4  # run 2 gets no pulse
    cores.pulse(current, np.zeros((2, *shape), np.int8), some)
    y = cores.mvm(x, every)
    assert len(solved) == 4
    # What is kept is what a new core with the same conductances shows.
    fresh = Cores(cores.units, cores.unit, cores.true_conductances())
    np.testing.assert_array_equal(fresh.mvm(x, every), y)


def test_a_branch_keeps_what_was_solved_and_goes_its_own_way(solved):
    cores = make_cores(uniform_targets(2, ROWS, COLUMNS), NOISE_FREE, WIDE, wires=STRONG)
    x = inputs(cores.units, "uniform", 9, 0, Phase.PROGRAMMING)
    y = cores.mvm(x, np.arange(2))
    branch = cores.branch(2)
    np.testing.assert_array_equal(branch.mvm(x, np.arange(4)), np.repeat(y, 2, axis=0))
    assert len(solved) == 2
    current = np.full((1, ROWS, COLUMNS), 0.4, np.float32)
    branch.pulse(current, np.zeros(current.shape, np.int8), np.array([3]))
    after = branch.mvm(x, np.arange(4))
    assert len(solved) == 3
    np.testing.assert_array_equal(after[:3], np.repeat(y, 2, axis=0)[:3])
    assert np.abs(after[3] - y[1]).max() > 1
    np.testing.assert_array_equal(cores.mvm(x, np.arange(2)), y)
    alone = Cores(cores.units, np.array([1]), branch.true_conductances()[3:])
    np.testing.assert_array_equal(alone.mvm(x, ONE)[0], after[3])


def test_read_noise_scales_with_what_the_wires_leave():
    """A core of equal conductances: relative noise of a read as without wires."""
    rows = columns = 128
    g = np.full((1, 2, rows, columns), 8, np.float32)
    device = changed(NOISE_FREE, read_noise=0.04)
    targets = np.ones((1, rows, columns), np.float32)
    cores = make_cores(targets, device, WIDE, conductances=g, wires=resistances(4.0, 4.0))
    one = np.zeros((1, rows, columns), np.int8)
    reads = np.array([cores.read_cells(ONE, device=one)[0] for _ in range(30)], np.float64)
    relative = reads.std(axis=0, ddof=1) / reads.mean(axis=0)
    assert reads.mean() < 0.8 * 8
    # Standard error of the mean of 128 x 128 sample deviations of 30 reads.
    error = 0.04 / np.sqrt(2 * 29 * rows * columns)
    expected = 0.04 * (1 - 1 / (4 * 29))  # mean of a sample deviation
    assert abs(relative.mean() - expected) < 5 * error + 0.04 * 1e-3


def test_too_much_resistance_is_a_user_error():
    cores = cores_of(np.full((1, 2, ROWS, COLUMNS), 10, np.float32), resistances(3000.0, 3000.0))
    with pytest.raises(UserError, match=r"wires\.row 3000 .*Lower them"):
        cores.read_cells(ONE)


def test_the_configuration_refuses_resistances_beyond_the_approximation():
    weights = {"w": {"kind": "gaussian"}}
    from_mapping({"weights": weights, "wires": {"row": 5, "column": 5}})
    with pytest.raises(UserError, match=r"wires\.row 9 and wires\.column 9 Ohm swallow 8\d%"):
        from_mapping({"weights": weights, "wires": {"row": 9, "column": 9}})
    small = {"rows": 64, "columns": 64}
    from_mapping({"weights": weights, "wires": {"row": 9, "column": 9}, "core": small})
    with pytest.raises(UserError, match=r"wires\.row: got -1"):
        from_mapping({"weights": weights, "wires": {"row": -1}})


@pytest.mark.parametrize(("ohm", "size"), [(1.0, 64), (1.0, 256), (5.0, 256)])
def test_loss_of_an_even_core_is_stated_not_too_low(ohm, size):
    g = np.full((size, size), 10.35)
    solved = 1 - wires.effective_conductance(g, ohm, ohm).sum() / g.sum()
    stated = wires.loss_when_even(size, size, 10.35, ohm, ohm)
    assert solved <= stated < 1.2 * solved
