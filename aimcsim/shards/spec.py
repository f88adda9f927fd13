"""What a shard is to do: one weight set, some chips, some runs of methods.

A description is written to a JSON file and read from it; both are :class:`ShardSpec`, which is the
one statement of what such a file holds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aimcsim.chip.cost import Cost
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.interface import Device
from aimcsim.chip.devices.registry import DEVICES
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core, Wires
from aimcsim.common.errors import UserError
from aimcsim.common.section import Section
from aimcsim.shards.runs import Run, digest

FORMAT = 3


class RefreshSettings(Section):
    """Programming again after drift, as far as a shard's numbers depend on it."""

    times: tuple[float, ...]
    """s after programming, rising."""
    statistics: str
    """Name of published statistics of drift."""
    inputs: int
    """MVMs to judge by."""


@dataclass(frozen=True)
class ShardSpec:
    """One job of programming: all that its numbers depend on, besides code and matrices."""

    weight_set: str
    definition: Mapping[str, Any]
    """What the matrices depend on: the weight set's section of the configuration, its files by what
    they hold."""
    seed: int
    core: Core
    device: Device
    defects: Defects
    wires: Wires
    periphery: Periphery
    backend: str
    """``cpu``, ``gpu`` or ``reference``."""
    refresh: RefreshSettings | None = None
    cost: Cost | None = None
    """Of operations, where a run keeps to a limit of time or energy."""
    cores: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    """Chip instances, int (K,)."""
    runs: Sequence[Run] = ()

    @cached_property
    def content(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        sections = ("core", "device", "defects", "wires", "periphery")
        return {
            "format": FORMAT,
            "weight_set": self.weight_set,
            "definition": dict(self.definition),
            "seed": self.seed,
            **{name: getattr(self, name).model_dump(mode="json") for name in sections},
            "backend": self.backend,
            "refresh": self.refresh and self.refresh.model_dump(mode="json"),
            "cost": self.cost and self.cost.model_dump(mode="json"),
            "cores": self.cores.tolist(),
            "runs": [run.content for run in self.runs],
        }

    @cached_property
    def name(self) -> str:
        """Stable name of the shard: equal content, equal name."""
        return f"{self.weight_set}-{digest(self.content)}"

    @property
    def text(self) -> str:
        """The text of its JSON file."""
        return json.dumps(self.content, indent=1) + "\n"

    @cached_property
    def kind(self) -> str:
        """Digest of all but chips and runs: shards of one kind can share them out."""
        return digest(replace(self, cores=np.zeros(0, int), runs=()).content)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "ShardSpec":
        """The shard with that :attr:`content`; raises ValueError, KeyError or TypeError."""
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, and this version reads {FORMAT}")
        refresh, cost = content["refresh"], content["cost"]
        return cls(
            content["weight_set"],
            content["definition"],
            content["seed"],
            Core(**content["core"]),
            DEVICES[content["device"]["model"]].model_validate(content["device"]),
            Defects(**content["defects"]),
            Wires(**content["wires"]),
            Periphery(**content["periphery"]),
            content["backend"],
            refresh and RefreshSettings(**refresh),
            cost and Cost(**cost),
            np.array(content["cores"]),
            tuple(map(Run.of, content["runs"])),
        )

    @classmethod
    def parse(cls, text: str) -> "ShardSpec":
        """The shard of the text of a JSON file; raises as :meth:`of`."""
        return cls.of(json.loads(text))

    @classmethod
    def read(cls, path: Path) -> "ShardSpec":
        """The shard of the file at ``path``; a :class:`UserError` names a file that is none."""
        try:
            return cls.parse(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: not a shard description ({error}). Delete it and run the workflow again."
            ) from error

    @property
    def run_ids(self) -> list[str]:
        """Names of the programmed states of a core, in the order of results."""
        return [run.id for run in self.runs]

    @property
    def corrected(self) -> bool:
        """Whether any state comes with a digital scale and offset per column."""
        return any(run.settings.corrects for run in self.runs)

    @property
    def longest(self) -> int:
        """Iterations that the longest run can have."""
        return max(run.settings.longest(self.core) for run in self.runs)

    def pairs(self) -> set[tuple[int, str]]:
        """(chip, name of the run) of everything that it programs."""
        return {(int(core), name) for core in self.cores for name in self.run_ids}

    def algorithms(self) -> list[str]:
        """Algorithms that its runs, and those they go on from, are of."""
        return sorted(set().union(*(run.algorithms() for run in self.runs)))
