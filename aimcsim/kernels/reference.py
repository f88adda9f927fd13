"""The kernels in plain NumPy: slow, and the statement of what the fast ones compute.

:class:`aimcsim.kernels.interface.Kernels` says what each function takes and returns.
"""

from collections.abc import Callable

import numpy as np

from aimcsim.common import random
from aimcsim.common.random import Address
from aimcsim.kernels.interface import (
    CHANGE,
    LEARNING,
    SHEET,
    Cells,
    Converter,
    Device,
    Estimates,
    Geometry,
    Gradients,
    ImageDraws,
    MeltQuenchLaw,
    Outputs,
    PulseRule,
    Pulses,
    Steps,
    TunedCells,
)
from aimcsim.kernels.patterns import SignPatterns, dense
from aimcsim.physics.converters import Adc, adc_codes, dac_codes, saturated

xp = np
name = description = "reference"
device: Device | None = None
CELLS_AT_ONCE = 1 << 23


def normals(address: Address, count: int) -> np.ndarray:
    return _draw(random.normals, address, count)


def uniforms(address: Address, count: int) -> np.ndarray:
    return _draw(random.uniforms, address, count)


def to_grid(x: np.ndarray, scale: float, shift: float, steps: float) -> np.ndarray:
    top = np.float32(steps)
    codes = dac_codes((np.float32(scale) * x + np.float32(shift)) * top, top)
    return codes.astype(np.float32) / top


def read_cells(
    cells: Cells,
    runs: np.ndarray,
    converter: Converter,
    address: Address,
    device: np.ndarray | None = None,
) -> np.ndarray:
    devices, polarity = cells.g[runs], cells.polarity
    _, _, rows, columns = devices.shape
    own = cells.unit[runs]
    column_gain = converter.gain[own][:, None, :]
    scale, adc = converter.full_scale[own][:, None, None], converter.adc
    if device is None:
        net = np.einsum("d,ndrc->nrc", polarity, devices)
    else:
        devices = np.take_along_axis(devices, device.astype(np.intp)[:, None], axis=1)
        net = devices[:, 0]
    variance = _read_variance(devices, cells) * column_gain**2
    variance += (adc.noise * scale) ** 2
    noise = normals(address, rows * columns).reshape(len(runs), rows, columns)
    offset = converter.offset[own][:, None, :]
    value = net * column_gain + offset * scale + np.sqrt(variance) * noise
    return _convert(value, scale, adc)[0]


def mvm(
    x: np.ndarray | SignPatterns,
    x_of: np.ndarray,
    cells: Cells,
    runs: np.ndarray,
    converter: Converter,
    address: Address,
) -> tuple[np.ndarray, np.ndarray]:
    devices, own, adc = cells.g[runs], cells.unit[runs], converter.adc
    net = np.einsum("d,ndrc->nrc", cells.polarity, devices)
    inputs = dense(x)[x_of]
    batch, columns = inputs.shape[1], devices.shape[3]
    current = inputs @ net
    variance = np.square(inputs) @ _read_variance(devices, cells)
    column_gain = converter.gain[own][:, None, :]
    scale = converter.full_scale[own][:, None, None]
    noise = normals(address, batch * columns).reshape(len(runs), batch, columns)
    value = (
        current * column_gain
        + converter.offset[own][:, None, :] * scale
        + np.sqrt(variance * column_gain**2 + (adc.noise * scale) ** 2) * noise
    )
    return _convert(value, scale, adc)


def pulse(pulses: Pulses, law: MeltQuenchLaw) -> tuple[np.ndarray, np.ndarray]:
    """The law of a melt-quench pulse: see :mod:`aimcsim.chip.devices.melt_quench`."""
    g, runs, current = pulses.g, pulses.runs, pulses.current
    _, rows, columns = current.shape
    own = pulses.unit[runs]
    cells = rows * columns
    jitter = normals(pulses.jitter, cells).reshape(current.shape)
    quench = normals(pulses.quench, cells).reshape(current.shape)
    index = pulses.device.astype(np.intp)[:, None]
    g_set, g_reset, i_half, i_width = (
        np.take_along_axis(parameter[own], index, axis=1)[:, 0]
        for parameter in (law.g_set, law.g_reset, law.i_half, law.i_width)
    )
    overdrive = np.maximum(current - np.float32(law.i_melt), 0)
    spread = np.float32(law.current_jitter) + np.float32(law.current_jitter_slope) * overdrive
    effective = current + spread * jitter
    with np.errstate(over="ignore"):
        plug = 1 / (1 + np.exp((effective - i_half) / i_width))
    is_set = current < 0
    level = np.where(is_set, g_set, g_reset + (g_set - g_reset) * plug)
    after = level * (1 + np.float32(law.quench_noise) * quench)
    fired = current > 0
    changes = (fired & (effective >= np.float32(law.i_melt))) | is_set
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
    return dense(x)[x_of] @ (weights if of is None else weights[of])


def correlate(x: np.ndarray | SignPatterns, x_of: np.ndarray, error: np.ndarray) -> np.ndarray:
    return np.swapaxes(dense(x)[x_of], 1, 2) @ error


def residual(y: np.ndarray, ideal: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y -= ideal[unit]
    return np.square(y).sum(axis=1), np.square(ideal).sum(axis=(1, 2), dtype=np.float64)


def output_sums(
    y: np.ndarray, ideal: np.ndarray, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    squares = np.einsum("nbc,nbc->nc", y, y, dtype=np.float64)
    products = [np.einsum("bc,bc->c", y[i], ideal[u], dtype=np.float64) for i, u in enumerate(unit)]
    return squares, np.reshape(products, squares.shape)


def target_bins(
    net: np.ndarray, targets: np.ndarray, unit: np.ndarray, g_max: float, bins: int
) -> np.ndarray:
    found = np.zeros((len(net), bins, 3))
    for one, aim, own in zip(net, targets[unit], found, strict=True):
        there = aim != 0
        magnitude = np.abs(aim[there])
        error = (np.sign(aim[there]) * one[there]).astype(np.float64) - magnitude
        places = (magnitude / np.float32(g_max) * np.float32(bins)).astype(np.int64)
        for power in range(3):
            own[:, power] = np.bincount(np.minimum(places, bins - 1), error**power, bins)
    return found


def fold(estimates: Estimates, runs: np.ndarray, gradients: Gradients, running: np.ndarray) -> None:
    error, variance = estimates
    gradient, predicted, energy, power, batch = gradients
    running = running[:, None, None]
    known = np.where(running, error[runs], 0)
    predicted = power[:, None, None] * known if predicted is None else predicted
    predicted = np.where(running, predicted, 0)
    left = energy + (known * (predicted - 2 * gradient)).sum(axis=1)
    left = np.maximum(left, np.finfo(np.float32).tiny)[:, None, :]
    power = power[:, None, None]
    noise = left / np.float32(batch) / power  # variance of an estimate from this batch alone
    gain = np.where(running, variance[runs] / (variance[runs] + noise), np.float32(1))
    error[runs] = known + gain * ((gradient - predicted) / power)
    variance[runs] = np.where(running, (1 - gain) * variance[runs], noise)


def decide(
    estimates: Estimates, cells: TunedCells, runs: np.ndarray, rule: PulseRule
) -> tuple[np.ndarray, np.ndarray]:
    def column(values: np.ndarray) -> np.ndarray:
        return values[:, None, None]

    (error, variance), current, rested = estimates, cells.current, cells.rested
    lowest, highest = np.float32(rule.lowest), np.float32(rule.highest)
    deviation, sheet = error[runs] * cells.sign[runs], cells.scatter[cells.unit[runs]]

    def spread() -> np.ndarray:
        """Of each device, from its data sheet and from what its pulses have left."""
        seen = np.maximum(cells.fired[runs] - LEARNING, np.float32(0))
        return np.sqrt((SHEET * sheet * sheet + cells.surprise[runs]) / (SHEET + seen))

    least = np.maximum(column(rule.floor) * spread(), column(rule.least))
    noise = column(rule.noise_threshold) * np.sqrt(variance[runs])
    threshold = np.maximum(noise, least)
    chosen = cells.tunable[runs] & (np.abs(deviation) > threshold)
    response, bend = (values[cells.unit[runs]] for values in (cells.response, cells.bend))
    move = deviation * response / (1 + bend * np.maximum(deviation, np.float32(0)))
    step = column(rule.rate) * move / (1 + column(rule.decay) * cells.fired[runs])
    if len(rested):
        step = np.where(rested[runs], np.float32(0), step)
        rested[runs] &= ~chosen
    change = chosen & column(rule.changes) & (deviation > 0) & (current[runs] >= highest)
    moved = np.clip(current[runs] + step, lowest, highest)
    pulsed = chosen & ~change
    current[runs] = np.where(pulsed, moved, current[runs])
    counts = pulsed & (cells.fired[runs] >= LEARNING)
    cells.surprise[runs] += np.where(counts, np.square(error[runs]), np.float32(0))
    cells.fired[runs] += pulsed
    error[runs] = np.where(pulsed, np.float32(0), error[runs])
    variance[runs] = np.where(pulsed, np.square(column(rule.prior) * spread()), variance[runs])
    fire = np.where(change, CHANGE, np.where(pulsed, moved, np.float32(0)))
    return fire, np.flatnonzero(change)


def add_products(
    values: np.ndarray,
    geometry: Geometry,
    steps: Steps,
    noise: ImageDraws | None,
    out: Outputs,
) -> None:
    codes = dac_codes(values[..., geometry.channels] * np.float32(steps.to_code), steps.top_code)
    inputs = _patches(codes, geometry)
    current = inputs @ steps.weights + steps.offset
    if noise is not None:
        variance = np.float32((steps.adc.noise * steps.adc.half) ** 2)
        if len(steps.variance):
            variance = np.square(inputs) @ steps.variance + variance
        drawn = normals(noise.address(len(values)), current[0].size)
        current += np.sqrt(variance) * drawn.reshape(current.shape)
    width = current.shape[2]
    code = adc_codes(current, steps.adc)
    out.values[:, :, out.column : out.column + width] += code * steps.scale + steps.shift


def _patches(values: np.ndarray, geometry: Geometry) -> np.ndarray:
    """(images, positions, inputs)."""
    (tall, wide), (down, across) = geometry.kernel, geometry.strides
    (far_down, far_across), (top, left, bottom, right) = geometry.dilations, geometry.pads
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right), (0, 0)))
    last_row = padded.shape[1] - far_down * (tall - 1)
    last_column = padded.shape[2] - far_across * (wide - 1)
    points = [
        padded[:, r * far_down : r * far_down + last_row : down]
        [:, :, c * far_across : c * far_across + last_column : across]
        for r in range(tall)
        for c in range(wide)
    ]  # fmt: skip
    return np.concatenate(points, axis=-1).reshape(len(values), -1, tall * wide * values.shape[-1])


def _read_variance(g: np.ndarray, cells: Cells) -> np.ndarray:
    """Variance of a read of the devices ``g`` (n, D, R, C) of each cell, uS**2, (n, R, C).

    The sum over devices of (read_noise g + read_floor)**2, multiplied out as the compiled kernels
    do it.
    """
    read_noise, read_floor = cells.read_noise, cells.read_floor
    variance = read_noise**2 * np.square(g).sum(axis=1)
    if read_floor:
        variance += 2 * read_noise * read_floor * g.sum(axis=1) + g.shape[1] * read_floor**2
    return variance


def _convert(value: np.ndarray, full_scale: np.ndarray, adc: Adc) -> tuple[np.ndarray, np.ndarray]:
    """What the ADC's codes stand for, float32, and how many of each run are at an end."""
    step = np.asarray(full_scale / adc.half, np.float32)
    code = adc_codes(value / step, adc)
    return (code * step).astype(np.float32), saturated(code, adc).sum(axis=(1, 2))


def _draw(generate: Callable[..., np.ndarray], address: Address, count: int) -> np.ndarray:
    rows = [
        generate(address.seed, chip, tile, address.quantity, access, count)
        for chip, tile, access in zip(address.chip, address.tile, address.access, strict=True)
    ]
    return np.stack(rows) if rows else np.empty((0, count), np.float32)
