"""Wire resistance (IR drop) of a crossbar: exact by nodal analysis, and a cheap approximation.

The circuit, the one that badcrossbar solves: R row wires and C column wires, a device of
conductance ``g[r, c]`` where row r crosses column c. Row r is driven at column 0 by an ideal
source ``x[r]`` through one wire segment; a segment of ``r_row`` joins neighbouring cells; the far
end is open. Column c is held at virtual ground behind row R - 1, again through one segment;
``r_column`` is the resistance of each of its segments; the other end is open. The current into the
virtual ground is the output. For wires that are driven or read at the other end, flip ``g`` (and
``x``) along that axis. Neither drivers nor ADC inputs have a resistance of their own.

Units: conductances in uS, wire resistances in Ohm per cell pitch, inputs in read voltages (full
scale 1), currents in uS x input (1 is 1 uA at a read voltage of 1 V).

Two assumptions make the 8T4R core a case of this circuit:

- Each polarity is a crossbar of its own, that shares nothing with the other. That is the chip's
  four-phase MVM: one polarity of weights and of inputs at a time, through the source line of that
  polarity. (In its single-phase MVM both polarities meet on the bit line: doi
  10.1038/s44335-024-00010-4, Fig. 1. Their currents then cancel in part in the
  column wire, and two separate crossbars overstate the drop along columns.) So pass G+ and G- as
  two matrices, never the signed difference; the two devices of one polarity lie in parallel: pass
  their sum.
- A row whose pulse is over is held at ground. The circuit is then linear, and pulse-width inputs
  give, averaged over the pulse, what proportional voltages would. (Where the row's transistors cut
  its cells off instead, fewer cells load the columns, and the drop is smaller.)

Because the circuit is linear, wires only turn the conductances into others: the output is
``x @ t`` with a transfer matrix t that depends on ``g`` alone. :func:`effective_conductance`
approximates t, once per matrix instead of once per input.

scipy is imported where it is used: a third of a second, which the reading of a configuration, and
so every start of the workflow, need not pay.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

PER_OHM = 1e6  # uS in 1 / Ohm
MODES = 16  # wire modes kept per axis: more than 16 change nothing in the fourth digit
TURNS = 40  # of rows and columns, before a factorisation is the better way
SETTLED = 1e-13  # relative change of a turn; what is left is less, as each turn halves it at least
LARGEST_LOSS = 0.75  # share of the current beyond which effective_conductance gives up


def exact(g: np.ndarray, x: np.ndarray, r_row: float, r_column: float) -> np.ndarray:
    """Output currents by nodal analysis, to rounding.

    Parameters
    ----------
    g : (R, C), conductances of one polarity, not negative, uS
    x : (B, R), inputs
    r_row, r_column : wire resistance per cell pitch, Ohm; 0: ideal wire

    Returns
    -------
    float64 (B, C), uS x input

    Raises
    ------
    ValueError : shapes that do not fit, a negative or non-finite value

    Cost: 2 R C unknowns. Where wires take a small part of the voltage, rows and columns are solved
    in turns: at 256 x 256 about 20 ms an input (one CPU core). Elsewhere, one sparse factorisation:
    about 1 s and 5 million non-zeros, then 15 ms an input. The transfer matrix itself is
    ``exact(g, np.eye(R), ...)``.
    """
    g = _checked(g, r_row, r_column)
    x = _checked_inputs(x, g)
    if g.ndim != 2 or x.ndim != 2:
        raise ValueError(
            f"exact takes one matrix (R, C) and inputs (B, R), not {g.shape} and {x.shape}"
        )
    rows, columns = g.shape
    if r_row > 0 and r_column > 0:
        currents = _in_turns(g, x, r_row, r_column)
        if currents is not None:
            return currents
    from scipy import sparse

    devices = sparse.diags(g.ravel())
    source = np.broadcast_to(x.T[:, None], (rows, columns, len(x)))
    # What they are without wire resistance.
    row_voltage: np.ndarray = source
    column_voltage: np.ndarray | float = 0.0
    if r_row > 0:
        # Wires of conductance 1e6 / r: current from each node into wires and device is zero.
        row_wires = sparse.kron(sparse.eye(rows), _wire(columns, r_row, open_end=-1)) + devices
        driven = np.zeros(source.shape)
        driven[:, 0] = source[:, 0] * (PER_OHM / r_row)
    if r_column > 0:
        column_wires = sparse.kron(_wire(rows, r_column, open_end=0), sparse.eye(columns)) + devices
    if r_row > 0 and r_column > 0:
        nodes = sparse.bmat([[row_wires, -devices], [-devices, column_wires]])
        sources = np.concatenate([driven, np.zeros_like(driven)])
        row_voltage, column_voltage = np.split(_solve(nodes, sources), 2)
    elif r_row > 0:
        row_voltage = _solve(row_wires, driven)
    elif r_column > 0:
        column_voltage = _solve(column_wires, g[..., None] * source)
    return np.einsum("rc,rcb->bc", g, row_voltage - column_voltage)


def approximate(g: np.ndarray, x: np.ndarray, r_row: float, r_column: float) -> np.ndarray:
    """Output currents from the effective conductances: ``x @ effective_conductance(g, ...)``.

    Parameters
    ----------
    g : (..., R, C), conductances of one polarity, not negative, uS
    x : (B, R) or (..., B, R), inputs
    r_row, r_column : wire resistance per cell pitch, Ohm; 0: ideal wire

    Returns
    -------
    (..., B, C), uS x input; accuracy, cost and errors of :func:`effective_conductance`
    """
    checked = _checked_inputs(x, _checked(g, r_row, r_column))
    conductance = effective_conductance(g, r_row, r_column)
    return checked.astype(conductance.dtype, copy=False) @ conductance


def effective_conductance(g: np.ndarray, r_row: float, r_column: float) -> np.ndarray:
    """Transfer matrix of the crossbar with its wires, approximately.

    ``t[r, c] = g[r, c] * a[r, c] * b[r, c] + s[r, c]``, where

    - a is the voltage along row r driven with 1 while all columns are held at ground, and b, by
      reciprocity, that along column c driven with 1 at its reading end while all rows are at
      ground: each an exact solve of a ladder, all ladders in one call;
    - s is the current that comes over detours (row r raises a column, which feeds other rows, which
      feed column c): about as large as the product's own second-order term, and smooth, because it
      sums over all cells. It is taken from a crossbar of one conductance, solved in closed form by
      the wires' modes, and scaled by row and column means.

    Parameters
    ----------
    g : (..., R, C), conductances of one polarity, not negative, uS
    r_row, r_column : wire resistance per cell pitch, Ohm; 0: ideal wire

    Returns
    -------
    (..., R, C), uS, in g's floating type (computed in float64)

    Raises
    ------
    ValueError : a negative or non-finite value, or wires that swallow more than three quarters of
        the current (``LARGEST_LOSS``), where a small error of the drop is a large one of what is
        left: use :func:`exact`

    Measured error of the DEVIATION that wires cause in the output currents (L2 over outputs and 16
    random inputs, uniform on [-1, 1], against :func:`exact`, relative to that deviation; beside it
    the deviation itself in percent of the current), both wires of the given resistance, one
    polarity with a maximum of 10.35 uS (``benchmarks/wires.py`` prints it):

    ============================== ==== =========== =========== =========== ===========
    conductances                   size 0.1 Ohm     0.35 Ohm    1 Ohm       2.5 Ohm
    ============================== ==== =========== =========== =========== ===========
    uniform on [0, 10.35]            64 0.00 (0.2)  0.01 (0.5)  0.02 (1.5)  0.04 (3.6)
    uniform on [0, 10.35]           256 0.01 (2.4)  0.04 (8.0)  0.09 (20)   0.16 (38)
    Gaussian weights, positive part  64 0.00 (0.1)  0.01 (0.2)  0.02 (0.5)  0.04 (1.1)
    Gaussian weights, positive part 256 0.01 (0.7)  0.03 (2.3)  0.07 (6.3)  0.14 (14)
    one dense quarter               256 0.57 (4.3)  1.6 (14)    2.9 (31)    2.3 (53)
    two opposite dense quarters     256 0.82 (3.6)  2.5 (12)    5.2 (26)    7.2 (46)
    ============================== ==== =========== =========== =========== ===========

    Exact for ideal wires on one side, and for equal conductances on up to 16 x 16 cells.
    Without s, errors are up to 50 times larger (4.6 % for uniform, 256, 1 Ohm). Random conductances
    stay within 1 % at any resistance that is let through, rows and columns with means spread by a
    factor of 2 (log-normal) within 2.5 %. It breaks where the conductances are far from row mean
    times column mean, as in the last line: over 5 % from a deviation of a quarter of the current,
    at worst 7.3 %.

    Cost: about 25 R C operations for the ladders and 2 MODES R (MODES + C) for the detours, 60 R C
    per matrix in all.
    """
    g = np.asarray(g)
    kind = g.dtype if np.issubdtype(g.dtype, np.floating) else np.float64
    checked = _checked(g, r_row, r_column)
    matrices = checked.reshape(-1, *g.shape[-2:])
    along_rows = _ladder(matrices, r_row)
    along_columns = _ladder(matrices[:, ::-1].swapaxes(1, 2), r_column).swapaxes(1, 2)[:, ::-1]
    effective = matrices * along_rows * along_columns
    if r_row > 0 and r_column > 0:
        effective += detours(matrices, r_row, r_column)
    before, after = matrices.sum(axis=(1, 2)), effective.sum(axis=(1, 2))
    if np.any(after < (1 - LARGEST_LOSS) * before):
        loss = 1 - np.min(after / np.where(before > 0, before, 1), where=before > 0, initial=1)
        raise ValueError(
            f"wires of {r_row} Ohm per cell along rows and {r_column} Ohm along columns swallow "
            f"{loss:.0%} of the current; the approximation holds up to {LARGEST_LOSS:.0%}: take "
            "a lower resistance, or wires.exact"
        )
    return effective.reshape(g.shape).astype(kind)


def loss_when_even(
    rows: int, columns: int, conductance: float, r_row: float, r_column: float
) -> float:
    """Share of the current that wires swallow in a crossbar of equal conductances, uS.

    A wire of n cells, driven with 1, has the mean voltage tanh(u) / u with u = n sqrt(g r), the
    ladder's limit of many cells (n + 1 for its discrete cells). The product over both axes leaves
    the detours out, so the loss is at most overstated; it says before any conductance exists what
    resistance is too much.
    """
    left = 1.0
    for cells, ohm in ((columns, r_row), (rows, r_column)):
        u = (cells + 1) * np.sqrt(conductance / PER_OHM * ohm)
        left *= float(np.tanh(u) / u) if u > 0 else 1.0
    return 1 - left


def seen_from_outside(devices: np.ndarray, r_row: float, r_column: float) -> np.ndarray:
    """Device conductances as the ports of a core meet them: each polarity behind its own wires.

    The devices of a polarity lie in parallel. Their sum turns into its effective conductance, and
    every device is scaled alike, so that sums over devices are as through the wires. In a cell
    without any conductance the first device of the polarity takes what comes over detours.

    Parameters
    ----------
    devices : float32 (D, R, C), uS, the first half of them on the positive polarity

    Returns
    -------
    float32 (D, R, C), uS; accuracy and errors of :func:`effective_conductance`
    """
    by_polarity = devices.reshape(2, -1, *devices.shape[1:])
    true = by_polarity.sum(axis=1, dtype=np.float64)
    effective = effective_conductance(true, r_row, r_column)
    scale = np.divide(effective, true, out=np.zeros_like(true), where=true > 0)
    seen = by_polarity * scale[:, None]
    seen[:, 0] += np.where(true > 0, 0, effective)
    return seen.reshape(devices.shape).astype(np.float32)


def _in_turns(g: np.ndarray, x: np.ndarray, r_row: float, r_column: float) -> np.ndarray | None:
    """:func:`exact` by block Gauss-Seidel: the row wires with the column voltages as they are, then
    the other way round. None where that does not settle soon: where wires take much of the voltage.
    """
    row_wires = _wires(g, r_row)
    column_wires = _wires(g[::-1].T, r_column)  # from their ground, behind the last row

    def column_voltage(row_voltage: np.ndarray) -> np.ndarray:
        current = (g * row_voltage)[:, ::-1].swapaxes(1, 2)
        return column_wires(np.ascontiguousarray(current)).swapaxes(1, 2)[:, ::-1]

    driven = np.zeros((len(x), *g.shape))
    driven[:, :, 0] = x * (PER_OHM / r_row)
    voltage = row_wires(driven)
    for _ in range(TURNS):
        before, voltage = voltage, row_wires(driven + g * column_voltage(voltage))
        if np.abs(voltage - before).max() <= SETTLED * np.abs(voltage).max():
            return np.einsum("rc,brc->bc", g, voltage - column_voltage(voltage))
    return None


def _wires(g: np.ndarray, r: float) -> Callable[[np.ndarray], np.ndarray]:
    """Node voltages (B, W, L) of W wires of L nodes, driven or grounded before index 0 and loaded
    by ``g`` (W, L), as a function of the currents (B, W, L) into their nodes.

    All wires laid end to end are one tridiagonal system, see :func:`_ladder`.
    """
    from scipy.linalg.lapack import dpttrf, dpttrs

    diagonal, coupling = _tridiagonal(g, r)
    diagonal, coupling, failed = dpttrf(diagonal, coupling)
    if failed:
        raise ArithmeticError(f"LAPACK dpttrf failed with {failed}")

    def solve(currents: np.ndarray) -> np.ndarray:
        flat = currents.reshape(len(currents), -1)
        return dpttrs(diagonal, coupling, flat.T)[0].T.reshape(currents.shape)

    return solve


def _tridiagonal(g: np.ndarray, r: float) -> tuple[np.ndarray, np.ndarray]:
    """Diagonal and off-diagonal of wires laid end to end with no coupling at the joints, uS."""
    wire = PER_OHM / r
    diagonal = np.ascontiguousarray(g) + 2 * wire
    diagonal[..., -1] -= wire  # the open end
    coupling = np.full(g.shape, -wire)
    coupling[..., -1] = 0  # the joints
    return diagonal.ravel(), coupling.ravel()[: max(1, g.size - 1)]


def _ladder(g: np.ndarray, r: float) -> np.ndarray:
    """Voltages along wires that are driven with 1 at index 0 and loaded by ``g`` (n, W, L).

    Kirchhoff's law at each node, a tridiagonal system per wire. The n W wires are laid end to end
    as one system with no coupling at the joints, so that one LAPACK call solves them all.
    """
    if r == 0:
        return np.ones_like(g)
    from scipy.linalg.lapack import dptsv

    driven = np.zeros(g.shape)
    driven[..., 0] = PER_OHM / r
    _, _, voltage, failed = dptsv(
        *_tridiagonal(g, r), driven.ravel(), overwrite_d=True, overwrite_e=True, overwrite_b=True
    )
    if failed:
        raise ArithmeticError(f"LAPACK dptsv failed with {failed}")
    return voltage.reshape(g.shape)


def detours(g: np.ndarray, r_row: float, r_column: float) -> np.ndarray:
    """Transfer conductance over detours, (n, R, C), uS: see :func:`effective_conductance`.

    With equal conductances m and the wires' mode resistances L and M, the currents' amplitudes in
    modes (k, l) are 1 / (1 + a + b) for the whole circuit and 1 / ((1 + a) (1 + b)) for the
    product of the ladders, a = m L, b = m M; detours are the difference. Where rows or columns
    differ, the conductance that a current meets is the mean weighted by the conductance itself.
    """
    rows, columns = g.shape[1:]
    mean = g.mean(axis=(1, 2))[:, None]
    scale = np.where(mean > 0, mean, 1)
    row_mean, column_mean = g.mean(axis=2) / scale, g.mean(axis=1) / scale  # (n, R), (n, C)
    across, along_row = _modes(columns)
    down, along_column = _modes(rows)
    met_in_rows = mean * np.square(column_mean).mean(axis=1, keepdims=True)
    met_in_columns = mean * np.square(row_mean).mean(axis=1, keepdims=True)
    a = (met_in_rows / PER_OHM * r_row * along_row)[:, None, :]
    b = (met_in_columns / PER_OHM * r_column * along_column)[:, :, None]
    amplitude = a * b / ((1 + a + b) * (1 + a) * (1 + b))
    amplitude *= down.sum(axis=0)[:, None] * across.sum(axis=0) * mean[..., None]
    smooth = down[::-1] @ amplitude @ across.T  # the columns' ground lies behind the last row
    return smooth * row_mean[:, :, None] * column_mean[:, None, :]


def _modes(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Modes (length, K) of a wire driven at index 0 and open at the other end, orthonormal, and
    their resistances (K,) in units of one segment: eigenvectors and values of the matrix
    ``min(i, j) + 1`` of shared segments.
    """
    angle = (2 * np.arange(min(MODES, length)) + 1) * np.pi / (2 * length + 1)
    position = np.arange(1, length + 1)[:, None]
    vectors = np.sqrt(4 / (2 * length + 1)) * np.sin(position * angle)
    return vectors, 1 / (4 * np.sin(angle / 2) ** 2)


def _wire(length: int, r: float, open_end: int) -> "sparse.spmatrix":
    """Nodal matrix of one wire, uS: a segment per node, one end open, the other driven."""
    from scipy import sparse

    wire = PER_OHM / r
    diagonal = np.full(length, 2 * wire)
    diagonal[open_end] = wire
    off = np.full(length - 1, -wire)
    return sparse.diags([off, diagonal, off], [-1, 0, 1])


def _solve(nodes: "sparse.spmatrix", sources: np.ndarray) -> np.ndarray:
    """Node voltages, shaped as ``sources`` (nodes..., B). The matrix is symmetric, positive."""
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    factors = splu(
        csc_matrix(nodes),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0,
        options={"SymmetricMode": True},
    )
    return factors.solve(sources.reshape(nodes.shape[0], -1)).reshape(sources.shape)


def _checked(g: np.ndarray, r_row: float, r_column: float) -> np.ndarray:
    for name, r in (("r_row", r_row), ("r_column", r_column)):
        if not (np.isfinite(r) and r >= 0):
            raise ValueError(f"{name} is {r} Ohm; a wire's resistance is finite and 0 or more")
    g = np.asarray(g, np.float64)
    if g.ndim < 2 or 0 in g.shape[-2:]:
        raise ValueError(f"conductances of shape {g.shape}; expected (..., rows, columns)")
    if not (np.isfinite(g).all() and (g >= 0).all()):
        raise ValueError(
            "conductances must be finite and not negative; pass G+ and G- as two matrices"
        )
    return g


def _checked_inputs(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim < 2 or x.shape[-1] != g.shape[-2]:
        raise ValueError(f"inputs of shape {x.shape} for {g.shape[-2]} rows; expected (..., B, R)")
    if not np.isfinite(x).all():
        raise ValueError("inputs must be finite")
    return x
