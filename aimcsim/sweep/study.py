"""What the workflow knows of a study before it runs: its plan, on disk and in memory."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aimcsim.common.storage import write_if_changed
from aimcsim.config.load import cases
from aimcsim.config.models import NOT_SCIENCE, Config, Evaluation
from aimcsim.shards.points import digest
from aimcsim.sweep.plan import Shard, plan_shards
from aimcsim.sweep.resolve import settled, settled_backend


@dataclass(frozen=True)
class Part:
    """The study itself, or one of the cases of its comparisons."""

    case: str  # "<comparison>/<case>"; "" for the study itself
    config: Config
    shards: list[Shard]

    @property
    def judging(self) -> str:
        """Name of how its cores are judged; a shard is judged once for all parts that agree."""
        return judging(self.config.evaluation)


def judging(evaluation: Evaluation) -> str:
    """Stable name of the settings of an evaluation; to split the error changes none of it."""
    return digest(evaluation.model_dump(mode="json", exclude={"split"}), 8)


def plan_study(
    config: Config,
    results: Path,
    config_files: Sequence[Path] = (),
    overrides: Mapping[str, Any] | None = None,
    again: bool = False,
) -> list[Part]:
    """The study and its cases, each with its shards.

    ``<results>/plan.json`` and ``<results>/cases/<case>.json`` name the shards for the aggregate
    stage. ``config_files`` and ``overrides`` are what the command line gave (``--configfile``,
    ``--config``); the report shows the command that reproduces the study.

    Files are written only where their content changes, so that planning twice reruns nothing.
    Shards hold the numbers of a device table, so that an edit of its file makes new ones.

    ``again``: a job of a run that has planned reads the workflow. It may be on another machine than
    that which settled the back end, with or without a device: the back end is that of the plan.
    """
    results = Path(results)
    known = cases(config)
    labels, configs = ["", *(c.label for c in known)], [config, *(c.config for c in known)]
    settled_before = _planned_backend(results) if again else None
    backend = {"backend": settled_before or settled_backend(configs)}
    planned = [
        one.model_copy(update={"execution": one.execution.model_copy(update=backend)})
        for one in map(settled, configs)
    ]
    shards = plan_shards(planned, results / "shards")
    command = _command(config_files, overrides or {})
    for label, one, own in zip(labels, configs, shards, strict=True):
        plan = {
            "config": one.model_dump(mode="json"),
            "shards": [shard.name for shard in own],
            "command": command,
        }
        path = results / (f"cases/{label}.json" if label else "plan.json")
        write_if_changed(path, json.dumps(plan, indent=1) + "\n")
    return [Part(*part) for part in zip(labels, configs, shards, strict=True)]


def _planned_backend(results: Path) -> str | None:
    """The back end of the shards that are planned in ``results``; None where none are."""
    try:
        plan = json.loads((results / "plan.json").read_text(encoding="utf-8"))
        shard = results / "shards" / f"{plan['shards'][0]}.json"
        return json.loads(shard.read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def memory_mb(shard: Shard, inputs: int = 0) -> int:
    """Memory one job needs, MB: the process, the states of all runs, and the batches of few.

    ``inputs``: fresh ones that a run is judged on; 0: it programs. With a GPU batches are on the
    device; its libraries take their room. Measured on 256 x 256 cells, with room to spare. Counts a
    single tile of the core's full size; a weight set of many tiles needs more.
    """
    content = shard.content
    cells = content["core"]["rows"] * content["core"]["columns"]
    cells *= 1 if content["core"]["unit_cell"] == "odp" else 2
    batch = max(inputs, *(point["batch_size"] for point in content["points"]))
    outputs = content["core"]["columns"] * batch
    states = 1 + len(content.get("methods", ())) + len(content["points"])
    arrays = 16 if max(content["wires"].values()) > 0 else 14  # what is seen behind the wires
    runs = len(content["cores"]) * states
    if content["backend"] == "gpu":
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
