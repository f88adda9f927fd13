"""Neighbouring steps made one: what follows a product becomes one pass over its outputs.

Biases, batch norms, scales, residual sums and limits such as ReLU are all parts of one affine step
(see :data:`aimcsim.networks.operators.AFFINE`). Steps are joined only where nothing else uses the
value between them.
"""

import dataclasses
from collections import Counter

import numpy as np

from aimcsim.networks.graph import PRODUCT, Network, Product, Step
from aimcsim.networks.operators import AFFINE


def fuse(network: Network) -> Network:
    """``network`` with fewer steps and the same scores, to rounding."""
    joined = _Joined(network)
    for step in network.steps:
        joined.add(step)
    steps = tuple(joined.steps.values())
    used = {name for step in steps for name in step.inputs}
    return dataclasses.replace(
        network,
        steps=steps,
        constants={name: values for name, values in joined.constants.items() if name in used},
        products=tuple(joined.products),
    )


@dataclasses.dataclass(frozen=True)
class _Pass:
    """``values * scale + offset``, plus the sum with ``others``, of which there is one at most."""

    values: str
    scale: np.ndarray
    offset: np.ndarray
    others: tuple[str, ...] = ()


class _Joined:
    """Steps joined so far, by the name of their output."""

    def __init__(self, network: Network):
        self.steps: dict[str, Step] = {}
        self.constants = dict(network.constants)
        self.products: list[Product] = list(network.products)
        self._uses = Counter(name for step in network.steps for name in step.inputs)
        self._uses[network.output] += 1

    def add(self, step: Step) -> None:
        if step.operator == AFFINE:
            step = self._scaled(step)
        elif step.operator == "Clip":
            step = self._limited(step)
        elif step.attributes.get("same_shape"):
            step = self._summed(step)
        self.steps[step.output] = step

    def _scaled(self, step: Step) -> Step:
        before = self._take(step.inputs[0], summed=False)
        if before is None:
            return step
        scale, offset = self._pair(step)
        joined = _Pass(before.values, before.scale * scale, before.offset * scale + offset)
        return self._affine(step, joined)

    def _limited(self, step: Step) -> Step:
        before = self._take(step.inputs[0], summed=True)
        return step if before is None else self._affine(step, before, **step.attributes)

    def _summed(self, step: Step) -> Step:
        for name, other in (step.inputs, step.inputs[::-1]):
            before = self._take(name, summed=False)
            if before is not None:
                return self._affine(step, dataclasses.replace(before, others=(other,)))
        return step

    def _take(self, name: str, summed: bool) -> _Pass | None:
        """What gives ``name``, taken out of its step, where nothing else uses it.

        None where that is neither a product nor an affine step without limits; one with a sum
        counts where ``summed``.
        """
        before = self.steps.get(name)
        if before is None or self._uses[name] != 1:
            return None
        if before.operator == PRODUCT:
            bias = self._take_bias(before.attributes["product"])
            return _Pass(name, np.ones(len(bias)), bias)
        if before.operator != AFFINE or before.attributes:
            return None
        others = before.inputs[3:]
        if others and not summed:
            return None
        del self.steps[name]
        return _Pass(before.inputs[0], *self._pair(before), others)

    def _take_bias(self, index: int) -> np.ndarray:
        product = self.products[index]
        self.products[index] = dataclasses.replace(product, bias=None)
        if product.bias is None:
            return np.zeros(product.matrix.shape[1])
        return product.bias.astype(np.float64)

    def _pair(self, step: Step) -> tuple[np.ndarray, np.ndarray]:
        scale, offset = (self.constants[name].astype(np.float64) for name in step.inputs[1:3])
        return scale, offset

    def _affine(self, step: Step, joined: _Pass, **limits: float) -> Step:
        """An affine step in place of ``step``."""
        names = [f"{step.output}, scale", f"{step.output}, offset"]
        for name, numbers in zip(names, (joined.scale, joined.offset), strict=True):
            self.constants[name] = numbers.astype(np.float32)
        inputs = (joined.values, *names, *joined.others)
        return Step(AFFINE, step.name, inputs, step.output, limits)
