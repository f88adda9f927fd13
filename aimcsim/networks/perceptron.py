"""A perceptron whose layers run on programmed cores.

Digital: biases, ReLU, the scales between a layer's numbers and a core's. Analog: the products of
every layer, with the DAC, device read noise and ADC of the cores that hold it. A layer of several
tiles adds the partial sums of its tile rows digitally. Input and output ranges of every layer are
calibrated on training images, as on a real chip: the largest activation is the full-scale input
(of which the DAC may clip a part, ``periphery.dac_range``), the largest ideal output of a tile its
ADC's full scale.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from aimcsim.chip import column_correction as affine
from aimcsim.chip.core import Cores, UnitCores
from aimcsim.chip.periphery import to_dac_grid
from aimcsim.common.random import Phase
from aimcsim.mapping.dataset import bias_name, matrices
from aimcsim.mapping.tiles import Piece, Tile
from aimcsim.shards.groups import tiles_of
from aimcsim.shards.spec import ShardSpec


def is_network(weights: xr.Dataset) -> bool:
    """True where a weight set is a network with test images of its own."""
    return weights.attrs.get("network") == "perceptron"


def accuracy(
    weights: xr.Dataset,
    spec: ShardSpec,
    programmed: Mapping[int, tuple[UnitCores, np.ndarray, np.ndarray | None]],
) -> np.ndarray:
    """Share of test images that the network on programmed cores classifies right.

    Parameters
    ----------
    weights : dataset of a perceptron
    programmed : per tile index its unit cores (one per core), conductances
        (core, state, D, R, C), uS, and digital scale and offset per column (core, state, 2, C), or
        None; offsets scale with the range of the ADC

    Returns
    -------
    float32 (core, state), percent
    """
    blocks = [matrix for _, matrix in matrices(weights)]
    biases = [weights[bias_name(layer)].values for layer in range(len(blocks))]
    _, tiles = tiles_of(spec, weights)
    images, labels = weights["test_images"].values, weights["test_labels"].values
    calibration = weights["train_images"].values
    grid = (len(spec.cores), len(spec.states))
    runs = grid[0] * grid[1]
    activations = images[None]  # (1 or runs, images, inputs)
    for layer, (matrix, bias) in enumerate(zip(blocks, biases, strict=True)):
        largest = max(float(np.abs(calibration).max()), np.finfo(np.float32).tiny)
        converters = spec.periphery
        x = to_dac_grid(
            activations / np.float32(largest), converters.dac_bits, converters.dac_range
        )
        total = np.zeros((runs, len(images), matrix.shape[1]), np.float32)
        for tile, piece in _pieces(tiles, layer):
            units, conductances, corrections = programmed[tile.index]
            (rows, columns), (at_rows, at_columns) = piece.source, piece.place
            # uS x input per unit of output, of each column.
            to_current = units.g_max / piece.scale.astype(float) / largest
            outputs = np.abs(calibration[:, rows] @ matrix[rows, columns]).max(axis=0)
            cores = _cores(units, conductances, float((outputs * to_current).max()))
            x_of = np.arange(runs) if len(x) > 1 else np.zeros(runs, np.intp)
            # Rows of other pieces are not driven, their columns not looked at.
            driven = np.zeros((*x.shape[:2], tile.rows), np.float32)
            driven[:, :, at_rows] = x[:, :, rows]
            y = cores.mvm(driven, np.arange(runs), x_of)
            if corrections is not None:
                ranges = cores.units.full_scale / units.full_scale
                affine.apply(_ranged(corrections, ranges), y)
            total[:, :, columns] += y[:, :, at_columns] / to_current.astype(np.float32)
        last = layer == len(blocks) - 1
        activations = total + bias if last else np.maximum(total + bias, 0)
        calibration = calibration @ matrix + bias
        calibration = calibration if last else np.maximum(calibration, 0)
    right = (activations.argmax(axis=2) == labels).mean(axis=1)
    return (100 * right).reshape(grid).astype(np.float32)


def _pieces(tiles: Sequence[Tile], layer: int) -> list[tuple[Tile, Piece]]:
    """All pieces of a layer, with the tile that holds each."""
    return [(tile, piece) for tile in tiles for piece in tile.pieces if piece.matrix == layer]


def _ranged(corrections: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Corrections (core, state, 2, C) for other ADC ranges, ``ranges`` (core,), as (n, 2, C)."""
    ranged = corrections.copy()
    ranged[:, :, 1] *= ranges[:, None, None]
    return ranged.reshape(-1, *corrections.shape[2:])


def _cores(units: UnitCores, conductances: np.ndarray, full_scale: float) -> Cores:
    cores, states = conductances.shape[:2]
    ranged = dataclasses.replace(
        units, full_scale=np.full(cores, full_scale if full_scale > 0 else 1.0, np.float32)
    )
    unit = np.repeat(np.arange(cores), states)
    flat = conductances.reshape(cores * states, *conductances.shape[2:])
    return Cores(ranged, unit, flat, Phase.INFERENCE)
