"""What networks compute on a GPU: layers on programmed cores, and the digital passes around them.

See ``layers.cu``. Values are float32, channels last, on the device; one row of the grid is one
image, of which there are at most :data:`aimcsim.kernels.cuda.source.MOST_ROWS` in a call.
"""

from typing import Any, NamedTuple

import numpy as np

from aimcsim.kernels.interface import Device, Geometry, ImageDraws, Outputs, Steps

_POSITIONS, _POSITIONS_OF_READS = 8, 4  # of a thread of products, and
_COLUMNS = 7  # columns: as in layers.cu


class Window(NamedTuple):
    """Where a kernel lies on an image, pixels; the order in which the kernels take it."""

    tall: int
    wide: int
    down: int
    right: int
    far_down: int
    far_right: int
    top: int
    left: int


class _Patches(NamedTuple):
    """Parameters of the products of patches, by the names that they have there."""

    positions: int
    across: int
    columns: int
    tall: int
    wide: int
    channels: int
    down: int
    right: int
    far_down: int
    far_right: int
    size: int

    def threads(self, positions: int) -> int:
        """Of an image, where each takes so many positions."""
        return -(-self.positions // positions) * -(-self.columns // _COLUMNS)


def add_products(
    device: Device, values: Any, geometry: Geometry, steps: Steps, noise: ImageDraws | None,
    out: Outputs,
) -> None:  # fmt: skip
    """See :meth:`aimcsim.kernels.interface.Kernels.add_products`."""
    xp, columns = device.xp, steps.weights.shape[1]
    images, positions, every = out.values.shape
    reads = noise is not None and len(steps.variance) > 0
    codes = (1, steps.to_code, steps.top_code)
    patches, frames = _framed(device, values, geometry, columns, codes)
    current = xp.empty((images, positions, columns), np.float32)
    spread = xp.empty_like(current) if reads else current  # not read
    if reads:
        device.launch(
            "patch_products_and_variances", patches.threads(_POSITIONS_OF_READS), len(frames),
            patches, frames, steps.weights, steps.variance, current, spread,
        )  # fmt: skip
    else:
        device.launch(
            "patch_products",
            patches.threads(_POSITIONS),
            len(frames),
            patches,
            frames,
            steps.weights,
            current,
        )
    outputs = positions * columns
    draws = noise or ImageDraws(0, 0, 0, 0, 0, 0)
    device.launch(
        "add_codes", -(-outputs // 64) * 16, images, outputs, columns, every, out.column,
        out.fresh, noise is not None, draws.seed, draws.chip, draws.tile, draws.quantity,
        draws.first % 2**32, draws.step, current, reads, spread,
        (steps.adc.noise * steps.adc.half) ** 2, steps.offset, steps.adc.half, steps.scale,
        steps.shift, out.values,
    )  # fmt: skip


def products(device: Device, values: Any, geometry: Geometry, weights: Any) -> Any:
    """Exact products of patches, float32 (images, positions, columns).

    ``values`` float32 (images, height, width, channels), ``weights`` (inputs, columns), whose rows
    are ordered (kernel row, kernel column, channel).
    """
    columns = weights.shape[1]
    patches, frames = _framed(device, values, geometry, columns, None)
    out = device.xp.empty((len(frames), patches.positions, columns), np.float32)
    device.launch(
        "patch_products", patches.threads(_POSITIONS), len(frames), patches, frames, weights, out
    )
    return out.reshape(len(values), -1, columns)


def affine(
    device: Device, values: Any, scale: Any, offset: Any, other: Any = None,
    *, low: float = -np.inf, high: float = np.inf,
) -> None:  # fmt: skip
    """Change ``values`` (images, ..., channels) to ``values * scale + offset + other`` within
    [low, high]: see :func:`aimcsim.networks.operators.affine`."""
    channels = values.shape[-1]
    arrays = [one for one in (values, scale, offset, other) if one is not None]
    some = 1 if channels % 4 or not _aligned(device, *arrays) else 4
    threads = values[0].size // some
    device.launch(
        "affine", threads, len(values), threads, some, channels, values, scale, offset,
        other is not None, values if other is None else other, low, high, values,
    )  # fmt: skip


def error_function(device: Device, values: Any) -> Any:
    """Of values (images, ...)."""
    out = device.xp.empty_like(values)
    elements = values[0].size
    device.launch("error_function", elements, len(values), elements, values, out)
    return out


def max_pool(device: Device, values: Any, window: Window, positions: tuple[int, int]) -> Any:
    """Largest of each window, (images, *positions, channels)."""
    out, about = _pooled(device, values, positions)
    device.launch("max_pool", about[0], len(out), *about, values, window, out)
    return out


def average_pool(
    device: Device, values: Any, window: Window, positions: tuple[int, int],
    ends: tuple[int, int] = (0, 0), count_padding: bool = False,
) -> Any:  # fmt: skip
    """Mean over each window, the same; ``ends``: padding at the bottom and the right, pixels."""
    out, about = _pooled(device, values, positions)
    device.launch(
        "average_pool", about[0], len(out), *about, values, window, *ends, count_padding, out
    )
    return out


def depthwise(
    device: Device, values: Any, weights: Any, bias: Any, window: Window,
    positions: tuple[int, int],
) -> Any:  # fmt: skip
    """Convolution of every channel by itself: see :func:`aimcsim.networks.passes.depthwise`."""
    outputs = len(bias)
    _, height, width, channels = values.shape
    out = device.xp.empty((len(values), *positions, outputs), np.float32)
    elements = out[0].size
    device.launch(
        "depthwise", elements, len(out), elements, positions[1], outputs, outputs // channels,
        height, width, values, weights, bias, window, out,
    )  # fmt: skip
    return out


def _pooled(device: Device, values: Any, positions: tuple[int, int]) -> tuple[Any, tuple[int, ...]]:
    images, height, width, channels = values.shape
    out = device.xp.empty((images, *positions, channels), np.float32)
    return out, (out[0].size, positions[1], channels, height, width)


def _framed(
    device: Device, values: Any, geometry: Geometry, columns: int,
    codes: tuple[int, float, int] | None,
) -> tuple[_Patches, Any]:  # fmt: skip
    """Patches of ``values`` and the frames that they lie in, float32 (images, size).

    ``codes``: of the DACs; None: the values as they are. Of a matrix that has few positions in an
    image, those of all images become the positions of one.
    """
    (tall, wide), (down, across) = geometry.kernel, geometry.strides
    (far_down, far_across), (top, left, bottom, right) = geometry.dilations, geometry.pads
    plain = geometry.kernel == geometry.strides == (1, 1) and not any(geometry.pads)
    if plain and values.shape[1] * values.shape[2] < _POSITIONS:
        values = values.reshape(1, 1, -1, values.shape[3])
    images, height, width, every = values.shape
    first, channels = geometry.channels.start, geometry.channels.stop - geometry.channels.start
    high, broad = height + top + bottom, width + left + right
    line = broad * channels
    positions_down = (high - far_down * (tall - 1) - 1) // down + 1
    positions_across = (broad - far_across * (wide - 1) - 1) // across + 1
    patches = _Patches(
        positions_down * positions_across, positions_across, columns,
        tall, wide, channels, down * line, across * channels, far_down * line,
        far_across * channels, high * line,
    )  # fmt: skip
    aligned = _aligned(device, values)
    if codes is None and not any(geometry.pads) and channels == every and aligned:
        return patches, values
    frames = device.xp.empty((images, high * line), np.float32)
    some = 4 if aligned and not (first % 4 or channels % 4 or every % 4) else 1
    threads = high * line // some
    device.launch(
        "frame", threads, images, threads, some, height, width, every, values, first, channels,
        high, broad, top, left, *(codes or (0, 1, 1)), frames,
    )  # fmt: skip
    return patches, frames


def _aligned(device: Device, *arrays: Any) -> bool:
    """Whether all begin at a multiple of 16 bytes, as loads of four need: a part of one may not."""
    first = np.zeros(1, np.intp)
    return not any(int(device.addresses(array, first)[0]) % 16 for array in arrays)
