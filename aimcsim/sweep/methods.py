"""How every method programs a group of tiles: fresh, and again after drift.

All methods but the open loop share what comes first: devices are prepared for their targets, and
the iterative method tunes them. The others go on from one of these two states.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimcsim.chip.core import Cores
from aimcsim.evaluation.refresh import Method
from aimcsim.programming import gdp, hadamard, iterative, open_loop
from aimcsim.programming.cells import Tuning
from aimcsim.programming.outcome import Outcome
from aimcsim.shards.groups import TileGroup
from aimcsim.shards.spec import ShardSpec


@dataclass(frozen=True)
class Part:
    """Runs of one method on all unit cores of a group, in the order tile, core, column."""

    cores: Cores
    outcome: Outcome
    columns: list[int]  # of the shard's states, in ascending order
    again: Method | None  # programs them after drift; None: the method has no loop to run again


@dataclass(frozen=True)
class _Start:
    """A state of the unit cores that a method can go on from; arrays are (U, R, C)."""

    cores: Cores
    current: np.ndarray  # last used on (or known to suit) the device to tune
    untuned: np.ndarray  # uS, how far each cell is known to be from its target
    cells: np.ndarray | None  # bool, cells that want a first pulse of ``current``; None: none


def programmed(spec: ShardSpec, group: TileGroup, at_once: int | None = None) -> Iterator[Part]:
    """Program a group by one method after the other; the parts cover all states of the shard.

    ``at_once``: points that GDP runs together, at most; None: all that can.
    """
    targets, settings = group.targets, spec.iterative
    cores = Cores(group.units, np.arange(len(group.units.chip)))
    tunings = iterative.start(cores, targets, settings)
    prepared = cores.branch(1)  # nothing tuned yet
    verified = iterative.program(cores, targets, settings, tunings)
    yield Part(cores, verified, [0], _verified_again(spec, targets, verified))
    first = tunings[0]
    starts = {
        "iterative": _Start(cores, verified.current, np.zeros_like(targets), None),
        # At most the whole target: what Max SET Fill left SET has taken its part of it.
        "reset": _Start(prepared, first.current, np.where(first.cells, targets, 0), first.cells),
    }
    for column, method in enumerate(spec.methods, start=1):
        if method == "open_loop":
            drawn = open_loop.program(group.units, targets, spec.open_loop)
            yield Part(*drawn, [column], None)
        else:
            yield _decoded(spec, targets, starts[spec.hadamard.start], verified, column)
    for start, columns in _batches(spec, at_once):
        yield _descended(spec, targets, starts[start], verified, columns)


def _verified_again(spec: ShardSpec, targets: np.ndarray, outcome: Outcome) -> Method:
    """Iterative programming of drifted cells: the devices and currents of ``outcome``."""
    cells = (np.abs(targets) > spec.iterative.count / 2) & outcome.tunable
    tuning = Tuning(outcome.device, cells, outcome.tunable, outcome.current, targets)
    return lambda cores, loss: iterative.program(
        cores, targets, spec.iterative, [tuning], again=True
    )


def _decoded(
    spec: ShardSpec, targets: np.ndarray, start: _Start, verified: Outcome, column: int
) -> Part:
    """Hadamard-verified programming of the devices that the iterative method chose."""
    cores = start.cores.branch(1)
    outcome = hadamard.program(
        cores, targets, start.current, verified.device, verified.tunable, spec.hadamard,
        spec.iterative, start.cells,
    )  # fmt: skip

    def again(cores: Cores, loss: np.ndarray) -> Outcome:
        return hadamard.program(
            cores, targets, outcome.current, outcome.device, outcome.tunable, spec.hadamard,
            spec.iterative, again=True,
        )  # fmt: skip

    return Part(cores, outcome, [column], again)


def _descended(
    spec: ShardSpec, targets: np.ndarray, start: _Start, verified: Outcome, columns: list[int]
) -> Part:
    """GDP of the same devices at all points ``columns`` of a batch."""
    cores = start.cores.branch(len(columns))
    points = [spec.points[column - len(spec.baselines)] for column in columns]
    settings = hyperparameters(points, len(targets))
    current, device, tunable, untuned = (
        np.repeat(array, len(columns), axis=0)
        for array in (start.current, verified.device, verified.tunable, start.untuned)
    )
    count = spec.iterative.count
    outcome = gdp.program(cores, targets, current, settings, count, device, tunable, untuned)

    def again(cores: Cores, loss: np.ndarray) -> Outcome:
        """Each cell is off by the expected loss at first."""
        return gdp.program(
            cores, targets, outcome.current, settings, count, outcome.device, outcome.tunable,
            loss, again=True,
        )  # fmt: skip

    return Part(cores, outcome, columns, again)


def _batches(spec: ShardSpec, at_once: int | None) -> Iterator[tuple[str, list[int]]]:
    """Points that can run as one batch: same start, batch size and input distribution.

    Yields (start, state columns of the points).
    """
    batches: dict[tuple, list[int]] = {}
    for column, point in enumerate(spec.points, start=len(spec.baselines)):
        key = (point["start"], point["batch_size"], point["inputs"])
        batches.setdefault(key, []).append(column)
    for (start, *_), columns in batches.items():
        step = at_once or len(columns)
        for first in range(0, len(columns), step):
            yield start, columns[first : first + step]


def hyperparameters(points: list[dict[str, Any]], units: int) -> gdp.Hyperparameters:
    """Settings of the units x points runs of a batch; ``points`` as of aimcsim.shards.points."""

    def values(name: str) -> np.ndarray:
        return np.tile(np.array([point[name] for point in points]), units)

    return gdp.Hyperparameters(
        batch_size=points[0]["batch_size"],
        inputs=points[0]["inputs"],
        iterations=values("iterations"),
        learning_rate=values("learning_rate"),
        noise_threshold=values("noise_threshold"),
        floor=values("floor"),
        floor_slope=values("floor_slope"),
        stopping=values("floor_schedule") == "stopping",
        running=values("estimator") == "running",
        prior=values("prior"),
        target_error=values("target_error"),
        opposite=values("opposite"),
        affine=values("affine") == "column",
    )
