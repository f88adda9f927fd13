"""Steps of equal size in all directions of a matrix, in place of steps along the gradient.

Muon, Jordan et al., 2024, https://kellerjordan.github.io/posts/muon: the momentum of a layer's
gradient is replaced by the orthogonal matrix nearest to it. Weights keep their norm, for batch norm
takes it out again: the learning rate is a turn, relative to the weights, and nothing decays.
"""

from collections.abc import Iterable

import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration, which brings singular values to 0.7 to 1.2; from the source."""

ITERATIONS = 5
"""As the source has them."""


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About the orthogonal matrix nearest to ``matrix``, by matrix products alone."""
    wide = matrix.shape[0] <= matrix.shape[1]
    found = matrix if wide else matrix.T
    found = found / (found.norm() + torch.finfo(found.dtype).tiny)
    first, third, fifth = NEWTON_SCHULZ
    for _ in range(ITERATIONS):
        gram = found @ found.T
        found = first * found + (third * gram + fifth * gram @ gram) @ found
    return found if wide else found.T


class Muon(torch.optim.Optimizer):
    """Muon for weights of (outputs, ...) that batch norm follows; their norm becomes sqrt(outputs).

    ``lr`` is the step as a share of that norm, about, where inputs are more than outputs.
    """

    def __init__(self, params: Iterable, lr: float | torch.Tensor, momentum: float):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step along the gradients that the weights hold."""
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["mean"] = torch.zeros_like(weight)
                mean = state["mean"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(mean, group["momentum"])
                turn = orthogonal(ahead.flatten(1)).reshape(weight.shape)
                outputs, inputs = len(weight), weight[0].numel()
                weight.sub_(turn * (group["lr"] * max(1, outputs / inputs) ** 0.5))
                weight.mul_(outputs**0.5 / weight.norm())
