"""The plan of a study or of one of its cases, as a file: its configuration and its shards."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aimcsim.chip.devices.interface import Device
from aimcsim.chip.devices.registry import DEVICES
from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.config.models import Config
from aimcsim.evaluation.settings import Evaluation
from aimcsim.programming.method import METHODS
from aimcsim.shards.runs import Run, digest

PROGRAM = "aimcsim.sweep.shard"
"""Module of the stage that programs. It knows methods and devices by name alone."""


@dataclass(frozen=True)
class Plan:
    """What is to be done, and the command that does it."""

    config: Config
    shards: Sequence[str]
    """Names."""
    command: str

    @property
    def text(self) -> str:
        """The text of its JSON file."""
        content = {
            "config": self.config.model_dump(mode="json"),
            "shards": list(self.shards),
            "command": self.command,
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def read(cls, path: Path | str) -> "Plan":
        """Read a plan; a :class:`UserError` names a file that is none."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(
                from_mapping(content["config"], "plan"), content["shards"], content["command"]
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: not a plan of the workflow ({error}). Delete it and run the workflow "
                "again."
            ) from error


def sources_of_shard(runs: Iterable[Run], device: Device) -> list[str | Path]:
    """Modules, and files of the user's, that programming ``runs`` on ``device`` executes."""
    algorithms = sorted(set().union(*(run.algorithms() for run in runs)))
    return [
        PROGRAM,
        DEVICES.source(device.model),
        *(METHODS.source(algorithm) for algorithm in algorithms),
    ]


def judging(evaluation: Evaluation) -> str:
    """Stable name of the settings of an evaluation; the error budget changes none of it."""
    return digest(evaluation.model_dump(mode="json", exclude={"error_budget"}), 8)
