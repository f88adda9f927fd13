"""The running mean of a network's weights, steadier than its last ones.

As in Tarvainen & Valpola, NeurIPS 2017, arXiv 1703.01780: an exponential mean over steps. Batch
norm's statistics and the converters' ranges are averaged with the same weights: between the
networks that enter, both change slowly.
"""

from copy import deepcopy
from typing import Any

import torch

from aimcsim.training.network import ResNet9


class Average:
    """A copy of a network that follows it; ``steps`` of them count."""

    def __init__(self, network: ResNet9, steps: float):
        self.network = deepcopy(network)
        self.steps = steps
        self.seen = 0
        mine, theirs = (
            [value for value in part.state_dict().values() if value.is_floating_point()]
            for part in (self.network, network)
        )
        self.mine, self.theirs = mine, theirs

    @torch.no_grad()
    def update(self) -> None:
        """Take in the network as it is: at first the plain mean of all, later the running one."""
        self.seen += 1
        torch._foreach_lerp_(self.mine, self.theirs, max(1 / self.seen, 1 / max(self.steps, 1)))

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`load_state_dict` goes on from."""
        return {"network": self.network.state_dict(), "seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.network.load_state_dict(state["network"])
        self.seen = state["seen"]
