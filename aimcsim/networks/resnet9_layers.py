"""Which analog layers ResNet-9 has, without any deep-learning package.

Nine weighted layers on the main path, and one 1 x 1 convolution on a side path:

    image -> prep -> stem -> [stage1a -> stage1b] + identity
          -> [stage2a (stride 2) -> stage2b] + shortcut(mean of 2 x 2)
          -> [stage3a (stride 2) -> stage3b] + mean of 2 x 2
          -> mean over the image -> classifier

Each convolution is followed by batch norm; ReLU follows prep, stem, the first layer of a stage
and each sum. Batch norm, ReLU, means, sums and the classifier's bias are digital. Without the
1 x 1 layer the second sum would lack channels; the third sum has as many on both sides where the
last two widths are equal, else ``shortcut3`` adapts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

CLASSES = 10
IMAGE_CHANNELS = 3


@dataclass(frozen=True)
class AnalogLayer:
    """A layer whose products run on cores: a convolution, or a matrix where ``kernel`` is 1.

    As a matrix it has ``rows`` inputs, ordered (input channel, kernel row, kernel column), and
    ``columns`` outputs.
    """

    name: str
    inputs: int
    """Input channels."""
    columns: int
    """Output channels."""
    kernel: int = 1
    """Side of the square kernel, pixels; the image is padded with zeros by half of it."""
    stride: int = 1
    """Pixels from one position to the next."""

    @property
    def rows(self) -> int:
        """Inputs of the matrix."""
        return self.inputs * self.kernel**2


def analog_layers(widths: Sequence[int]) -> tuple[AnalogLayer, ...]:
    """Analog layers of ResNet-9 whose three stages have ``widths`` channels, in order of use."""
    first, second, third = widths
    adapted = (AnalogLayer("shortcut3", second, third),) if second != third else ()
    return (
        AnalogLayer("prep", IMAGE_CHANNELS, first, 3),
        AnalogLayer("stem", first, first, 3),
        AnalogLayer("stage1a", first, first, 3),
        AnalogLayer("stage1b", first, first, 3),
        AnalogLayer("stage2a", first, second, 3, 2),
        AnalogLayer("stage2b", second, second, 3),
        AnalogLayer("shortcut2", first, second),
        AnalogLayer("stage3a", second, third, 3, 2),
        AnalogLayer("stage3b", third, third, 3),
        *adapted,
        AnalogLayer("classifier", third, CLASSES),
    )
