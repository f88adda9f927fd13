"""What a shard is to do, read from its JSON file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.interface import Device
from aimcsim.chip.devices.registry import DEVICES
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core, Wires
from aimcsim.common.errors import UserError
from aimcsim.evaluation.refresh import Refresh
from aimcsim.programming.settings import Hadamard, Iterative, OpenLoop
from aimcsim.shards.points import point_id

ITERATIVE = "iterative"


@dataclass(frozen=True)
class ShardSpec:
    """A shard's description, read from its JSON file."""

    weight_set: str
    seed: int
    cores: np.ndarray  # int (K,), chip instances
    points: list[dict[str, Any]]
    core: Core
    device: Device
    defects: Defects
    wires: Wires
    periphery: Periphery
    iterative: Iterative
    methods: tuple[str, ...]  # beside iterative and GDP, in the order of results
    hadamard: Hadamard
    open_loop: OpenLoop
    backend: str
    text: str
    refresh: Refresh | None = None

    @property
    def baselines(self) -> list[str]:
        """Methods that know no hyperparameter point."""
        return [ITERATIVE, *self.methods]

    @property
    def states(self) -> list[str]:
        """Names of the programmed states of a core: the baselines, then every point."""
        return [*self.baselines, *(point_id(point) for point in self.points)]

    @property
    def corrected(self) -> bool:
        """Whether any state comes with a digital scale and offset per column."""
        return any(point["affine"] != "none" for point in self.points)

    @property
    def longest(self) -> int:
        """Iterations that the longest run can have."""
        # Max fill tunes two devices per cell, one after the other.
        rounds = 2 if self.core.unit_cell == "max_fill" else 1
        budgets = [rounds * self.iterative.iterations]
        if "hadamard" in self.methods:
            budgets.append(self.hadamard.iterations)
        return max(budgets + [point["iterations"] for point in self.points])


def read_spec(path: Path) -> ShardSpec:
    """Read a shard's description; a :class:`UserError` names a file that is none."""
    try:
        return parse_spec(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not a shard description ({error}). Delete it and run the workflow again."
        ) from error


def parse_spec(text: str) -> ShardSpec:
    """A shard's description from the text of its JSON file."""
    content = json.loads(text)
    return ShardSpec(
        content["weight_set"],
        content["seed"],
        np.array(content["cores"]),
        content["points"],
        Core(**content["core"]),
        DEVICES[content["device"]["model"]](**content["device"]),
        Defects(**content.get("defects", {})),
        Wires(**content.get("wires", {})),
        Periphery(**content["periphery"]),
        Iterative(**content["iterative"]),
        tuple(content.get("methods", ())),
        Hadamard(**content.get("hadamard", {})),
        OpenLoop(**content.get("open_loop", {})),
        content["backend"],
        text,
        Refresh(**content["refresh"]) if "refresh" in content else None,
    )
