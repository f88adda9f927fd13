"""A network as steps: products, which cores can do, and digital operators between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from aimcsim.mapping.dataset import LeftOut

PRODUCT = "Product"
"""Operator of the steps that are products; their attribute ``product`` indexes
:attr:`Network.products`."""


@dataclass(frozen=True)
class Product:
    """A layer whose products can run on cores: a convolution, or a matrix where ``kernel`` is 1.

    Values and outputs have channels last: (images, height, width, channels) for a convolution,
    (images, ..., features) for a matrix.
    """

    name: str
    matrix: np.ndarray
    """Weights, float32 (rows, columns), without unit; rows are ordered (input channel, kernel row,
    kernel column)."""
    kernel: tuple[int, int] = (1, 1)
    """Extents of the kernel, pixels."""
    strides: tuple[int, int] = (1, 1)
    """From one position to the next, pixels."""
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Zeros around the image: top, left, bottom, right, pixels."""
    dilations: tuple[int, int] = (1, 1)
    """From one point of the kernel to the next, pixels."""
    bias: np.ndarray | None = None
    """float32 (columns,), added digitally; None: none."""
    source: str = ""
    """Name of the model's constant that the matrix is made of."""
    stored_as: str = ""
    """Type of that constant in the file, and what it was multiplied with."""

    @property
    def channels(self) -> int:
        """Input channels, or features."""
        return self.matrix.shape[0] // (self.kernel[0] * self.kernel[1])


@dataclass(frozen=True)
class Step:
    """One operator: it takes values by name and gives one."""

    operator: str
    """As ONNX names it, or :data:`PRODUCT`."""
    name: str
    """For messages."""
    inputs: tuple[str, ...]
    """Names of values of other steps, of the network's input, or of its constants; "": left out."""
    output: str
    attributes: Mapping[str, Any]
    """Axes are those of the stored values, whose channels come last."""


@dataclass(frozen=True)
class Network:
    """Steps in an order in which each finds its inputs."""

    input: str
    """Name of the only input: one image, or vector, per example."""
    input_shape: tuple[int, ...]
    """Shape of one example: (channels, height, width), or (features,)."""
    output: str
    """Name of the value taken as scores, (images, classes)."""
    steps: tuple[Step, ...]
    constants: Mapping[str, np.ndarray]
    products: tuple[Product, ...]
    """In order of use."""
    left_out: tuple[LeftOut, ...] = ()
    """Arrays of the model that are no product's."""


class Products(Protocol):
    """What computes the products of a network: ideally, or on programmed cores."""

    def __call__(self, index: int, values: np.ndarray, first_image: int) -> np.ndarray:
        """Products of one layer for a batch of images.

        Parameters
        ----------
        index : which of :attr:`Network.products`
        values : float32, channels last: (images, height, width, channels), or (images, ...,
            features) where the layer is a matrix; not to be changed
        first_image : number of the first image of the batch among all images of the run. It is
            the address of what is drawn per image, so that no result depends on the batch

        Returns
        -------
        float32, channels last, without bias. A new array, C-contiguous: the caller changes it.
        """
        ...
