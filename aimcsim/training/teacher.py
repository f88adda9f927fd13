"""What a larger network says of the images, asked once for each variation of them."""

import torch

from aimcsim.training.machine import Answer


class Teacher:
    """A teacher's answers to the batches of a phase.

    Where variations of the images come again after some epochs, its answers are kept: a pass of a
    large teacher takes several times as long as one of training.
    """

    def __init__(self, answer: Answer, variations: int | None):
        """``variations``: epochs after which batches come again; None: they do not."""
        self._answer = answer
        self._kept: dict[tuple[int, int], torch.Tensor] | None = None if variations is None else {}

    def says(self, variation: int, batch: int, images: torch.Tensor) -> torch.Tensor:
        """Scores (images, classes) of ``images``, which are batch number ``batch`` of an epoch."""
        if self._kept is None:
            return self._answer(images)
        if (variation, batch) not in self._kept:
            # A copy: what a recorded answer returns is overwritten by the next.
            self._kept[variation, batch] = self._answer(images).clone()
        return self._kept[variation, batch]
