"""What the workflow knows of a study before it runs: its plan, on disk and in memory."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aimcsim.common.paths import Results
from aimcsim.common.storage import write_if_changed
from aimcsim.config.load import cases
from aimcsim.config.models import NOT_SCIENCE, Config
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.cut import cut, describe
from aimcsim.sweep.plan import Plan, judging
from aimcsim.sweep.resolve import settled, settled_backend


@dataclass(frozen=True)
class Part:
    """The study itself, or one of the cases of its comparisons."""

    case: str  # "<comparison>/<case>"; "" for the study itself
    config: Config
    shards: list[ShardSpec]
    command: str
    """That reproduces the study."""

    @property
    def plan(self) -> Plan:
        """What is to be done, for the stages."""
        return Plan(self.config, [shard.name for shard in self.shards], self.command)

    @property
    def judging(self) -> str:
        """Name of how its cores are judged; a shard is judged once for all parts that agree."""
        return judging(self.config.evaluation)


def plan_study(
    config: Config,
    results: Results,
    config_files: Sequence[Path] = (),
    overrides: Mapping[str, Any] | None = None,
    again: bool = False,
) -> list[Part]:
    """The study and its cases, each with its shards; nothing is written.

    ``config_files`` and ``overrides`` are what the command line gave (``--configfile``,
    ``--config``); the report shows the command that reproduces the study. Shards hold the numbers
    of a device table, so that an edit of its file makes new ones.

    ``again``: a job of a run that has planned reads the workflow. It may be on another machine than
    that which settled the back end, with or without a device: the back end is that of the plan.
    """
    known = cases(config)
    labels, configs = ["", *(c.label for c in known)], [config, *(c.config for c in known)]
    settled_before = _planned_backend(results) if again else None
    backend = {"backend": settled_before or settled_backend(configs)}
    planned = [
        one.model_copy(update={"execution": one.execution.model_copy(update=backend)})
        for one in map(settled, configs)
    ]
    shards = cut(planned, Path(results.description("any")).parent)
    command = _command(config_files, overrides or {})
    return [Part(*part, command) for part in zip(labels, configs, shards, strict=True)]


def write_plan(parts: Sequence[Part], results: Results) -> None:
    """Write the plan of each part, and the descriptions of its shards, for the stages to come.

    Only where their content changes, so that planning twice reruns nothing.
    """
    for part in parts:
        describe(part.shards, Path(results.description("any")).parent)
        write_if_changed(Path(results.plan(part.case)), part.plan.text)


def is_planned(parts: Sequence[Part], results: Results) -> bool:
    """Whether what :func:`write_plan` would write is there."""
    texts = {results.plan(part.case): part.plan.text for part in parts}
    return all(
        Path(path).is_file() and Path(path).read_bytes() == text.encode()
        for path, text in texts.items()
    )


def _planned_backend(results: Results) -> str | None:
    """The back end of the shards that are planned in ``results``; None where none are."""
    try:
        plan = json.loads(Path(results.plan()).read_text(encoding="utf-8"))
        shard = Path(results.description(plan["shards"][0]))
        return json.loads(shard.read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def memory_mb(shard: ShardSpec, inputs: int = 0) -> int:
    """Memory one job needs, MB: the process, the states of all runs, and the batches of few.

    ``inputs``: fresh ones that a run is judged on; 0: it programs. With a GPU batches are on the
    device; its libraries take their room. Measured on 256 x 256 cells, with room to spare. Counts a
    single tile of the core's full size; a weight set of many tiles needs more.
    """
    rows, columns = shard.core.rows, shard.core.columns
    cells = rows * columns * shard.core.devices_per_polarity
    batches = [run.settings.footprint(rows, columns).of_unit for run in shard.runs]
    outputs = max(columns * inputs, max(batches) // 4)
    arrays = 16 if shard.wires.on else 14  # what is seen behind the wires
    runs = len(shard.cores) * len(shard.runs)
    if shard.backend == "gpu":
        return 2000 + int(runs * 4 * 3 * cells / 2**20)
    return 400 + int(4 * (runs * arrays * cells + 12 * outputs) / 2**20)


def _command(config_files: Sequence[Path], overrides: Mapping[str, Any]) -> str:
    """The command line that reproduces the study, whatever the number of cores it ran on."""
    root = Path.cwd()
    names = []
    for path in map(Path, config_files):
        inside = path.is_absolute() and path.is_relative_to(root)
        names.append(str(path.relative_to(root) if inside else path))
    words = ["snakemake", "--cores", "all"]
    if names:
        words += ["--configfile", *names]
    science = {key: value for key, value in overrides.items() if key not in NOT_SCIENCE}
    if science:
        words += ["--config", *(f"{key}={_flow(value)}" for key, value in science.items())]
    return shlex.join(words)


def _flow(value: Any) -> str:
    """A value as Snakemake reads it on the command line: YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=100_000)
    return text.removesuffix("\n").removesuffix("\n...")
