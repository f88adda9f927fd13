"""The dataset of a weight set, the same for matrices of any origin."""

import json
from collections.abc import Iterable

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.mapping.dataset import matrices, matrix_name, matrix_variables
from aimcsim.weights import digits, files, synthetic
from aimcsim.weights.files import require_extent, require_finite, require_nonzero
from aimcsim.weights.settings import (
    DigitsWeights,
    FileWeights,
    NetworkWeights,
    SyntheticWeights,
    WeightSet,
)

_REMEDIES = {
    "file": "Correct the file, or choose other arrays with `select`.",
    "digits": "Give the network other hidden layers.",
    "network": "Correct the model.",
}
_SYNTHETIC_REMEDY = "Make the matrix larger, or its share of zeros smaller."


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
    A trained network has biases and images too, see :func:`aimcsim.weights.digits.train`, and
    a network of any wiring what :func:`aimcsim.networks.dataset.build` says. The perceptron has
    the attributes ``network`` ("perceptron") and ``software_accuracy`` (percent, in float32,
    with the clipped matrices). Further attributes: ``weight_set``, ``kind``, ``definition``
    (JSON).

    Raises
    ------
    UserError
        The file cannot be used (see :func:`aimcsim.weights.files.read`), or a matrix is empty,
        all zero or not finite; the message starts with the key ``weights.<name>``.
    """
    if isinstance(definition, SyntheticWeights):
        dataset = _of([(name, synthetic.draw(definition, seed, name))])
    elif isinstance(definition, DigitsWeights):
        dataset = digits.train(definition.hidden, seed)
    elif isinstance(definition, FileWeights):
        try:
            dataset = _of(files.read(definition).items())
        except UserError as error:
            raise UserError(f"weights.{name}: {error}") from error
    elif isinstance(definition, NetworkWeights):
        from aimcsim.networks.dataset import build as build_network  # slow to import

        try:
            dataset = build_network(definition)
        except UserError as error:
            raise UserError(f"weights.{name}: {error}") from error
    else:
        raise TypeError(f"not a weight set: {definition!r}")
    dataset.attrs |= {
        "weight_set": name,
        "kind": definition.kind,
        "definition": json.dumps(definition.model_dump(mode="json"), sort_keys=True),
    }
    remedy = _REMEDIES.get(definition.kind, _SYNTHETIC_REMEDY)
    for index, (array, matrix) in enumerate(matrices(dataset)):
        _require_matrix(matrix, f"weights.{name}, matrix '{array}'", remedy)
        if definition.clip_sigmas is not None:
            dataset[matrix_name(index)].values = _clipped(matrix, definition.clip_sigmas)
    if isinstance(definition, DigitsWeights):
        dataset.attrs |= {
            "network": "perceptron",
            "software_accuracy": digits.software_accuracy(dataset),
        }
    return dataset


def _of(named: Iterable[tuple[str, np.ndarray]]) -> xr.Dataset:
    return xr.Dataset(matrix_variables(named))


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
