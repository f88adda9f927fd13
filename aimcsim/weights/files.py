"""The user's own matrices, read from a file."""

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.input_files import InputFile
from aimcsim.common.section import key
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.mapping.file_formats import Stored, catalogue, reading
from aimcsim.weights.registry import WEIGHTS, WeightSet
from aimcsim.weights.requirements import require_extent, require_finite, require_nonzero


@WEIGHTS.register("file")
class FileWeights(WeightSet):
    """The user's own matrices."""

    kind: Literal["file"] = key(..., "Matrices read from a file.")
    path: InputFile = key(..., "File to read: .npy, .npz, .safetensors or .nc.")
    select: tuple[str, ...] | None = key(
        None,
        "Names of the arrays to take; null: every array of two or more dimensions.",
        min_length=1,
    )
    transpose: bool = key(
        False,
        "true where the file's matrices are (outputs, inputs), as in PyTorch; rows are "
        "inputs here.",
    )

    remedy: ClassVar[str] = "Correct the file, or choose other arrays with `select`."

    def build(self, name: str, seed: int) -> xr.Dataset:
        """The arrays of the file, see :func:`read`."""
        return xr.Dataset(matrix_variables(read(self).items()))

    def files(self) -> tuple[str, ...]:
        """The file."""
        return (self.path,)


def read(definition: FileWeights) -> dict[str, np.ndarray]:
    """Matrices of a .npy, .npz, .safetensors or .nc file, by name, in the file's order.

    Taken are the arrays named by ``select`` or, without it, all of two or more axes. The one
    array of a .npy file is named as the file without its suffix. Floats of any width (bfloat16
    too), integers and booleans become float32.

    A kernel of more than two axes becomes a matrix. With ``transpose`` the first axis is the
    outputs, and the others, in order, are the rows: PyTorch's (out, in, height, width) gives
    (in * height * width, out), rows in im2col order (channel, height, width). Without it the
    last axis is the outputs and all leading axes are the rows, as in TensorFlow's
    (height, width, in, out). Kernels of grouped convolutions are not expanded.

    Returns
    -------
    name -> float32 array, (inputs, outputs), finite, not empty, not all zero, no unit.

    Raises
    ------
    UserError
        The file is missing, a folder, of an unknown suffix or damaged; a selected array is not
        there or has fewer than two axes; the file has no array of two or more axes; an array is
        not of real numbers, is empty, has NaN or infinite entries, or is all zero.
    """
    path = Path(definition.path)
    with ExitStack() as stack:
        stored = _chosen(path, catalogue(path, stack), definition.select)
        return {array.name: _matrix(path, array, definition.transpose) for array in stored}


def _chosen(path: Path, stored: list[Stored], select: tuple[str, ...] | None) -> list[Stored]:
    names = ", ".join(f"'{array.name}' {array.shape}" for array in stored) or "no arrays"
    if twice := _repeated(array.name for array in stored):
        raise UserError(f"{path}: holds two arrays named '{twice}'. Save it with one of each name.")
    if select is None:
        chosen = [array for array in stored if len(array.shape) >= 2]
        if not chosen:
            raise UserError(
                f"{path}: no array of two or more axes; the file holds {names}. Save each layer "
                "as a matrix of (inputs, outputs)."
            )
        return chosen
    missing = [name for name in select if all(array.name != name for array in stored)]
    if missing:
        raise UserError(
            f"{path}: no array named '{missing[0]}'; the file holds {names}. Correct `select`."
        )
    if twice := _repeated(select):
        raise UserError(f"{path}: `select` names '{twice}' twice. Name each array once.")
    return [array for array in stored if array.name in select]


def _repeated(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _matrix(path: Path, array: Stored, transpose: bool) -> np.ndarray:
    origin = f"{path}, array '{array.name}'"
    leave_out = "or leave it out: name the other arrays in `select`."
    if not array.real:
        raise UserError(
            f"{origin}: type {array.dtype} is not one of real numbers that can be read. Convert "
            f"it to float32, {leave_out}"
        )
    require_extent(array.shape, origin, f"Reshape it in the file, {leave_out}")
    with reading(path):
        values = array.load()
    require_finite(values, origin, f"Repair the values, {leave_out}")
    with np.errstate(over="ignore"):  # reported below, with the entry
        narrow = np.array(values, dtype=np.float32)
    require_finite(
        narrow, f"{origin}, as 32-bit floats", f"Scale the values down to below 1e38, {leave_out}"
    )
    require_nonzero(narrow, origin, f"Save it with its values, {leave_out}")
    if transpose:
        matrix = narrow.reshape(narrow.shape[0], -1).T
    else:
        matrix = narrow.reshape(-1, narrow.shape[-1])
    return np.ascontiguousarray(matrix)
