"""Names and dimensions of the variables of a weights dataset.

A matrix may have several independent draws of the same shape, along the dimension ``draw``.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

DRAW = "draw"
_STORED_AS, _LEFT_OUT = "stored_as", "left_out"


class LeftOut(NamedTuple):
    """An array of the user's file that is not among the matrices, and why."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    reason: str


def matrix_name(index: int) -> str:
    """Name of the variable of matrix ``index``."""
    return f"matrix_{index:03d}"


def matrix_variables(named: Iterable[tuple[str, np.ndarray]]) -> dict[str, xr.Variable]:
    """Variables ``matrix_000``, ... from pairs of name and array, float32.

    An array is (inputs, outputs), or (draws, inputs, outputs) with as many draws for every matrix.
    """
    return {
        matrix_name(index): xr.Variable(
            (*[DRAW][: np.ndim(matrix) - 2], f"input_{index:03d}", f"output_{index:03d}"),
            np.asarray(matrix, dtype=np.float32),
            {"long_name": name, "units": "1"},
        )
        for index, (name, matrix) in enumerate(named)
    }


def bias_name(index: int) -> str:
    """Name of the variable of the biases that belong to matrix ``index``."""
    return f"bias_{index:03d}"


def bias_variables(named: Iterable[tuple[str, np.ndarray]]) -> dict[str, xr.Variable]:
    """Variables ``bias_000``, ... from pairs of name and (outputs,) array, float32."""
    return {
        bias_name(index): xr.Variable(
            (f"output_{index:03d}",),
            np.asarray(bias, dtype=np.float32),
            {"long_name": name, "units": "1"},
        )
        for index, (name, bias) in enumerate(named)
    }


def matrices(dataset: xr.Dataset, draw: int = 0) -> list[tuple[str, np.ndarray]]:
    """Name and (inputs, outputs) float32 array of each matrix of a weights dataset, in order.

    ``draw``: of matrices with several draws this one.
    """
    found: list[tuple[str, np.ndarray]] = []
    while (variable := matrix_name(len(found))) in dataset:
        values = dataset[variable].values
        values = values[draw] if DRAW in dataset[variable].dims else values
        found.append((dataset[variable].attrs["long_name"], values))
    return found


def draws_of(dataset: xr.Dataset) -> int:
    """Independent draws of the matrices of a weights dataset.

    The record of a training has draws of its own, of weight noise.
    """
    first = matrix_name(0)
    return dataset[first].sizes.get(DRAW, 1) if first in dataset else 1


def described(
    dataset: xr.Dataset, stored_as: Sequence[str], left_out: Sequence[LeftOut]
) -> xr.Dataset:
    """``dataset`` with what its file says: the type of each matrix, and the arrays left out."""
    for index, text in enumerate(stored_as):
        dataset[matrix_name(index)].attrs[_STORED_AS] = text
    return dataset.assign_attrs({_LEFT_OUT: json.dumps(left_out)})


def stored_as(dataset: xr.Dataset, index: int) -> str:
    """Type in which matrix ``index`` lies in the file it is from; "" where it is from none."""
    return dataset[matrix_name(index)].attrs.get(_STORED_AS, "")


def left_out(dataset: xr.Dataset) -> list[LeftOut]:
    """Arrays of the file that are not among the matrices; none where it is from no file."""
    found = json.loads(dataset.attrs.get(_LEFT_OUT, "[]"))
    return [LeftOut(name, tuple(shape), dtype, reason) for name, shape, dtype, reason in found]
