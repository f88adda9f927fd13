"""What training makes small: errors of answers, and distance to those of a teacher."""

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Loss:
    """Cross entropy, and where there is a teacher, distance to its answers.

    Distillation as in Hinton et al., arXiv 1503.02531, 2015: Kullback-Leibler divergence of the
    answers at ``temperature``, times its square, so that gradients keep their size.
    """

    label_smoothing: float
    """Share of a label spread over all."""
    share: float = 0.0
    """Of the distance to the teacher; the rest is cross entropy."""
    temperature: float = 1.0

    def __call__(
        self, scores: torch.Tensor, labels: torch.Tensor, taught: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Mean loss of ``scores`` (images, classes), of ``labels`` and, if given, of the teacher's
        scores ``taught``."""
        own = functional.cross_entropy(scores, labels, label_smoothing=self.label_smoothing)
        if taught is None:
            return own
        answers, right = (
            functional.log_softmax(values / self.temperature, dim=1) for values in (scores, taught)
        )
        distance = functional.kl_div(answers, right, reduction="batchmean", log_target=True)
        return (1 - self.share) * own + self.share * self.temperature**2 * distance
