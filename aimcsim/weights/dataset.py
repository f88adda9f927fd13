"""The dataset of a weight set, the same for matrices of any origin."""

import json

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.mapping.dataset import draws_of, matrices, matrix_name
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
    output_000), ..., float32, attributes ``long_name`` (the array's name) and ``units`` ("1");
    with several draws of dimensions (draw, input_000, output_000), ....
    A network has what :func:`aimcsim.networks.dataset.build` says too. Further attributes:
    ``weight_set``, ``kind``, ``definition`` (JSON).

    Raises
    ------
    UserError
        The definition cannot be met (see :meth:`aimcsim.weights.registry.WeightSet.build`), a
        matrix is empty or not finite, or all are zero throughout; the message starts with the key
        ``weights.<name>``.
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
    draws = draws_of(dataset)
    if draws != definition.independent_draws:
        raise UserError(
            f"weights.{name}: made {draws} draws of its matrices, and its independent_draws are "
            f"{definition.independent_draws}. Correct the class of kind {definition.kind}."
        )
    for draw in range(draws):
        which = f", draw {draw}" if draws > 1 else ""
        own = matrices(dataset, draw)
        for array, matrix in own:
            origin = f"weights.{name}, matrix '{array}'{which}"
            require_extent(matrix.shape, origin, definition.remedy)
            require_finite(matrix, origin, definition.remedy)
        require_nonzero(own, f"weights.{name}{which}, matrix", definition.remedy)
    if definition.clip_sigmas is not None:
        for index in range(len(matrices(dataset))):
            _clip(dataset[matrix_name(index)], definition.clip_sigmas)
    return dataset


def _clip(variable: xr.DataArray, sigmas: float) -> None:
    """Clip every draw of a matrix by its own entries."""
    drawn = variable.values.reshape(-1, *variable.shape[-2:])
    variable.values = np.stack([_clipped(one, sigmas) for one in drawn]).reshape(variable.shape)


def _clipped(matrix: np.ndarray, sigmas: float) -> np.ndarray:
    entries = matrix[matrix != 0].astype(np.float64)
    deviation = entries.std()
    # Equal entries deviate by rounding alone; a bound from that would wipe the matrix out.
    if deviation <= np.finfo(np.float32).eps * np.abs(entries).max():
        return matrix
    bound = np.float32(sigmas * deviation)
    return np.clip(matrix, -bound, bound)
