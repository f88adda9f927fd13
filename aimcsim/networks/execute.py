"""Running a network on images: products by whoever computes them, all else digitally."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aimcsim.networks import operators
from aimcsim.networks.graph import PRODUCT, Network, Product, Products, Step
from aimcsim.networks.operators import AFFINE
from aimcsim.networks.windows import Windows, patches

BATCH = 16
"""Images at once: measured best for ResNet-9, whose values then stay in the cache."""


def run(
    network: Network,
    images: np.ndarray,
    product: Products,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Scores of every image.

    Parameters
    ----------
    network : as read by :func:`aimcsim.networks.onnx_reader.read_model`
    images : (images, *input_shape), any type of number; the network sees them as float32
    product : what computes the products
    batch : images at once, 1 or more; changes no score beyond the rounding of matrix products
    progress : called after every batch with the number of images done so far

    Returns
    -------
    float32 (images, classes)

    Raises
    ------
    ValueError
        ``batch`` is below 1, there are no images, or they have not the network's shape.
    """
    if batch < 1:
        raise ValueError(f"a batch of {batch} images; give 1 or more")
    if images.shape[1:] != network.input_shape or not len(images):
        raise ValueError(f"images of shape {images.shape}; give (images, *{network.input_shape})")
    plan = _plan(network)
    scores = []
    for start in range(0, len(images), batch):
        values = np.ascontiguousarray(images[start : start + batch], np.float32)
        scores.append(_run(network, plan, values, product, start))
        if progress:
            progress(start + len(values))
    return np.concatenate(scores)


@dataclass(frozen=True)
class ExactProducts:
    """The ideal products, in float32."""

    network: Network

    def __call__(self, index: int, values: np.ndarray, first_image: int) -> np.ndarray:
        """See :class:`aimcsim.networks.graph.Products`."""
        return exact(self.network.products[index], values)


@dataclass(frozen=True)
class Watched:
    """Products of another that shows every input first, as ranges are calibrated by."""

    product: Products
    look: Callable[[int, np.ndarray], None]
    """Called with the product's index and its inputs, which are not to be changed or kept."""

    def __call__(self, index: int, values: np.ndarray, first_image: int) -> np.ndarray:
        """See :class:`aimcsim.networks.graph.Products`."""
        self.look(index, values)
        return self.product(index, values, first_image)


def product_inputs(network: Network, images: np.ndarray, batch: int = BATCH) -> list[np.ndarray]:
    """Inputs of each product for a few images, float32, channels last, with ideal products."""
    seen: list[list[np.ndarray]] = [[] for _ in network.products]
    watched = Watched(
        ExactProducts(network), lambda index, values: seen[index].append(values.copy())
    )
    run(network, images, watched, batch)
    return [np.concatenate(batches) for batches in seen]


def exact(product: Product, values: np.ndarray) -> np.ndarray:
    """Ideal products of one layer: (images, ..., inputs) to (images, ..., outputs), float32."""
    if product.kernel == (1, 1) and product.strides == (1, 1) and not any(product.pads):
        return values @ product.matrix
    windows = Windows(product.kernel, product.strides, product.pads, product.dilations)
    seen = patches(values, windows)
    rows = seen.reshape(-1, len(product.matrix))
    return (rows @ product.matrix).reshape(*seen.shape[:3], -1)


@dataclass(frozen=True)
class _Planned:
    step: Step
    dead: tuple[str, ...]
    """Values that no later step needs."""
    overwrites: bool
    """The step's first input is a new array that nothing else uses: it becomes the result."""


def _plan(network: Network) -> list[_Planned]:
    uses = Counter(name for step in network.steps for name in step.inputs)
    uses[network.output] += 1
    last = {name: i for i, step in enumerate(network.steps) for name in step.inputs}
    fresh = {step.output for step in network.steps if step.operator in (PRODUCT, AFFINE)}
    planned = []
    for index, step in enumerate(network.steps):
        dead = tuple(
            name
            for name in dict.fromkeys(step.inputs)
            if last[name] == index and name not in network.constants and name != network.output
        )
        overwrites = (
            step.operator == AFFINE and step.inputs[0] in fresh and uses[step.inputs[0]] == 1
        )
        planned.append(_Planned(step, dead, overwrites))
    return planned


def _run(
    network: Network, plan: list[_Planned], values: np.ndarray, product: Products, first_image: int
) -> np.ndarray:
    held = {network.input: values, **network.constants}
    for planned in plan:
        step = planned.step
        inputs = [held[name] for name in step.inputs]
        try:
            held[step.output] = _result(network, planned, inputs, product, first_image)
        except Exception as error:
            error.add_note(f"{step.operator} '{step.name}'")
            raise
        for name in planned.dead:
            del held[name]
    return np.asarray(held[network.output], np.float32)


def _result(
    network: Network,
    planned: _Planned,
    inputs: list[np.ndarray],
    product: Products,
    first_image: int,
) -> np.ndarray:
    """What a step gives."""
    step = planned.step
    if step.operator == PRODUCT:
        index = step.attributes["product"]
        result = product(index, np.ascontiguousarray(inputs[0]), first_image)
        bias = network.products[index].bias
        if bias is not None:
            result += bias
        return result
    if planned.overwrites:
        operators.affine(*inputs, **step.attributes)
        return inputs[0]
    return operators.compute(step.operator, inputs, step.attributes)
