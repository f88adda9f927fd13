"""ResNet-9 in PyTorch, as :mod:`aimcsim.networks.resnet9_layers` describes it."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, relu

from aimcsim.networks.resnet9_layers import analog_layers
from aimcsim.training.analog import Analog

CLASSIFIER = "classifier"


class BatchNorm(nn.BatchNorm2d):
    """Batch norm whose compiled form reads its values once for both statistics, not twice.

    The variance is mean of squares less square of mean, in float32. Of what a convolution gives,
    the mean is no more than a few deviations, so little of it is lost.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(images, channels, height, width) to the same shape."""
        if not (self.training and torch.compiler.is_compiling()):
            return super().forward(values)
        wide = values.float()
        mean, square = wide.mean(dim=(0, 2, 3)), (wide * wide).mean(dim=(0, 2, 3))
        variance = (square - mean * mean).clamp_min(0)
        with torch.no_grad():
            count = values.numel() // values.shape[1]
            unbiased = variance * (count / max(count - 1, 1))
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        offset = self.bias - mean * scale
        return (wide * scale[:, None, None] + offset[:, None, None]).to(values.dtype)


class ResNet9(nn.Module):
    """The network; ``analog`` holds its analog layers and ``norm`` their batch norms, by name."""

    def __init__(self, widths: Sequence[int], generator: torch.Generator):
        super().__init__()
        layers = analog_layers(widths)
        self.analog = nn.ModuleDict({layer.name: Analog(layer, generator) for layer in layers})
        self.norm = nn.ModuleDict(
            {layer.name: BatchNorm(layer.columns) for layer in layers if layer.name != CLASSIFIER}
        )
        self.bias = nn.Parameter(torch.zeros(self.analog[CLASSIFIER].layer.columns))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(images, 3, 32, 32), normalised -> scores (images, 10)."""
        values = relu(self._layer("stem", relu(self._layer("prep", images))))
        values = self._stage("stage1", values, values)
        values = self._stage("stage2", values, self._layer("shortcut2", avg_pool2d(values, 2)))
        side = avg_pool2d(values, 2)
        if "shortcut3" in self.analog:
            side = self._layer("shortcut3", side)
        values = self._stage("stage3", values, side)
        values = values.mean(dim=(2, 3), keepdim=True)
        return self.analog[CLASSIFIER](values).flatten(1) + self.bias

    def _layer(self, name: str, values: torch.Tensor) -> torch.Tensor:
        return self.norm[name](self.analog[name](values))

    def _stage(self, name: str, values: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
        inner = relu(self._layer(f"{name}a", values))
        return relu(side + self._layer(f"{name}b", inner))

    def layers(self) -> Iterable[Analog]:
        """Analog layers in order of use."""
        return self.analog.values()

    def draw_noise(self, noise: float, generator: torch.Generator | None = None) -> None:
        """Draw anew the noise on all weights; its standard deviation as share of a layer's largest.

        0 takes all noise away.
        """
        if not noise:
            for layer in self.layers():
                layer.noise.zero_()
            return
        counts = [layer.weight.numel() for layer in self.layers()]
        # All at once: a device would be waited for at every layer.
        drawn_on = None if generator is None else generator.device
        draws = torch.randn(sum(counts), generator=generator, device=drawn_on)
        draws = draws.to(self.bias.device)
        for layer, own in zip(self.layers(), draws.split(counts), strict=True):
            layer.set_noise(own, noise)

    def set_converters(self, bits: int | None, range_momentum: float = 0) -> None:
        """Bits of all converters from now on, and the weight of a batch in their ranges."""
        for layer in self.layers():
            layer.converter_bits, layer.range_momentum = bits, range_momentum
