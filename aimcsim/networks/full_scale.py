"""Full scales of the converters: between clipping what is large and rounding what is small.

Ranges from the largest values (:mod:`aimcsim.networks.ranges`) clip half of the images where few
large values carry the sum, as in a classifier. So each layer's are scaled to where exact weights
behind the same converters have the least MVM error on training images.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from aimcsim.chip.periphery import Periphery
from aimcsim.kernels import cpu
from aimcsim.kernels.interface import Kernels
from aimcsim.mapping.tiles import Tile
from aimcsim.networks.chip import AnalogProducts, ideal_cores
from aimcsim.networks.graph import Network
from aimcsim.networks.ranges import Activations, Ranges, pieces_of

FACTORS = 2.0 ** np.arange(-1, 2.25, 0.25)
"""Tried on the ranges from the largest values, float64."""


def fitted(
    network: Network,
    tiles: Sequence[Tile],
    ranges: Ranges,
    converters: Periphery,
    seen: Activations,
    kernels: Kernels = cpu,
) -> Ranges:
    """``ranges`` scaled layer by layer: those of DACs and ADCs together, then the ADCs' alone.

    Parameters
    ----------
    tiles : where the matrices lie; they are taken as exact, with ideal columns and silent reads
    converters : DACs and ADCs, with their noise
    seen : the network's values for some training images, on which errors are judged
    kernels : the back end, whose arrays ``seen`` has
    """
    of_piece = np.array([piece.matrix for piece in pieces_of(tiles)])
    cores = ideal_cores(tiles, [product.matrix for product in network.products])

    def best(scaled: Callable[[float], Ranges]) -> np.ndarray:
        """Of the factors the one with the least error, for each product."""
        tried = [AnalogProducts(network, cores, scaled(f), converters, kernels) for f in FACTORS]
        errors = np.stack([products.layer_errors(seen) for products in tried])
        return FACTORS[errors.argmin(axis=0)]

    # Outputs are in units of the full-scale input: the ADCs' range follows the DACs'.
    both = best(lambda f: replace(ranges, inputs=(f * ranges.inputs).astype(np.float32)))
    found = replace(ranges, inputs=(both * ranges.inputs).astype(np.float32))
    adc = best(lambda f: replace(found, outputs=(f * found.outputs).astype(np.float32)))
    return replace(found, outputs=(adc[of_piece] * found.outputs).astype(np.float32))
