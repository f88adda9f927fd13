"""ResNet-9 in PyTorch, as :mod:`aimcsim.networks.resnet9_layers` describes it."""

from collections.abc import Iterable, Sequence
from copy import deepcopy

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, relu

from aimcsim.networks.resnet9_layers import analog_layers
from aimcsim.training.analog import Analog, Hardware

CLASSIFIER = "classifier"


class ResNet9(nn.Module):
    """The network; ``analog`` holds its analog layers and ``norm`` their batch norms, by name."""

    def __init__(self, widths: Sequence[int], generator: torch.Generator):
        super().__init__()
        layers = analog_layers(widths)
        self.analog = nn.ModuleDict({layer.name: Analog(layer, generator) for layer in layers})
        self.norm = nn.ModuleDict(
            {
                layer.name: nn.BatchNorm2d(layer.columns)
                for layer in layers
                if layer.name != CLASSIFIER
            }
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

    def perturbed(self, noise: float, generator: torch.Generator) -> "ResNet9":
        """A copy whose weights have one draw of Gaussian noise, as a programmed chip's have.

        ``noise`` is its standard deviation, as share of a layer's largest weight.
        """
        copy = deepcopy(self)
        for layer in copy.layers():
            layer.perturb(noise, generator)
        return copy

    def layers(self) -> Iterable[Analog]:
        """Analog layers in order of use."""
        return self.analog.values()

    def set_hardware(self, hardware: Hardware) -> None:
        """Let every analog layer see ``hardware`` from now on."""
        for layer in self.layers():
            layer.hardware = hardware

    def set_range_momentum(self, momentum: float) -> None:
        """Weight of every further batch in the converters' ranges."""
        for layer in self.layers():
            layer.range_momentum = momentum
