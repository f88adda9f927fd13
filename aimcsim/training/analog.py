"""A layer as a core will run it: converters on both sides, noise on the weights.

Hardware-aware training as in Joshi et al., Nat. Commun. 11, 2020,
doi 10.1038/s41467-020-16108-9, and Rasch et al., Nat. Commun. 14, 2023,
doi 10.1038/s41467-023-40770-4: forward and backward pass see noisy weights and quantised values,
the step changes the clean weights.
"""

import torch
from torch import nn
from torch.nn import functional

from aimcsim.networks.resnet9_layers import AnalogLayer

RANGE_MOMENTUM = 0.01
"""Weight of one batch in the running ranges of the converters."""

RANGE_IMAGES = 16
"""Images of a batch that the ranges follow; all of them would cost 5 % of the training's time."""


class Round(torch.autograd.Function):
    """Rounding to multiples of a step; the gradient passes straight through."""

    @staticmethod
    def forward(ctx, values, step):
        """``values`` at the nearest multiples of ``step``, a tensor of one float."""
        return torch.round(values * (1 / step)) * step

    @staticmethod
    def backward(ctx, gradient):
        """The gradient as it came."""
        return gradient, None


def converted(values: torch.Tensor, largest: torch.Tensor, bits: int) -> torch.Tensor:
    """``values`` clipped at +- ``largest`` and rounded to 2**bits - 1 levels.

    The gradient passes where nothing is clipped. ``largest`` is a tensor, for what is compiled
    with a number would have to be compiled anew for the next.
    """
    largest = largest.to(values.dtype)
    levels = 2 ** (bits - 1) - 1
    return Round.apply(torch.clamp(values, -largest, largest), largest / levels)


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
        # Drawn outside of what is compiled; never part of a checkpoint.
        self.register_buffer("noise", torch.zeros_like(weight), persistent=False)
        self.converter_bits: int | None = None
        """Bits of the converters on both sides; None: none."""
        self.range_momentum = 0.0
        """Weight of a batch in the ranges; 0 leaves them as they are."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(images, inputs, height, width) -> (images, outputs, height', width')."""
        values = self._convert(values, self.input_range)
        products = functional.conv2d(
            values,
            self.weight + self.noise,
            stride=self.layer.stride,
            padding=self.layer.kernel // 2,
        )
        return self._convert(products, self.output_range)

    @torch.no_grad()
    def set_noise(self, draws: torch.Tensor, noise: float) -> None:
        """Noise that the weights have until the next: ``draws``, standard normal, one per weight.

        ``noise`` is its standard deviation, as share of the largest weight.
        """
        largest = noise * self.weight.abs().max()
        torch.mul(draws.view(self.weight.shape), largest, out=self.noise)

    def _convert(self, values: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        if self.range_momentum:
            seen = values.detach()[:RANGE_IMAGES].abs().amax(dim=(1, 2, 3)).float().mean()
            with torch.no_grad():
                largest.lerp_(seen.clamp_min(torch.finfo(seen.dtype).tiny), self.range_momentum)
        if self.converter_bits is None:
            return values
        return converted(values, largest, self.converter_bits)

    @torch.no_grad()
    def clip(self, sigmas: float) -> None:
        """Clip the weights at +- ``sigmas`` of their standard deviations."""
        bound = sigmas * self.weight.std()
        self.weight.clamp_(-bound, bound)
