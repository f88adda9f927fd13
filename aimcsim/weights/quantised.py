"""Quantised weights of a checkpoint: integers that mean nothing without their scale.

weight = (integer - zero point) x scale, with one scale for all, for each output, or for each block
of entries. Read are integers of 8 or 16 bits whose scale lies beside them under a usual name.
Packed words, which hold several weights each in an order of their tool's own, are refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aimcsim.common.errors import UserError
from aimcsim.mapping.file_formats import Stored, load

_PACKED = frozenset({"qweight", "weight_packed", "packed", "blocks", "W_q"})
_SCALES = ("scale", "scales")
_ZEROS = ("zero_point", "zero_points", "zp")
_AMBIGUOUS = ("zeros", "qzeros", "zero", "offset", "offsets", "shift")
"""Tools differ in how they count these in."""
_SHORT = {"scale": "s", "zero_point": "z"}
_QUANTISED = re.compile(r"[._](?:q|quant|quantized|int8|_data)$")
_LARGEST = 127  # of bitsandbytes, which stores the largest magnitude of each row


@dataclass(frozen=True)
class Companions:
    """What belongs to the integers of one array."""

    scale: Stored
    zero: Stored | None
    divisor: float = 1
    """Of the scale."""
    ambiguous: Stored | None = None
    """Something further whose meaning depends on the tool."""

    @property
    def arrays(self) -> list[Stored]:
        """All of them."""
        return [self.scale, *([self.zero] if self.zero else [])]


def companions_of(array: Stored, known: Mapping[str, Stored]) -> Companions | None:
    """Scale and zero point of an array of integers among all of a file; None: it has no scale.

    Of ``fc.weight`` they are called ``fc.weight_scale``, ``fc.weight.scale``, ``fc.scale``, in the
    plural, or ``fc.SCB``; of ``fc.weight_q`` or ``fc.weight._data`` also as of ``fc.weight``.
    """
    zero, other = (_named(array.name, known, words) for words in (_ZEROS, _AMBIGUOUS))
    if scale := _named(array.name, known, _SCALES):
        return Companions(scale, zero, ambiguous=other)
    outer, dot, _ = array.name.rpartition(".")
    largest = known.get(f"{outer}{dot}SCB")
    return None if largest is None else Companions(largest, zero, _LARGEST, other)


def _named(name: str, known: Mapping[str, Stored], words: Sequence[str]) -> Stored | None:
    outer, dot, _ = name.rpartition(".")
    stems = dict.fromkeys([name, _QUANTISED.sub("", name)])
    names = [f"{stem}{mark}{word}" for stem in stems for mark in ("_", ".", "._") for word in words]
    if len(stems) > 1:
        names += [f"{_QUANTISED.sub('', name)}_{_SHORT[word]}" for word in words if word in _SHORT]
    names += [f"{outer}{dot}{word}" for word in words]
    return next((known[one] for one in names if one in known), None)


def require_meaning(
    path: Path, array: Stored, companions: Companions | None, selected: bool
) -> None:
    """Refuse integers whose meaning the file does not say.

    Raises
    ------
    UserError
        They are packed; or they have no scale, and the user has not ``selected`` them as they are;
        or they have a scale, and their zero is not known.
    """
    origin = f"{path}, array '{array.name}': {array.dtype} {array.shape}"
    remedy = (
        "Save the weights dequantised, as float32, with the tool that quantised them; or name only "
        "other arrays in `select`."
    )
    if array.name.rpartition(".")[2] in _PACKED or (companions and array.itemsize > 2):
        raise UserError(
            f"{origin} are packed words, each of several quantised weights in an order of the "
            f"tool's own. {remedy}"
        )
    if companions is None:
        if selected:
            return
        raise UserError(
            f"{origin} are integers without a scale; of quantised weights they mean nothing "
            f"without it. Save the scale beside them as '{array.name}_scale', or the weights "
            f"dequantised, as float32. If these integers are the weights, name '{array.name}' in "
            "`select`; if they are no weights, name the arrays that are."
        )
    if companions.ambiguous is not None:
        raise UserError(
            f"{origin} are quantised, and '{companions.ambiguous.name}' beside them shifts them in "
            f"a way that the file does not say. {remedy}"
        )
    if array.kind == "u" and companions.zero is None:
        raise UserError(
            f"{origin} are unsigned integers with the scale '{companions.scale.name}' and no zero "
            "point: packed, or of an unknown zero. Save the zero point beside them as "
            f"'{array.name}_zero_point'. {remedy}"
        )


def dequantised(path: Path, array: Stored, companions: Companions, outputs: int) -> np.ndarray:
    """(integers - zero point) x scale, float32, of the shape of the array.

    ``outputs``: the axis of the outputs, which a scale of one axis belongs to where several axes
    are as long as it.

    Raises
    ------
    UserError
        Something cannot be read, or a scale or zero point does not fit the array.
    """
    scale = _fitting(path, array, companions.scale, outputs)
    values = load(path, array).astype(np.float32)
    if companions.zero is not None:
        values -= _fitting(path, array, companions.zero, outputs, "fiu")
    values *= scale / np.float32(companions.divisor)
    return values


def _fitting(path: Path, array: Stored, part: Stored, outputs: int, kinds: str = "f") -> np.ndarray:
    """A scale or zero point of ``array``, float32, that broadcasts to its shape."""
    shape, remedy = array.shape, "Save the weights dequantised, as float32."
    if not part.kind or part.kind not in kinds:
        raise UserError(
            f"{path}, array '{part.name}': {part.dtype} is not a known type of what belongs to the "
            f"integers of '{array.name}'. {remedy}"
        )
    values = np.asarray(load(path, part), np.float32)
    if values.size == 1:
        return values.reshape(1)
    if values.ndim == 1:
        axes = [axis for axis, extent in enumerate(shape) if extent == len(values)]
        if outputs in axes or len(axes) == 1:
            axis = outputs if outputs in axes else axes[0]
            return values.reshape([-1 if index == axis else 1 for index in range(len(shape))])
    elif values.ndim == len(shape) and min(values.shape) > 0:
        blocks = [divmod(whole, own) for whole, own in zip(shape, values.shape, strict=True)]
        if not any(rest for _, rest in blocks):
            for axis, (length, _) in enumerate(blocks):
                if values.shape[axis] > 1:
                    values = values.repeat(length, axis=axis)
            return values
    raise UserError(
        f"{path}, array '{part.name}': shape {part.shape} does not fit '{array.name}' of shape "
        f"{shape}: known are one value, one for each output, and one for each block of entries. "
        f"{remedy}"
    )
