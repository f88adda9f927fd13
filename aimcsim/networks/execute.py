"""Running a network on images: products by whoever computes them, all else digitally."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aimcsim.common.arrays import to_host
from aimcsim.common.errors import UserError
from aimcsim.networks import operators
from aimcsim.networks.graph import PRODUCT, Network, Product, Products, Step
from aimcsim.networks.operators import AFFINE
from aimcsim.networks.windows import Windows, patches

if TYPE_CHECKING:  # what reads networks runs them, and needs no kernels
    from aimcsim.kernels.interface import Device

BATCH = 16
"""Images at once, at least: measured best for ResNet-9, whose values then stay in the cache."""
CACHED = 1 << 20
"""Bytes of values up to which more are taken: of small networks the calls are all that costs. Ours,
a share of the cache; the time of a perceptron of 64 inputs was measured with it and without."""


class Place(Protocol):
    """Where the values of one network are, and what computes its digital steps there."""

    @property
    def device(self) -> "Device | None":
        """That the values are on; None: the host."""

    @property
    def constants(self) -> Mapping[str, Any]:
        """:attr:`aimcsim.networks.graph.Network.constants`, there."""

    @property
    def biases(self) -> Sequence[Any]:
        """Of each product, there; None: none."""

    @property
    def out_of_memory(self) -> type[Exception] | tuple[type[Exception], ...]:
        """The errors of a batch that does not fit."""

    def batch(self, images: int, bytes_of_one: Callable[[], int]) -> int:
        """Images to take at once of so many; an image takes ``bytes_of_one()``."""

    def array(self, array: np.ndarray) -> Any:
        """An array there of one of the host."""

    def kept(self, images: np.ndarray) -> Any:
        """``images`` there, for more than one run; or as they are, where they take much room."""

    def values(self, images: Any) -> Any:
        """Some images as the network sees them: float32, there."""

    def contiguous(self, values: Any) -> Any:
        """The same values, C-contiguous."""

    def exact(self, product: Product, values: Any) -> Any:
        """See :func:`exact`."""

    def affine(
        self, values: Any, scale: Any, offset: Any, other: Any = None, **limits: float
    ) -> None:
        """See :func:`aimcsim.networks.operators.affine`."""

    def compute(self, operator: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        """See :func:`aimcsim.networks.operators.compute`."""


class OnHost:
    """Values are NumPy arrays: see :class:`Place`."""

    device: "Device | None" = None
    out_of_memory: tuple[type[Exception], ...] = ()

    def __init__(self, network: Network):
        self.constants = network.constants
        self.biases = [product.bias for product in network.products]

    def batch(self, images: int, bytes_of_one: Callable[[], int]) -> int:
        # Few images are not worth the pass over one by which its bytes are known.
        return BATCH if images <= BATCH else max(BATCH, CACHED // bytes_of_one())

    def array(self, array: np.ndarray) -> np.ndarray:
        return array

    def kept(self, images: np.ndarray) -> np.ndarray:
        return images

    def values(self, images: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(images, np.float32)

    def contiguous(self, values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values)

    def exact(self, product: Product, values: np.ndarray) -> np.ndarray:
        return exact(product, values)

    def affine(
        self, values: Any, scale: Any, offset: Any, other: Any = None, **limits: float
    ) -> None:
        operators.affine(values, scale, offset, other, **limits)

    def compute(self, operator: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        return operators.compute(operator, inputs, attributes)


def run(
    network: Network,
    images: Any,
    product: Products,
    batch: int | None = None,
    progress: Callable[[int], None] | None = None,
    place: Place | None = None,
) -> np.ndarray:
    """Scores of every image.

    Parameters
    ----------
    network : as read by :func:`aimcsim.networks.onnx_reader.read_model`
    images : (images, *input_shape), any type of number; the network sees them as float32
    product : what computes the products, of values where ``place`` has them
    batch : images at once, 1 or more; changes no score beyond the rounding of matrix products;
        None: what ``place`` takes best
    progress : called after every batch with the number of images done so far
    place : where all else is computed; None: on the host. ``images`` may be there already

    Returns
    -------
    float32 (images, classes)

    Raises
    ------
    ValueError
        ``batch`` is below 1, there are no images, or they have not the network's shape.
    UserError
        A device's memory does not hold a ``batch``, or where that is None a single image.
    """
    if batch is not None and batch < 1:
        raise ValueError(f"a batch of {batch} images; give 1 or more")
    if images.shape[1:] != network.input_shape or not len(images):
        raise ValueError(f"images of shape {images.shape}; give (images, *{network.input_shape})")
    job = _Job(network, _plan(network), product, place or OnHost(network))
    whole, scores, done = batch, [], 0
    while done < len(images):
        try:
            batch = batch or job.place.batch(len(images), lambda: job.bytes_of(images[:1]))
            scores.append(job.scores(images[done : done + batch], done))
        except job.place.out_of_memory as error:
            reason = str(error)
        else:
            done += len(scores[-1])
            if progress:
                progress(done)
            continue
        # Behind the handler, which keeps the arrays of the failed batch alive.
        if whole or job.place.device is None or (batch or 1) == 1:
            raise UserError(
                "the device's memory does not hold the network's values for "
                f"{batch or 'one'} image(s) at once ({reason}). Set execution.backend: cpu, or end "
                "what else uses the device."
            )
        batch = (batch or 1) // 2
        job.place.device.release()
    return np.concatenate(scores)


@dataclass(frozen=True)
class ExactProducts:
    """The ideal products, in float32, of values where ``place`` has them; None: on the host."""

    network: Network
    place: Place | None = None

    def __call__(self, index: int, values: np.ndarray, first_image: int) -> np.ndarray:
        """See :class:`aimcsim.networks.graph.Products`."""
        compute = self.place.exact if self.place else exact
        return compute(self.network.products[index], values)


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


def product_inputs(
    network: Network, images: np.ndarray, batch: int = BATCH, place: Place | None = None
) -> list[Any]:
    """Inputs of each product for a few images, float32, channels last, with ideal products."""
    place = place or OnHost(network)
    seen: list[list[Any]] = [[] for _ in network.products]
    watched = Watched(
        ExactProducts(network, place),
        lambda index, values: seen[index].append(values.copy()),
    )
    run(network, images, watched, batch, place=place)
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


@dataclass(frozen=True)
class _Job:
    """A network on images, batch by batch."""

    network: Network
    plan: list[_Planned]
    product: Products
    place: Place

    def scores(
        self,
        images: Any,
        first_image: int,
        look: Callable[[Mapping[str, Any], Any], None] = lambda held, result: None,
    ) -> np.ndarray:
        """float32 (images, classes); ``look`` is shown the values before a step, and its result."""
        values, place = self.place.values(images), self.place
        held = {self.network.input: values, **place.constants}
        for planned in self.plan:
            step = planned.step
            inputs = [held[name] for name in step.inputs]
            try:
                result = self._result(planned, inputs, first_image)
            except place.out_of_memory:
                raise
            except Exception as error:
                error.add_note(f"{step.operator} '{step.name}'")
                raise
            look(held, result)
            held[step.output] = result
            for name in planned.dead:
                del held[name]
        return np.asarray(to_host(held[self.network.output]), np.float32)

    def bytes_of(self, image: Any) -> int:
        """Of the values of one image, at the peak, with what products need beside them.

        By exact products: what is given may note each image that it sees.
        """
        peak = 0

        def look(held: Mapping[str, Any], result: Any) -> None:
            nonlocal peak
            own = [v.nbytes for name, v in held.items() if name not in self.network.constants]
            # In frames, before and behind the converters, the variance of reads.
            peak = max(peak, sum(own) + 2 * max(own) + 3 * result.nbytes)

        replace(self, product=ExactProducts(self.network, self.place)).scores(image, 0, look)
        return peak

    def _result(self, planned: _Planned, inputs: list[Any], first_image: int) -> Any:
        """What a step gives."""
        step, place = planned.step, self.place
        if step.operator == PRODUCT:
            index = step.attributes["product"]
            result = self.product(index, place.contiguous(inputs[0]), first_image)
            if place.biases[index] is not None:
                result += place.biases[index]
            return result
        if planned.overwrites:
            place.affine(*inputs, **step.attributes)
            return inputs[0]
        return place.compute(step.operator, inputs, step.attributes)
