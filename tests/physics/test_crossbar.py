"""Wire resistance: the exact solve against other solutions, the approximation against it."""

import numpy as np
import pytest

from aimcsim.physics import crossbar as wires

G_MAX = 10.35  # uS


def conductances(rows, columns=None, seed=0, low=0.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(low, G_MAX, (rows, columns or rows))


def inputs(batch, rows, low=-1.0, seed=1):
    return np.random.default_rng(seed).uniform(low, 1, (batch, rows))


def one_polarity(size):
    """The positive part of Gaussian weights, the rest RESET."""
    signed = np.random.default_rng(size).normal(0, G_MAX / 3, (size, size))
    return np.clip(signed, 0.1, G_MAX)


def dense(g, x, r_row, r_column):
    """The circuit by its device currents instead of its node voltages, with dense matrices.

    Device currents i obey i / g + (drops along the wires they share) = x; the drop at a cell is
    the sum over cells of its wire of current times the segments shared on the way.
    Returns output currents (C,), power dissipated in wires and devices, currents drawn (R,).
    """
    rows = len(g)
    row, column = (index.ravel() for index in np.indices(g.shape))
    shared_row = (row[:, None] == row) * (np.minimum(column[:, None], column) + 1)
    shared_column = (column[:, None] == column) * (rows - np.maximum(row[:, None], row))
    wires_ = (r_row * shared_row + r_column * shared_column) / wires.PER_OHM
    current = np.linalg.solve(np.diag(1 / g.ravel()) + wires_, x[row])
    power = current @ (wires_ + np.diag(1 / g.ravel())) @ current
    return np.bincount(column, current), power, np.bincount(row, current)


def error_of_deviation(g, x, r_row, r_column):
    exact = wires.exact(g, x, r_row, r_column)
    approximate = wires.approximate(g, x, r_row, r_column)
    return np.linalg.norm(approximate - exact) / np.linalg.norm(exact - x @ g)


@pytest.mark.parametrize("method", [wires.exact, wires.approximate])
def test_ideal_wires_change_nothing(method):
    g, x = conductances(7, 5), inputs(3, 7)
    np.testing.assert_allclose(method(g, x, 0, 0), x @ g, rtol=1e-14)


@pytest.mark.parametrize("shape", [(64, 64), (40, 90), (1, 30)])
@pytest.mark.parametrize(("r_row", "r_column"), [(2.5, 2.5), (0.1, 20.0), (30.0, 1.0)])
def test_rows_and_columns_in_turns_are_the_factorisation(monkeypatch, shape, r_row, r_column):
    g, x = conductances(*shape), inputs(3, shape[0])
    turns = wires.exact(g, x, r_row, r_column)
    monkeypatch.setattr(wires, "_solve", None)
    np.testing.assert_array_equal(wires.exact(g, x, r_row, r_column), turns)  # needs none
    monkeypatch.undo()
    monkeypatch.setattr(wires, "TURNS", 0)
    factorised = wires.exact(g, x, r_row, r_column)
    np.testing.assert_allclose(turns, factorised, rtol=0, atol=1e-11 * np.abs(turns).max())


def test_turns_give_up_where_wires_take_much_of_the_voltage(monkeypatch):
    g, x = conductances(40), inputs(3, 40)
    currents = wires.exact(g, x, 5e3, 5e3)
    assert np.isfinite(currents).all()
    monkeypatch.setattr(wires, "_solve", None)
    with pytest.raises(TypeError):
        wires.exact(g, x, 5e3, 5e3)


@pytest.mark.parametrize("method", [wires.exact, wires.approximate])
def test_one_cell_is_three_resistors_in_series(method):
    """By hand: 1 V over 100 kOhm (10 uS) and wires of 5 and 20 kOhm gives 8 uA."""
    current = method(np.array([[10.0]]), np.array([[1.0]]), 5e3, 20e3)
    np.testing.assert_allclose(current, [[8.0]], rtol=1e-12)


def test_exact_against_two_cells_solved_by_hand():
    """A row of two cells, ideal columns, all resistors R: the ladder's node voltages are 2/5, 1/5
    of the input (1 - v1 = v1 + (v1 - v2), v1 - v2 = v2), so the currents are those over R.
    """
    g = np.array([[10.0, 10.0]])
    current = wires.exact(g, np.array([[1.0]]), wires.PER_OHM / 10, 0)
    np.testing.assert_allclose(current, [[4.0, 2.0]], rtol=1e-12)
    # By reciprocity a column of two cells, read at the second row.
    column = wires.exact(g.T, np.eye(2), 0, wires.PER_OHM / 10)
    np.testing.assert_allclose(column, [[2.0], [4.0]], rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 5), (1, 4), (4, 1)])
@pytest.mark.parametrize(("r_row", "r_column"), [(3e3, 8e3), (2.0, 0), (0, 5e4), (1e6, 1e2)])
def test_exact_against_a_dense_solution(shape, r_row, r_column):
    g, x = conductances(*shape, low=0.1), inputs(4, shape[0])
    expected = [dense(g, each, r_row, r_column)[0] for each in x]
    np.testing.assert_allclose(wires.exact(g, x, r_row, r_column), expected, rtol=1e-10, atol=1e-12)


def test_exact_against_badcrossbar():
    """Answers of badcrossbar 1.1.0: compute(x.T, 1e6 / g, r_i_word_line=2e3, r_i_bit_line=5e3)."""
    g = np.array([[1.5, 10, 0.1], [7, 0.5, 4], [2, 3, 9], [5, 8, 6]])
    x = np.array([[1, -0.5, 0.25, 0.8], [0.3, 0.9, -1, 0.6]])
    stored = [[2.3663534, 13.39669119, 4.3823997], [6.58952358, 4.26310346, -1.23538089]]
    np.testing.assert_allclose(wires.exact(g, x, 2e3, 5e3), stored, rtol=0, atol=1e-8)


def test_exact_against_badcrossbar_where_it_is_installed():
    badcrossbar = pytest.importorskip("badcrossbar", exc_type=ImportError)
    g, x = conductances(20, 30, low=0.1), inputs(3, 20)
    solution = badcrossbar.compute(x.T, wires.PER_OHM / g, r_i_word_line=3.0, r_i_bit_line=70.0)
    expected = solution.currents.output * wires.PER_OHM
    np.testing.assert_allclose(wires.exact(g, x, 3.0, 70.0), expected, rtol=1e-9)


def test_exact_is_reciprocal():
    """Driving the columns' contacts and reading the rows' gives the same transfer, transposed.

    Turned so that the columns come as rows: both contacts stay where they are.
    """
    g = conductances(6, 9)
    turned = wires.exact(g[::-1, ::-1].T, np.eye(9), 7e3, 2e3)
    np.testing.assert_allclose(turned[::-1, ::-1].T, wires.exact(g, np.eye(6), 2e3, 7e3), rtol=1e-9)


def test_exact_balances_power():
    """Power of the sources equals what wires and devices dissipate (uS x input^2)."""
    g, x = conductances(4, 6, low=0.1), inputs(1, 4)[0]
    output, dissipated, drawn = dense(g, x, 4e3, 9e3)
    np.testing.assert_allclose(x @ drawn, dissipated, rtol=1e-10)
    np.testing.assert_allclose(drawn.sum(), output.sum(), rtol=1e-10)
    exact = wires.exact(g, x[None], 4e3, 9e3)[0]
    np.testing.assert_allclose(exact.sum(), drawn.sum(), rtol=1e-10)


@pytest.mark.parametrize("make", [conductances, one_polarity])
@pytest.mark.parametrize(
    ("size", "ohm", "bound"),
    [(64, 0.1, 0.005), (64, 0.35, 0.005), (64, 1, 0.005), (64, 2.5, 0.005), (64, 40, 0.01),
     (256, 0.1, 0.005), (256, 0.35, 0.005), (256, 1, 0.005), (256, 2.5, 0.005), (256, 5, 0.01)],
)  # fmt: skip
def test_approximation_of_the_deviation(make, size, ohm, bound):
    """Far within the 5 % asked for: for random matrices below 1 %."""
    assert error_of_deviation(make(size), inputs(4, size), ohm, ohm) < bound


@pytest.mark.parametrize(("r_row", "r_column"), [(20, 2), (2, 20), (20, 0), (0, 20)])
def test_approximation_of_unequal_wires_and_one_sided_inputs(r_row, r_column):
    x = inputs(16, 48, low=0)
    assert error_of_deviation(conductances(48, 64), x, r_row, r_column) < 0.005


@pytest.mark.parametrize("turn", range(4))
def test_approximation_of_a_dense_quarter(turn):
    """All the conductance in one quarter: within 5 % even with a third of the current lost."""
    g = np.full((64, 64), 0.1)
    g[:32, 32:] = G_MAX
    assert error_of_deviation(np.rot90(g, turn), inputs(16, 64), 15, 15) < 0.05


def test_one_ideal_wire_is_solved_exactly():
    g, x = conductances(9, 12), inputs(5, 9)
    for r in ((3e3, 0), (0, 3e3)):
        np.testing.assert_allclose(wires.approximate(g, x, *r), wires.exact(g, x, *r), rtol=1e-11)


def test_equal_conductances_are_solved_exactly():
    g = np.full((12, wires.MODES), 7.0)
    approximate = wires.effective_conductance(g, 200, 500)
    np.testing.assert_allclose(approximate, wires.exact(g, np.eye(12), 200, 500), rtol=1e-10)


def test_a_batch_gives_what_each_matrix_gives_alone():
    g = np.stack([conductances(16, 24, seed) for seed in range(6)]).reshape(3, 2, 16, 24)
    together = wires.effective_conductance(g, 30, 50)
    assert together.shape == g.shape
    for index in np.ndindex(3, 2):
        np.testing.assert_array_equal(
            together[index], wires.effective_conductance(g[index], 30, 50)
        )
    x = inputs(5, 16)
    currents = wires.approximate(g, x, 30, 50)
    assert currents.shape == (3, 2, 5, 24)
    np.testing.assert_allclose(
        currents[1, 1], wires.approximate(g[1, 1], x, 30, 50), rtol=1e-12, atol=1e-12
    )


def test_the_floating_type_is_kept():
    g = conductances(16)
    single = wires.effective_conductance(g.astype(np.float32), 30, 50)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wires.effective_conductance(g, 30, 50), rtol=1e-6)
    assert wires.approximate(g.astype(np.float32), inputs(2, 16), 1, 1).dtype == np.float32
    assert wires.effective_conductance(np.ones((3, 3), int), 1, 1).dtype == np.float64


@pytest.mark.parametrize("method", [wires.exact, wires.approximate])
def test_linear_in_the_inputs(method):
    g, x = conductances(12, 10), inputs(2, 12)
    mixed = method(g, 2 * x[:1] - 3 * x[1:], 40, 90)
    separate = method(g, x, 40, 90)
    np.testing.assert_allclose(mixed, 2 * separate[:1] - 3 * separate[1:], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("method", [wires.exact, wires.approximate])
def test_small_deviations_grow_with_the_resistance(method):
    g, x = conductances(32), inputs(4, 32)
    once, tenfold = (method(g, x, r, 2 * r) - x @ g for r in (1e-3, 1e-2))
    np.testing.assert_allclose(tenfold, 10 * once, rtol=0, atol=1e-3 * np.abs(tenfold).max())


@pytest.mark.parametrize("method", [wires.exact, wires.approximate])
def test_the_farthest_corner_loses_most(method):
    """Far from its driver, and far from the ground: the first row's last column."""
    transfer = method(np.full((16, 16), G_MAX), np.eye(16), 50, 50)
    assert np.unravel_index(transfer.argmin(), transfer.shape) == (0, 15)
    assert np.unravel_index(transfer.argmax(), transfer.shape) == (15, 0)


def test_no_conductance_no_current():
    g = np.zeros((2, 8, 8))
    g[1] = conductances(8)
    effective = wires.effective_conductance(g, 10, 10)
    assert not effective[0].any()
    assert effective[1].all()


def test_wires_that_swallow_most_of_the_current_are_refused():
    g = np.stack([np.full((64, 64), 0.1), np.full((64, 64), G_MAX)])
    wires.effective_conductance(g[:1], 300, 300)
    with pytest.raises(ValueError, match=r"300 Ohm.* swallow 8\d% .* wires\.exact"):
        wires.effective_conductance(g, 300, 300)


@pytest.mark.parametrize("method", [wires.exact, wires.approximate])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"r_row": -1}, "r_row is -1 Ohm"),
        ({"r_column": np.nan}, "r_column is nan Ohm"),
        ({"g": -np.ones((3, 2))}, "G\\+ and G- as two matrices"),
        ({"g": np.full((3, 2), np.inf)}, "finite"),
        ({"g": np.ones(3)}, "shape \\(3,\\)"),
        ({"g": np.ones((3, 0))}, "shape \\(3, 0\\)"),
        ({"x": np.ones((1, 2))}, "shape \\(1, 2\\) for 3 rows"),
        ({"x": np.ones(3)}, "expected \\(..., B, R\\)"),
        ({"x": np.full((1, 3), np.nan)}, "inputs must be finite"),
    ],
)
def test_bad_arguments(method, changes, message):
    arguments = {"g": np.ones((3, 2)), "x": np.ones((1, 3)), "r_row": 1, "r_column": 1} | changes
    with pytest.raises(ValueError, match=message):
        method(**arguments)


def test_exact_takes_one_matrix():
    with pytest.raises(ValueError, match="one matrix"):
        wires.exact(np.ones((2, 3, 3)), np.ones((1, 3)), 1, 1)
