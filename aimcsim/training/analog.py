"""A layer as a core will run it: converters on both sides, noise on the weights.

Hardware-aware training as in Joshi et al., Nat. Commun. 11, 2020,
doi 10.1038/s41467-020-16108-9, and Rasch et al., Nat. Commun. 14, 2023,
doi 10.1038/s41467-023-40770-4: forward and backward pass see noisy weights and quantised values,
the step changes the clean weights.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from aimcsim.networks.resnet9_layers import AnalogLayer

RANGE_MOMENTUM = 0.01
"""Weight of one batch in the running ranges of the converters."""

RANGE_IMAGES = 16
"""Images of a batch that the ranges follow; all of them would cost 5 % of the training's time."""


@dataclass(frozen=True)
class Hardware:
    """What a pass through an analog layer includes."""

    weight_noise: float = 0.0
    """Standard deviation of the weights' noise, as share of the layer's largest weight."""
    converter_bits: int | None = None
    """Bits of the converters on both sides; None: none."""
    generator: torch.Generator | None = None
    """Where noise is drawn from; None: PyTorch's own."""


class Round(torch.autograd.Function):
    """Rounding to multiples of a step; the gradient passes straight through."""

    @staticmethod
    def forward(ctx, values, step):
        """``values`` at the nearest multiples of ``step``, a float."""
        return (values * (1 / step)).round_().mul_(step)

    @staticmethod
    def backward(ctx, gradient):
        """The gradient as it came."""
        return gradient, None


def converted(values: torch.Tensor, largest: float, bits: int) -> torch.Tensor:
    """``values`` clipped at +- ``largest`` and rounded to 2**bits - 1 levels.

    The gradient passes where nothing is clipped.
    """
    levels = 2 ** (bits - 1) - 1
    return Round.apply(functional.hardtanh(values, -largest, largest), largest / levels)


class Analog(nn.Module):
    """Convolution, or matrix, whose products run on cores. Batch norm and bias come after it.

    ``weight`` is (outputs, inputs, kernel, kernel). The ranges of the converters,
    ``input_range`` and ``output_range``, are running means of the largest magnitude in an image:
    one outlier among the images does not spread the grid for all.
    """

    def __init__(self, layer: AnalogLayer, generator: torch.Generator):
        super().__init__()
        self.layer = layer
        weight = torch.empty(layer.columns, layer.inputs, layer.kernel, layer.kernel)
        nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
        self.weight = nn.Parameter(weight)
        self.register_buffer("input_range", torch.zeros(()))
        self.register_buffer("output_range", torch.zeros(()))
        self.hardware = Hardware()
        self.range_momentum = 0.0
        """Weight of a batch in the ranges; 0 leaves them as they are."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(images, inputs, height, width) -> (images, outputs, height', width')."""
        bits = self.hardware.converter_bits
        values = self._convert(values, self.input_range, bits)
        products = functional.conv2d(
            values, self._noisy_weight(), stride=self.layer.stride, padding=self.layer.kernel // 2
        )
        return self._convert(products, self.output_range, bits)

    def _noisy_weight(self) -> torch.Tensor:
        if not self.hardware.weight_noise:
            return self.weight
        return self.weight + self._noise(self.hardware.weight_noise, self.hardware.generator)

    @torch.no_grad()
    def _noise(self, noise: float, generator: torch.Generator | None) -> torch.Tensor:
        draws = torch.randn(self.weight.shape, generator=generator)
        return noise * self.weight.abs().max() * draws

    @torch.no_grad()
    def perturb(self, noise: float, generator: torch.Generator) -> None:
        """Add one draw of noise to the weights, for good."""
        self.weight += self._noise(noise, generator)

    def _convert(self, values: torch.Tensor, largest: torch.Tensor, bits: int | None):
        if self.range_momentum:
            seen = values.detach()[:RANGE_IMAGES].abs().amax(dim=(1, 2, 3)).float().mean()
            largest.lerp_(seen.clamp_min(torch.finfo(seen.dtype).tiny), self.range_momentum)
        return values if bits is None else converted(values, float(largest), bits)

    @torch.no_grad()
    def clip(self, sigmas: float) -> None:
        """Clip the weights at +- ``sigmas`` of their standard deviations."""
        bound = float(sigmas * self.weight.std())
        self.weight.clamp_(-bound, bound)
