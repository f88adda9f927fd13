"""The user's own matrices, read from a file."""

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.input_files import InputFile
from aimcsim.common.section import key
from aimcsim.mapping.dataset import LeftOut, described, matrix_variables
from aimcsim.mapping.file_formats import Stored, catalogue, load
from aimcsim.weights.quantised import Companions, companions_of, dequantised, require_meaning
from aimcsim.weights.registry import WEIGHTS, DigitalScale, WeightSet
from aimcsim.weights.requirements import require_extent, require_finite, require_nonzero
from aimcsim.weights.roles import reason_to_leave_out


@WEIGHTS.register("file")
class FileWeights(WeightSet):
    """The user's own matrices."""

    kind: Literal["file"] = key(..., "Matrices read from a file.")
    path: InputFile = key(..., "File to read: .npy, .npz, .safetensors or .nc.")
    select: tuple[str, ...] | None = key(
        None,
        "Names of the arrays to take; null: every array of two or more dimensions that is, by its "
        "name and type, no mask, index, bias, norm, embedding, position or scale. `aimcsim check` "
        "lists what is taken and what is not.",
        min_length=1,
    )
    transpose: bool = key(
        False,
        "true where the file's matrices are (outputs, inputs), as in PyTorch; rows are "
        "inputs here.",
    )
    scale: DigitalScale = "tile"

    remedy: ClassVar[str] = "Correct the file, or choose other arrays with `select`."

    def build(self, name: str, seed: int) -> xr.Dataset:
        """The arrays of the file, see :func:`read`."""
        content = read(self)
        dataset = xr.Dataset(
            matrix_variables(content.matrices.items()), attrs={"scale": self.scale}
        )
        return described(dataset, content.stored_as, content.left_out)

    def files(self) -> tuple[str, ...]:
        """The file."""
        return (self.path,)


class Content(NamedTuple):
    """What is taken of a file, and what is not."""

    matrices: dict[str, np.ndarray]
    """By name, in the file's order: float32 (inputs, outputs), finite, not empty, no unit."""
    stored_as: list[str]
    """The type of each in the file, and what it was multiplied with."""
    left_out: list[LeftOut]
    """All other arrays."""


def read(definition: FileWeights) -> Content:
    """Matrices of a .npy, .npz, .safetensors or .nc file.

    Taken are the arrays named by ``select`` or, without it, all of two or more axes but those that
    :func:`~aimcsim.weights.roles.reason_to_leave_out` names; the one array of a .npy file has no
    name to go by, and is called as the file without its suffix. Floats of any width (bfloat16 too)
    become float32. Integers are taken with the scale that lies beside them, see
    :mod:`aimcsim.weights.quantised`; without one, only if they are selected, as they are; so are
    booleans.

    A kernel of more than two axes becomes a matrix. With ``transpose`` the first axis is the
    outputs, and the others, in order, are the rows: PyTorch's (out, in, height, width) gives
    (in * height * width, out), rows in im2col order (channel, height, width). Without it the
    last axis is the outputs and all leading axes are the rows, as in TensorFlow's
    (height, width, in, out). Kernels of grouped convolutions are not expanded.

    Raises
    ------
    UserError
        The file is missing, a folder, of an unknown suffix or damaged; a selected array is not
        there or has fewer than two axes; the file has no matrix; integers have no meaning without
        what the file lacks; an array is not of real numbers, is empty, or has NaN or infinite
        entries; all are zero throughout.
    """
    path = Path(definition.path)
    with ExitStack() as stack:
        stored = catalogue(path, stack)
        if twice := _repeated(array.name for array in stored):
            raise UserError(
                f"{path}: holds two arrays named '{twice}'. Save it with one of each name."
            )
        known = {array.name: array for array in stored}
        quantised = {
            array.name: companions_of(array, known)
            for array in stored
            if array.kind in ("i", "u") and len(array.shape) >= 2
        }
        reasons = _reasons(path, stored, quantised, definition.select)
        chosen = [array for array in stored if reasons[array.name] is None]
        if not chosen:
            raise _no_matrix(path, stored, reasons)
        matrices, stored_as = {}, []
        for array in chosen:
            companions = quantised.get(array.name)
            if array.name in quantised:
                selected = definition.select is not None
                require_meaning(path, array, companions, selected)
            matrices[array.name] = _matrix(path, array, companions, definition.transpose)
            by = " and ".join(f"'{part.name}'" for part in companions.arrays) if companions else ""
            stored_as.append(f"{array.dtype}, dequantised by {by}" if by else array.dtype)
    remedy = "Save the file with its values, or name other arrays in `select`."
    require_nonzero([*matrices.items()], f"{path}, array", remedy)
    left_out = [
        LeftOut(array.name, array.shape, array.dtype, reason)
        for array in stored
        if (reason := reasons[array.name]) is not None
    ]
    return Content(matrices, stored_as, left_out)


def _reasons(
    path: Path,
    stored: list[Stored],
    quantised: dict[str, Companions | None],
    select: tuple[str, ...] | None,
) -> dict[str, str | None]:
    """Why each array is left out; None where it is taken."""
    names = {array.name for array in stored}
    if select is not None:
        if missing := [name for name in select if name not in names]:
            raise UserError(
                f"{path}: no array named '{missing[0]}'; the file holds {_listed(stored)}. Correct "
                "`select`."
            )
        if twice := _repeated(select):
            raise UserError(f"{path}: `select` names '{twice}' twice. Name each array once.")
    belongs = {
        part.name: name
        for name, companions in quantised.items()
        if companions is not None and (select is None or name in select)
        for part in companions.arrays
    }
    nameless = path.suffix.lower() == ".npy"

    def reason(array: Stored) -> str | None:
        if select is not None and array.name in select:
            return None
        if array.name in belongs:
            return f"belongs to the integers of '{belongs[array.name]}'"
        if select is not None:
            return "not in `select`"
        if len(array.shape) < 2:
            return "fewer than two axes: a bias, a norm or a number"
        name = "" if nameless else array.name
        return reason_to_leave_out(name, array.kind == "b", array.kind in ("i", "u"))

    return {array.name: reason(array) for array in stored}


def _no_matrix(path: Path, stored: list[Stored], reasons: dict[str, str | None]) -> UserError:
    large = [array for array in stored if len(array.shape) >= 2]
    if not large:
        return UserError(
            f"{path}: no array of two or more axes; the file holds {_listed(stored)}. Save each "
            "layer as a matrix of (inputs, outputs)."
        )
    why = "; ".join(f"'{array.name}' {array.shape}: {reasons[array.name]}" for array in large)
    return UserError(
        f"{path}: no array is taken for a matrix ({why}). Name in `select` those that are."
    )


def _listed(stored: list[Stored]) -> str:
    return ", ".join(f"'{array.name}' {array.shape}" for array in stored) or "no arrays"


def _repeated(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _matrix(
    path: Path, array: Stored, companions: Companions | None, transpose: bool
) -> np.ndarray:
    origin = f"{path}, array '{array.name}'"
    leave_out = "or leave it out: name the other arrays in `select`."
    if not array.real:
        raise UserError(
            f"{origin}: type {array.dtype} is not one of real numbers that can be read. Convert "
            f"it to float32, {leave_out}"
        )
    require_extent(array.shape, origin, f"Reshape it in the file, {leave_out}")
    if companions is None:
        values = load(path, array)
    else:
        values = dequantised(path, array, companions, 0 if transpose else len(array.shape) - 1)
    require_finite(values, origin, f"Repair the values, {leave_out}")
    with np.errstate(over="ignore"):  # reported below, with the entry
        narrow = np.array(values, dtype=np.float32)
    require_finite(
        narrow, f"{origin}, as 32-bit floats", f"Scale the values down to below 1e38, {leave_out}"
    )
    if transpose:
        matrix = narrow.reshape(narrow.shape[0], -1).T
    else:
        matrix = narrow.reshape(-1, narrow.shape[-1])
    return np.ascontiguousarray(matrix)
