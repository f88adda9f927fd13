"""Outputs of layers adapted to the statistics that they have in software: AdaBS and what it needs.

Adaptive batch-norm statistics (AdaBS; Joshi et al., Nat. Commun. 11, 2473, 2020, doi
10.1038/s41467-020-16108-9) compute mean and variance of every batch norm's inputs anew on the aged
hardware, from a batch of training images. For the network that is the same as a digital scale and
offset of every channel behind the product, after which mean and standard deviation over these
images are those in software; so it serves networks whose batch norms are fused, or that have none.

Layers are adapted in their order, each on what the adapted ones before it give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimcsim.common.arrays import to_host
from aimcsim.kernels import layers_gpu
from aimcsim.kernels.interface import Device
from aimcsim.networks.execute import ExactProducts, OnHost, Place, Watched, run
from aimcsim.networks.graph import Network, Products
from aimcsim.networks.patches import exact_on
from aimcsim.networks.ranges import Activations

FEWEST = 1000
"""Outputs of a channel, images x positions, from which its moments are trusted: a dense layer has
too few, and in networks with batch norms is left alone as well. Ours."""
LARGEST = 10.0
"""Times that a channel's outputs are amplified, at most: one that hardly conducts is noise. Ours"""


@dataclass(frozen=True)
class Moments:
    """Of the outputs of each product in software, over images and positions."""

    mean: tuple[np.ndarray, ...]
    """Per product, float64 (outputs,)."""
    deviation: tuple[np.ndarray, ...]
    """Standard deviation, the same."""


def moments(network: Network, images: np.ndarray, place: Place | None = None) -> Moments:
    """Of the exact network on ``images``; ``place``: see :func:`adapted`."""
    place = place or OnHost(network)
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def look(index: int, values: Any) -> None:
        found[index] = _moments(place.exact(network.products[index], values))

    watched = Watched(ExactProducts(network, place), look)
    run(network, images, watched, batch=len(images), place=place)
    pairs = [found[index] for index in range(len(network.products))]
    return Moments(*(tuple(part) for part in zip(*pairs, strict=True)))


def _moments(outputs: Any) -> tuple[np.ndarray, np.ndarray]:
    flat = outputs.reshape(-1, outputs.shape[-1]).astype(float)
    return to_host(flat.mean(axis=0)), to_host(flat.std(axis=0))


@dataclass(frozen=True)
class AdaptedProducts:
    """Products of another, with a digital scale and offset of each output channel.

    scale, offset : per product, float32 (outputs,), or (1,) for all of them; arrays as those of
        ``products``
    device : that these are on; None: the host
    """

    network: Network
    products: Products
    scale: tuple[Any, ...]
    offset: tuple[Any, ...]
    device: Device | None = None

    def __call__(self, index: int, values: np.ndarray, first_image: int) -> np.ndarray:
        """See :class:`aimcsim.networks.graph.Products`."""
        outputs = self.products(index, values, first_image)
        scale, offset = self.scale[index], self.offset[index]
        if self.device is None or len(scale) < outputs.shape[-1]:
            return outputs * scale + offset
        layers_gpu.affine(self.device, outputs, scale, offset)  # in one pass
        return outputs

    def layer_errors(self, judged: Activations) -> np.ndarray:
        """See :func:`layer_errors`."""
        return layer_errors(self, self.network.products, judged, self.device)


def adapted(
    network: Network,
    products: Products,
    images: np.ndarray,
    wanted: Moments,
    place: Place | None = None,
) -> AdaptedProducts:
    """``products`` adapted on ``images``, of which ``wanted`` are the moments in software.

    ``place``: that of the network's values; None: the host.

    A channel that does not vary in software, or hardly conducts, keeps its scale and is moved; a
    layer with fewer than ``FEWEST`` outputs a channel is left as it is.
    """
    count, place = len(network.products), place or OnHost(network)
    scale: list[Any] = [place.array(np.ones(1, np.float32))] * count
    offset: list[Any] = [place.array(np.zeros(1, np.float32))] * count

    def fit(index: int, values: np.ndarray, first_image: int) -> np.ndarray:
        outputs = products(index, values, first_image)
        if outputs.size < FEWEST * outputs.shape[-1]:
            return outputs
        mean, deviation = _moments(outputs)
        aim, width = wanted.mean[index], wanted.deviation[index]
        usable = (width > 0) & (deviation * LARGEST >= width)
        factor = np.where(usable, width / np.where(usable, deviation, 1.0), 1.0)
        scale[index] = place.array(factor.astype(np.float32))
        offset[index] = place.array((aim - factor * mean).astype(np.float32))
        return outputs * scale[index] + offset[index]

    run(network, images, fit, batch=len(images), place=place)
    return AdaptedProducts(network, products, tuple(scale), tuple(offset), place.device)


def layer_errors(
    products: Products, layers: Sequence, judged: Activations, device: Device | None = None
) -> np.ndarray:
    """MVM error of each product on the inputs that the exact network has, float64, percent.

    ``device``: that the values of ``judged`` are on; None: the host.

    sqrt(sum |y - y_ideal|**2 / sum |y_ideal|**2) over all images, positions and columns; NaN where
    y_ideal is zero.
    """
    xp = np if device is None else device.xp
    found = []
    for index, values in enumerate(judged.values):
        ideal = exact_on(device, layers[index], values).astype(float)
        found += [np.square(ideal).sum(), np.square(products(index, values, 0) - ideal).sum()]
    energy, residual = to_host(xp.stack(found)).reshape(-1, 2).T
    relative = np.divide(residual, energy, out=np.full(len(energy), np.nan), where=energy > 0)
    return 100 * np.sqrt(relative)
