"""The kernels in plain NumPy: slow, and the statement of what the fast ones compute.

Shapes: N runs in a batch, of which the n in ``runs`` take part; U unit cores whose fixed
properties the runs share (``unit`` says which, per run); D devices per unit cell; R rows; C
columns.
Conductances are in uS, inputs in units of the full-scale input, outputs in uS x input.
"""

import numpy as np

from aimcsim.common import random
from aimcsim.common.random import Address
from aimcsim.kernels.descent_reference import decide, fold, residual, to_grid
from aimcsim.kernels.judging_reference import output_sums
from aimcsim.kernels.layers_reference import add_products
from aimcsim.kernels.patterns import SignPatterns, dense

__all__ = [
    "add_products", "correlate", "decide", "fold", "ideal_products", "mvm", "normals",
    "output_sums", "pulse", "read_cells", "residual", "to_grid", "uniforms",
]  # fmt: skip

xp = np
"""Array module of all large arrays."""
CELLS_AT_ONCE = 1 << 23
"""Cells whose runs a programming method takes through all its iterations before the next ones."""


def normals(address: Address, count: int) -> np.ndarray:
    """Standard normal draws, float32 (n, count)."""
    return _draw(random.normals, address, count)


def uniforms(address: Address, count: int) -> np.ndarray:
    """Uniform draws on (0, 1), float32 (n, count)."""
    return _draw(random.uniforms, address, count)


def read_cells(
    g: np.ndarray,
    runs: np.ndarray,
    unit: np.ndarray,
    polarity: np.ndarray,
    read_noise: float,
    gain: np.ndarray,
    offset: np.ndarray,
    full_scale: float,
    adc_noise: float,
    bits: int,
    address: Address,
    device: np.ndarray | None = None,
    read_floor: float = 0.0,
) -> np.ndarray:
    """Conductance of every unit cell as the column ADC reports it.

    Parameters
    ----------
    g : float32 (N, D, R, C), device conductances, uS
    runs : intp (n,), unit : intp (N,)
    polarity : float32 (D,), +1 or -1
    read_noise : standard deviation of a device's read relative to its conductance
    gain, offset : float32 (U, C), column gain, and column offset in full scales
    full_scale : range of the read, either sign, uS
    adc_noise : noise of one conversion, full scales
    bits : resolution
    address : of ``Quantity.CELL_READ``
    device : int8 (n, R, C), read this device of each cell alone; None: all, the net conductance
    read_floor : uS; a device's read has the standard deviation read_noise x G + read_floor

    Returns
    -------
    float32 (n, R, C), uS
    """
    devices = g[runs]
    _, _, rows, columns = devices.shape
    own = unit[runs]
    column_gain = gain[own][:, None, :]
    if device is None:
        net = np.einsum("d,ndrc->nrc", polarity, devices)
    else:
        devices = np.take_along_axis(devices, device.astype(np.intp)[:, None], axis=1)
        net = devices[:, 0]
    variance = _read_variance(devices, read_noise, read_floor) * column_gain**2
    variance += (adc_noise * full_scale) ** 2
    noise = normals(address, rows * columns).reshape(len(runs), rows, columns)
    value = net * column_gain + offset[own][:, None, :] * full_scale + np.sqrt(variance) * noise
    return _convert(value, np.float32(full_scale), bits)[0]


def mvm(
    x: np.ndarray | SignPatterns,
    x_of: np.ndarray,
    g: np.ndarray,
    runs: np.ndarray,
    unit: np.ndarray,
    polarity: np.ndarray,
    read_noise: float,
    gain: np.ndarray,
    offset: np.ndarray,
    full_scale: np.ndarray,
    adc_noise: float,
    bits: int,
    address: Address,
    read_floor: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix-vector products of a batch of inputs, as the column ADCs report them.

    Device read noise is independent between MVMs; its sum over a column is drawn as one normal
    with the exact variance ``x**2 @ sigma(g)**2`` instead of one per device.

    Parameters
    ----------
    x : float32 (K, B, R), K batches of inputs already on the DAC's grid, or their factors
    x_of : intp (n,), which batch each run takes; runs that share one should be neighbours
    full_scale : float32 (U,), range of the conversion, either sign, uS x input
    The others as in :func:`read_cells`; ``address`` of ``Quantity.MVM_READ``.

    Returns
    -------
    y : float32 (n, B, C), uS x input
    saturated : int64 (n,), conversions at either end of the range
    """
    devices = g[runs]
    own = unit[runs]
    net = np.einsum("d,ndrc->nrc", polarity, devices)
    inputs = dense(x)[x_of]
    batch, columns = inputs.shape[1], devices.shape[3]
    current = inputs @ net
    variance = np.square(inputs) @ _read_variance(devices, read_noise, read_floor)
    column_gain = gain[own][:, None, :]
    scale = full_scale[own][:, None, None]
    noise = normals(address, batch * columns).reshape(len(runs), batch, columns)
    value = (
        current * column_gain
        + offset[own][:, None, :] * scale
        + np.sqrt(variance * column_gain**2 + (adc_noise * scale) ** 2) * noise
    )
    return _convert(value, scale, bits)


def pulse(
    g: np.ndarray,
    runs: np.ndarray,
    unit: np.ndarray,
    current: np.ndarray,
    device: np.ndarray,
    law: tuple[np.ndarray, ...],
    i_melt: float,
    current_jitter: float,
    quench_noise: float,
    jitter_address: Address,
    quench_address: Address,
) -> tuple[np.ndarray, np.ndarray]:
    """Fire one pulse at one device of each selected unit cell, changing ``g``.

    Parameters
    ----------
    current : float32 (n, R, C), current of a melt-quench pulse in RESET currents; negative: a
        full SET; 0: no pulse
    device : int8 (n, R, C), which device of the cell
    law : g_set, g_reset, i_half, i_width, each float32 (U, D, R, C)
    i_melt, current_jitter, quench_noise : see :class:`aimcsim.config.models.MeltQuench`

    Returns
    -------
    fired : int64 (n, 2), melt-quench pulses and SET pulses
    total : float64 (n,), their currents above 0 added up, RESET currents. Float64 holds this sum
        of float32 exactly: its order does not matter
    """
    _, rows, columns = current.shape
    own = unit[runs]
    cells = rows * columns
    jitter = normals(jitter_address, cells).reshape(current.shape)
    quench = normals(quench_address, cells).reshape(current.shape)
    index = device.astype(np.intp)[:, None]
    g_set, g_reset, i_half, i_width = (
        np.take_along_axis(parameter[own], index, axis=1)[:, 0] for parameter in law
    )
    effective = current + np.float32(current_jitter) * jitter
    with np.errstate(over="ignore"):
        plug = 1 / (1 + np.exp((effective - i_half) / i_width))
    is_set = current < 0
    level = np.where(is_set, g_set, g_reset + (g_set - g_reset) * plug)
    after = level * (1 + np.float32(quench_noise) * quench)
    fired = current > 0
    changes = (fired & (effective > i_melt)) | is_set
    before = np.take_along_axis(g[runs], index, axis=1)[:, 0]
    state = np.where(changes, np.maximum(after, 0), before).astype(np.float32)
    updated = g[runs]
    np.put_along_axis(updated, index, state[:, None], axis=1)
    g[runs] = updated
    total = np.maximum(current, 0).sum(axis=(1, 2), dtype=float)
    return np.stack([fired, is_set], axis=1).sum(axis=(2, 3)), total


def ideal_products(
    x: np.ndarray | SignPatterns,
    x_of: np.ndarray,
    weights: np.ndarray,
    of: np.ndarray | None = None,
) -> np.ndarray:
    """``x @ weights``, float32 (n, B, C).

    Product i is of batch ``x_of[i]`` of x (K, B, R) and matrix ``of[i]`` of weights (N, R, C);
    None: of all matrices in turn.
    """
    return dense(x)[x_of] @ (weights if of is None else weights[of])


def correlate(x: np.ndarray | SignPatterns, x_of: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Gradient of the squared output error: ``x.T @ error`` per run, float32 (n, R, C).

    ``x`` is (K, B, R), ``x_of`` (n,) and ``error`` (n, B, C).
    """
    return np.swapaxes(dense(x)[x_of], 1, 2) @ error


def _read_variance(g, read_noise, read_floor) -> np.ndarray:
    """Variance of a read of all devices (n, D, R, C) of each cell, uS**2, (n, R, C).

    The sum over devices of (read_noise g + read_floor)**2, multiplied out as the compiled kernels
    do it.
    """
    variance = read_noise**2 * np.square(g).sum(axis=1)
    if read_floor:
        variance += 2 * read_noise * read_floor * g.sum(axis=1) + g.shape[1] * read_floor**2
    return variance


def _convert(value, full_scale, bits) -> tuple[np.ndarray, np.ndarray]:
    """ADC: round to 2**bits levels over +-full_scale, clip, and scale back."""
    half = 2.0 ** (bits - 1)
    step = np.asarray(full_scale / half, np.float32)
    code = np.clip(np.rint(value / step), -half, half - 1)
    saturated = ((code == -half) | (code == half - 1)).sum(axis=(1, 2))
    return (code * step).astype(np.float32), saturated


def _draw(generate, address: Address, count: int) -> np.ndarray:
    rows = [
        generate(address.seed, chip, tile, address.quantity, access, count)
        for chip, tile, access in zip(address.chip, address.tile, address.access, strict=True)
    ]
    return np.stack(rows) if rows else np.empty((0, count), np.float32)
