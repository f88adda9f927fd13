"""Names and dimensions of the variables of a weights dataset."""

from collections.abc import Iterable

import numpy as np
import xarray as xr


def matrix_name(index: int) -> str:
    """Name of the variable of matrix ``index``."""
    return f"matrix_{index:03d}"


def matrix_variables(named: Iterable[tuple[str, np.ndarray]]) -> dict[str, xr.Variable]:
    """Variables ``matrix_000``, ... from pairs of name and (inputs, outputs) array, float32."""
    return {
        matrix_name(index): xr.Variable(
            (f"input_{index:03d}", f"output_{index:03d}"),
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


def matrices(dataset: xr.Dataset) -> list[tuple[str, np.ndarray]]:
    """Name and (inputs, outputs) float32 array of each matrix of a weights dataset, in order."""
    found: list[tuple[str, np.ndarray]] = []
    while (variable := matrix_name(len(found))) in dataset:
        found.append((dataset[variable].attrs["long_name"], dataset[variable].values))
    return found
