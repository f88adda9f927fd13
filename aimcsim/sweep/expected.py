"""What a study will cost, before it runs: runs, iterations, time, memory and disk.

Times are rough: those of one core of a workstation, measured on 256 x 256 cells and taken to grow
with the cells and the MVMs of an iteration. They tell minutes from days.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from aimcsim.common.errors import UserError
from aimcsim.config.models import Config
from aimcsim.sweep.cut import cut
from aimcsim.sweep.study import memory_mb

CELLS = 256 * 256  # of the core that was measured
ITERATION = 0.8e-3  # s of one core, on that, of 256 MVMs or of a read of every cell. Measured
MVMS = 256  # of that iteration
JUDGING = 0.05  # s of one core, on that, of judging a run. Measured
DEVICE_BYTES = 3.7  # of a programmed conductance on the disk, compressed. Measured
RUN_BYTES = 6000  # of what is recorded of a run on a tile, compressed. Measured
DISK_LEFT = 100 * 2**20  # bytes that a study does not plan with


@dataclass(frozen=True)
class Expected:
    """Sums over a study and the cases of its comparisons.

    runs
        Settings on chips and weight sets.
    core_iterations
        Iterations on tiles, at most: runs may end before.
    seconds
        Of one core; jobs run side by side.
    memory_mb
        Of the largest job.
    disk
        Bytes that results take.
    unknown
        Weight sets whose matrices are made as the study runs: all but their runs is left out.
    """

    runs: int
    core_iterations: int
    seconds: float
    memory_mb: int
    disk: float
    unknown: tuple[str, ...] = ()

    def told(self) -> str:
        """In one line."""
        left_out = f", without weights.{', weights.'.join(self.unknown)}" if self.unknown else ""
        return (
            f"Expected, at most: {self.runs:,} runs, {self.core_iterations:,} iterations on cores, "
            f"{_duration(self.seconds)} of one processor core (roughly; --cores shares them), "
            f"{self.memory_mb:,} MB of memory a job, {_bytes(self.disk)} on the disk{left_out}."
        )

    def require_room(self, folder: Path) -> None:
        """Raise a :class:`UserError` where a job does not fit the memory, or results the disk."""
        memory = psutil.virtual_memory().total / 2**20
        if self.memory_mb > memory:
            raise UserError(
                f"a job needs {self.memory_mb:,} MB of memory, and this machine has {memory:,.0f}. "
                "Set execution.runs_per_shard to fewer, or take smaller cores."
            )
        there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
        free = shutil.disk_usage(there).free - DISK_LEFT
        if self.disk > free:
            raise UserError(
                f"{folder}: the study takes {_bytes(self.disk)} on the disk, and {_bytes(free)} "
                "are free. Set execution.keep_conductances to false, or take fewer runs."
            )


def expected(parts: Sequence[Config], tiles: Mapping[str, Sequence[tuple[int, int]]]) -> Expected:
    """Of a study and its cases, ``parts``, with the sizes (rows, columns) of the sets' tiles."""
    runs = iterations = 0
    seconds = disk = 0.0
    for part in parts:
        own, core = part.runs(), part.core
        lengths = [run.settings.longest(core) for run in own]
        batches = [getattr(run.settings, "batch_size", MVMS) / MVMS for run in own]
        work = sum(length * batch for length, batch in zip(lengths, batches, strict=True))
        devices = 2 * core.devices_per_polarity
        for name in part.weights:
            runs += part.cores * len(own)
            if name not in tiles:
                continue
            cells = sum(rows * columns for rows, columns in tiles[name])
            iterations += part.cores * len(tiles[name]) * sum(lengths)
            each = work * ITERATION + len(own) * JUDGING
            seconds += part.cores * cells / CELLS * each
            states = cells * devices * DEVICE_BYTES if part.execution.keep_conductances else 0
            disk += part.cores * len(own) * (states + RUN_BYTES * len(tiles[name]))
    with tempfile.TemporaryDirectory() as folder:
        shards = [shard for own in cut(parts, Path(folder)) for shard in own]
    memory = max(memory_mb(shard, parts[0].evaluation.inputs) for shard in shards)
    unknown = tuple(name for name in parts[0].weights if name not in tiles)
    return Expected(runs, iterations, seconds, memory, disk, unknown)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{max(count, 0) / 1e3:.3g} kB"
