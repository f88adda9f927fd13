"""Layers of many geometries, and cores that hold them."""

from collections.abc import Sequence

import numpy as np

from aimcsim.mapping.tiles import Tile, split
from aimcsim.networks.graph import Network, Product

GEOMETRIES = {
    "same": {"kernel": (3, 3), "pads": (1, 1, 1, 1)},
    "strides": {"kernel": (3, 3), "strides": (2, 3), "pads": (1, 1, 1, 1)},
    "dilated": {"kernel": (3, 2), "dilations": (2, 3), "pads": (2, 0, 1, 3)},
    "uneven": {"kernel": (2, 4), "strides": (1, 2), "pads": (0, 3, 1, 2)},
    "point": {"kernel": (1, 1)},
    "padded point": {"kernel": (1, 1), "pads": (1, 0, 0, 2)},
    "sparse point": {"kernel": (1, 1), "strides": (2, 2)},
}


def layer(geometry: str, channels: int = 5, columns: int = 7, seed: int = 0) -> Product:
    """A convolution with normal weights."""
    settings = GEOMETRIES[geometry]
    rows = channels * int(np.prod(settings["kernel"]))
    matrix = np.random.default_rng(seed).normal(0, 0.2, (rows, columns)).astype(np.float32)
    return Product(geometry, matrix, **settings)


def images(product: Product, count: int = 3, height: int = 9, width: int = 8, seed: int = 1):
    """Normal values, (count, height, width, channels)."""
    shape = (count, height, width, product.channels)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network(*products: Product) -> Network:
    """Products without any wiring: for what takes them one by one."""
    return Network("image", (1,), "scores", (), {}, products)


def tiles_of(products: Sequence[Product], rows: int = 17, columns: int = 4) -> list[Tile]:
    """On small cores, a scale per column: pieces end within channels and between columns."""
    return split([product.matrix for product in products], rows, columns, "column")


def one_by_one(*batches: np.ndarray):
    """In place of running a network: each product gets one of ``batches``, image by image."""

    def run(network, images, products):
        for image in images:
            for index, values in enumerate(batches):
                products(index, values[image : image + 1], image)

    return run
