"""The dataset of a weight set, the same for matrices of any origin."""

import json

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.mapping.dataset import matrices, matrix_name
from aimcsim.weights.registry import WeightSet
from aimcsim.weights.requirements import require_extent, require_finite, require_nonzero


def build(name: str, definition: WeightSet, seed: int) -> xr.Dataset:
    """Draw, train or read the matrices of a weight set, and clip them where asked.

    ``clip_sigmas`` bounds the entries of each matrix at +- that many standard deviations of the
    matrix's entries other than zero. Where those are all equal, nothing is clipped.

    Parameters
    ----------
    name : name of the weight set.
    definition : its section of the configuration.
    seed : the study's seed, 0 to 2**32 - 1; of no effect on matrices from a file.

    Returns
    -------
    Dataset with variables ``matrix_000``, ``matrix_001``, ... of dimensions (input_000,
    output_000), ..., float32, attributes ``long_name`` (the array's name) and ``units`` ("1").
    A network has what :func:`aimcsim.networks.dataset.build` says too. Further attributes:
    ``weight_set``, ``kind``, ``definition`` (JSON).

    Raises
    ------
    UserError
        The definition cannot be met (see :meth:`aimcsim.weights.registry.WeightSet.build`), or a
        matrix is empty, all zero or not finite; the message starts with the key ``weights.<name>``.
    """
    try:
        dataset = definition.build(name, seed)
    except UserError as error:
        raise UserError(f"weights.{name}: {error}") from error
    dataset.attrs |= {
        "weight_set": name,
        "kind": definition.kind,
        "definition": json.dumps(definition.model_dump(mode="json"), sort_keys=True),
    }
    for index, (array, matrix) in enumerate(matrices(dataset)):
        _require_matrix(matrix, f"weights.{name}, matrix '{array}'", definition.remedy)
        if definition.clip_sigmas is not None:
            dataset[matrix_name(index)].values = _clipped(matrix, definition.clip_sigmas)
    return dataset


def _require_matrix(matrix: np.ndarray, origin: str, remedy: str) -> None:
    require_extent(matrix.shape, origin, remedy)
    require_finite(matrix, origin, remedy)
    require_nonzero(matrix, origin, remedy)


def _clipped(matrix: np.ndarray, sigmas: float) -> np.ndarray:
    entries = matrix[matrix != 0].astype(np.float64)
    deviation = entries.std()
    # Equal entries deviate by rounding alone; a bound from that would wipe the matrix out.
    if deviation <= np.finfo(np.float32).eps * np.abs(entries).max():
        return matrix
    bound = np.float32(sigmas * deviation)
    return np.clip(matrix, -bound, bound)
