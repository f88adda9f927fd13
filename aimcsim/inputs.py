"""What is driven into cores: random inputs, and orthogonal ones, on the DACs' grid."""

import numpy as np

from aimcsim.config.hardware import Periphery
from aimcsim.core import UnitCores
from aimcsim.kernels.address import Address
from aimcsim.periphery import UNIFORM_MEAN_SQUARE, to_dac_grid
from aimcsim.random import Phase, Quantity


def inputs(
    units: UnitCores, distribution: str, batch: int, access: int, phase: Phase
) -> np.ndarray:
    """What the DACs drive when asked for :func:`requested_inputs`, float32 (U, batch, R)."""
    return driven(units.periphery, requested_inputs(units, distribution, batch, access, phase))


def driven(converters: Periphery, requested: np.ndarray) -> np.ndarray:
    """Inputs as the DACs drive them: clipped and rounded, unless their range is that of inputs."""
    if converters.dac_range == 1:
        return requested
    return to_dac_grid(requested, converters.dac_bits, converters.dac_range)


def requested_inputs(
    units: UnitCores, distribution: str, batch: int, access: int, phase: Phase
) -> np.ndarray:
    """Random inputs on the grid of a DAC of range 1 for each unit core, float32 (U, batch, R).

    ``distribution``: uniform on [-1, 1]; gaussian with standard deviation 1/3, clipped to
    [-1, 1]; binary, +1 or -1; or orthogonal: :func:`patterns` with the mean square of uniform ones,
    whole passes one after the other, cut to the batch. The first inputs of the others are the same
    for every batch size.
    """
    if distribution == "orthogonal":
        passes = -(-batch // patterns_per_pass(units.rows))
        first = access * passes
        signs = [random_signs(units, first + index, phase) for index in range(passes)]
        level = np.float32(np.sqrt(UNIFORM_MEAN_SQUARE))
        x = np.concatenate(signs, axis=1)[:, :batch] * level
        return to_dac_grid(x, units.periphery.dac_bits)
    address = Address(
        units.seed,
        units.chip,
        units.tile,
        int(Quantity.MVM_INPUT) + int(phase),
        np.full(len(units.chip), access, np.uint32),
    )
    count = batch * units.rows
    shape, steps = (len(units.chip), batch, units.rows), 2 ** (units.periphery.dac_bits - 1) - 1
    if distribution == "gaussian":
        x = units.kernels.normals(address, count)
        return units.kernels.to_grid(x.reshape(shape) / 3, 1, 0, steps)
    x = units.kernels.uniforms(address, count).reshape(shape)
    if distribution == "binary":
        return np.where(x < 0.5, np.float32(-1), np.float32(1))
    return units.kernels.to_grid(x, 2, -1, steps)


def patterns_per_pass(rows: int) -> int:
    """MVMs of one pass: the next power of two."""
    return 1 << (rows - 1).bit_length()


def sylvester(order: int) -> np.ndarray:
    """Hadamard matrix by Sylvester's doubling, float32 (order, order); a power of two."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def patterns(units: UnitCores, amplitude: float, index: int, phase: Phase) -> np.ndarray:
    """Inputs of pass number ``index`` for each unit core, float32 (U, n, R), on the DAC's grid.

    Any two rows of the core are driven orthogonally over a pass.
    """
    converters = units.periphery
    level = to_dac_grid(np.float32(amplitude), converters.dac_bits, converters.dac_range)
    return level * random_signs(units, index, phase)


def random_signs(units: UnitCores, index: int, phase: Phase) -> np.ndarray:
    """diag(t) H diag(s) of pass number ``index``: +1 or -1, float32 (U, n, R).

    H is the Hadamard matrix of n = :func:`patterns_per_pass` patterns, cut to the rows; t and s are
    random signs of patterns and rows. Passes 2 i and 2 i + 1 are each other's negative.
    """
    order, rows = patterns_per_pass(units.rows), units.rows
    address = Address(
        units.seed,
        units.chip,
        units.tile,
        int(Quantity.HADAMARD_SIGN) + int(phase),
        np.full(len(units.chip), index // 2, np.uint32),
    )
    drawn = units.kernels.uniforms(address, rows + order)
    signs = np.where(drawn < 0.5, np.float32(-1), np.float32(1))
    of_row, of_pattern = signs[:, None, :rows], signs[:, rows:, None]
    turn = np.float32(1 if index % 2 == 0 else -1)
    return turn * of_pattern * (sylvester(order)[:, :rows] * of_row)
