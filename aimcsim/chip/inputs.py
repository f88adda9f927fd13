"""What is driven into cores: random inputs, and orthogonal ones, on the DACs' grid."""

import numpy as np

from aimcsim.chip.core import UnitCores
from aimcsim.chip.periphery import UNIFORM_MEAN_SQUARE, Periphery, to_dac_grid
from aimcsim.common.arrays import either
from aimcsim.common.random import Address, Quantity
from aimcsim.kernels.patterns import SignPatterns


def inputs(
    units: UnitCores,
    distribution: str,
    batch: int,
    access: int,
    phase: int,
    which: np.ndarray | None = None,
) -> np.ndarray | SignPatterns:
    """What the DACs drive when asked for :func:`requested_inputs`, (n, batch, R)."""
    requested = requested_inputs(units, distribution, batch, access, phase, which)
    return driven(units.periphery, requested)


def driven(
    converters: Periphery, requested: np.ndarray | SignPatterns
) -> np.ndarray | SignPatterns:
    """Inputs as the DACs drive them: clipped and rounded, unless their range is that of inputs."""
    if converters.dac_range == 1:
        return requested
    bits, longest = converters.dac_bits, converters.dac_range
    if isinstance(requested, SignPatterns):
        return requested._replace(level=to_dac_grid(requested.level, bits, longest))
    return to_dac_grid(requested, bits, longest)


def requested_inputs(
    units: UnitCores,
    distribution: str,
    batch: int,
    access: int,
    phase: int,
    which: np.ndarray | None = None,
) -> np.ndarray | SignPatterns:
    """Random inputs on the grid of a DAC of range 1 for the n unit cores ``which`` (None: all).

    float32 (n, batch, R), or, for an orthogonal batch of whole passes, the patterns' factors.

    ``distribution``: uniform on [-1, 1]; gaussian with standard deviation 1/3, clipped to
    [-1, 1]; binary, +1 or -1; or orthogonal: :func:`patterns` with the mean square of uniform ones,
    one pass after the other, of which each batch takes up where the one before ended: the first
    half of a pass alone drives two rows in step, and its other half tells them apart. The first
    inputs of the others are the same for every batch size.
    """
    which = np.arange(len(units.chip)) if which is None else which
    if distribution == "orthogonal":
        order = patterns_per_pass(units.rows)
        level = to_dac_grid(np.sqrt(UNIFORM_MEAN_SQUARE), units.periphery.dac_bits)
        first, end = access * batch, (access + 1) * batch
        whole = _passes(units, level, range(first // order, -(-end // order)), phase, which)
        if whole.batch == batch:
            return whole
        start = first % order
        return _contiguous(units, whole.dense()[:, start : start + batch])
    address = Address(
        units.seed,
        units.chip[which],
        units.tile[which],
        int(Quantity.MVM_INPUT) + int(phase),
        np.full(len(which), access, np.uint32),
    )
    count = batch * units.rows
    shape, steps = (len(which), batch, units.rows), 2 ** (units.periphery.dac_bits - 1) - 1
    if distribution == "gaussian":
        x = units.kernels.normals(address, count)
        return units.kernels.to_grid(x.reshape(shape) / 3, 1, 0, steps)
    x = units.kernels.uniforms(address, count).reshape(shape)
    if distribution == "binary":
        return either(x < 0.5, -1, 1, np.float32)
    return units.kernels.to_grid(x, 2, -1, steps)


def patterns_per_pass(rows: int) -> int:
    """MVMs of one pass: the next power of two."""
    return 1 << (rows - 1).bit_length()


def patterns(units: UnitCores, amplitude: float, index: int, phase: int) -> SignPatterns:
    """Inputs of pass number ``index`` for each unit core, on the DAC's grid.

    Any two rows of the core are driven orthogonally over a pass.
    """
    converters = units.periphery
    level = to_dac_grid(np.float32(amplitude), converters.dac_bits, converters.dac_range)
    return _passes(units, level, [index], phase, np.arange(len(units.chip)))


def _passes(units, level, numbers, phase, which) -> SignPatterns:
    """Passes ``numbers`` of the unit cores ``which``.

    Signs of patterns and rows are random, the same in passes 2 i and 2 i + 1, but for the sign of
    all: these two passes are each other's negative.
    """
    order, rows = patterns_per_pass(units.rows), units.rows
    pairs, which = np.broadcast_arrays(np.asarray(numbers) // 2, which[:, None])
    address = Address(
        units.seed,
        units.chip[which.ravel()],
        units.tile[which.ravel()],
        int(Quantity.HADAMARD_SIGN) + int(phase),
        pairs.ravel().astype(np.uint32),
    )
    drawn = units.kernels.uniforms(address, rows + order).reshape(*which.shape, rows + order)
    signs = either(drawn < 0.5, -1, 1, np.float32)
    turn = either(np.asarray(numbers) % 2 == 0, 1, -1, np.float32)
    of_pattern = signs[..., rows:] * units.kernels.xp.asarray(turn[:, None])
    return SignPatterns(np.float32(level), _contiguous(units, signs[..., :rows]), of_pattern)


def _contiguous(units: UnitCores, array: np.ndarray) -> np.ndarray:
    return units.kernels.xp.ascontiguousarray(array)
