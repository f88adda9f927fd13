"""What a job costs before its first programming pulse."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.tables import Table
from benchmarks.timing import Stopwatch, in_turns

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "config" / "tiny.yaml"
CLI = "from aimcsim.cli import main; main()"
STEPS = {
    "Python alone": "pass",
    "import numpy": "import numpy",
    "import aimcsim.cli": "import aimcsim.cli",
    "imports of `aimcsim program`": (
        "import aimcsim.cli, aimcsim.sweep.shard, aimcsim.common.storage, tqdm"
    ),
    "the same and the kernels from numba's cache": (
        "import aimcsim.cli, aimcsim.common.storage, tqdm, benchmarks.startup as s; "
        "s.touch_kernels()"
    ),
}
NOTE = (
    "Whole processes, medians of {rounds} rounds in turns. Last: the smallest shard "
    "of `config/tiny.yaml`, its programming included; machine code was compiled before."
)


def table(rounds: int, quick: bool) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        tasks = {name: _process("-c", code) for name, code in STEPS.items()}
        tasks["`aimcsim --version`"] = _process("-c", CLI, "--version")
        tasks["`aimcsim program` of a tiny shard"] = _process("-c", CLI, *_shard(Path(folder)))
        times = in_turns(tasks, rounds, warm_up=not quick)
    rows = [[name, *(1e3 * np.median(samples, axis=0))] for name, samples in times.items()]
    columns = ["what", "wall (ms)", "processor (ms)"]
    return Table("Start-up of a job", NOTE.format(rounds=rounds), columns, rows)


def touch_kernels() -> None:
    """Run every kernel of a GDP iteration once, on the smallest cores."""
    from benchmarks.cores import Case, Trial

    Trial(Case(1, 1, 4, 4, iterations=2)).iterate()


def _process(*arguments: str):
    command = [sys.executable, *arguments]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def run() -> tuple[float, float]:
        before = _children()
        with Stopwatch() as watch:
            subprocess.run(command, check=True, capture_output=True, env=environment)
        return watch.wall, _children() - before

    return run


def _children() -> float:
    """Processor time of all processes that this one has started and seen end, s."""
    times = os.times()
    return times.children_user + times.children_system


def _shard(folder: Path) -> list[str]:
    """Arguments that program the smallest shard of the tiny study."""
    from aimcsim.common.paths import Results
    from aimcsim.config.load import from_yaml
    from aimcsim.sweep.study import plan_study, write_plan

    study, results = from_yaml(STUDY), Results(str(folder))
    parts = plan_study(study, results)
    write_plan(parts, results)
    shard = min(parts[0].shards, key=lambda shard: len(shard.pairs()))
    section = study.weights[shard.weight_set].model_dump(mode="json")
    weights = folder / "weights.nc"
    _process(
        "-c", CLI, "weights", shard.weight_set, "--definition", json.dumps(section),
        "--seed", str(study.seed), "--output", str(weights),
    )()  # fmt: skip
    return [
        "program", results.description(shard.name), str(weights),
        "--record", str(folder / "record.nc"), "--states", str(folder / "states.nc"),
    ]  # fmt: skip
