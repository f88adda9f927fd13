"""Images on their way into the network: normalised, and varied in training."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from aimcsim.networks.cifar10 import Images
from aimcsim.training.settings import Augmentation


def statistics(images: Images) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each colour, float32 (3,), in units of a pixel's 0 to 255."""
    # Over counts of the 256 values: exact, and without a copy of all images in float64.
    values = np.arange(256)
    counts = (
        np.stack([np.bincount(images.pixels[:, c].ravel(), minlength=256) for c in range(3)])
        / images.pixels[:, 0].size
    )
    mean = counts @ values
    deviation = np.sqrt(counts @ values**2 - mean**2)
    return mean.astype(np.float32), np.maximum(deviation, 1).astype(np.float32)


class Normaliser:
    """uint8 pixels to float32 of mean 0 and standard deviation 1, in channels-last layout."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray, device: torch.device | None = None):
        self.mean = torch.from_numpy(mean).reshape(1, 3, 1, 1).to(device)
        self.deviation = torch.from_numpy(deviation).reshape(1, 3, 1, 1).to(device)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """(images, 3, height, width) to the same shape, on the normaliser's device."""
        pixels = pixels.to(self.mean.device)
        values = (pixels.float() - self.mean) / self.deviation
        return values.contiguous(memory_format=torch.channels_last)


class TrainingBatches:
    """Shuffled, varied batches of an epoch, the same whenever the epoch is run again.

    Images and batches are on the normaliser's device; draws are the CPU's on any device.
    """

    def __init__(self, images: Images, settings: Augmentation, batch: int, normalise: Normaliser):
        shift = (settings.shift, settings.shift)
        self.size = settings.crop or images.pixels.shape[-1]
        self.device = normalise.mean.device
        padded = torch.from_numpy(np.pad(images.pixels, ((0, 0), (0, 0), shift, shift), "reflect"))
        padded = padded.to(self.device)
        # (images, 3, row shifts, column shifts, side, side): all crops, as a view.
        self.crops = padded.unfold(2, self.size, 1).unfold(3, self.size, 1)
        self.labels = torch.from_numpy(images.labels.astype(np.int64)).to(self.device)
        self.settings, self.batch, self.normalise = settings, batch, normalise

    def __len__(self) -> int:
        """Batches of an epoch. Images that fill no batch are left to another epoch's shuffle."""
        return max(1, len(self.labels) // self.batch)

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of (images, 3, side, side) float32 and labels (images,) int64."""
        count = min(len(self) * self.batch, len(self.labels))

        def draw(end: int) -> Sequence[torch.Tensor]:
            # Drawn and moved to the device at once: a number for each batch would wait for it.
            drawn = torch.randint(end, (count,), generator=generator)
            return drawn.to(self.device).split(self.batch)

        order = torch.randperm(len(self.labels), generator=generator)[:count]
        batches = order.to(self.device).split(self.batch)
        rows, columns = draw(self.crops.shape[2]), draw(self.crops.shape[3])
        mirrored, tops, lefts = draw(2), draw(self.size), draw(self.size)
        for index, chosen in enumerate(batches):
            values = self.normalise(self.crops[chosen, :, rows[index], columns[index]])
            if self.settings.flip:
                mirror = mirrored[index].bool().reshape(-1, 1, 1, 1)
                values = torch.where(mirror, values.flip(3), values)
            if self.settings.cutout:
                values = self._cut_out(values, tops[index], lefts[index])
            yield values, self.labels[chosen]

    def _cut_out(
        self, values: torch.Tensor, tops: torch.Tensor, lefts: torch.Tensor
    ) -> torch.Tensor:
        """``values`` without a square each, whose centre lies anywhere; at the edge it is cut."""
        side = self.settings.cutout
        place = torch.arange(self.size, device=self.device)
        top, left = tops[:, None] - side // 2, lefts[:, None] - side // 2
        rows = (place >= top) & (place < top + side)
        columns = (place >= left) & (place < left + side)
        return values.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)
