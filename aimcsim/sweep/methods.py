"""How the runs of a shard program a group of tiles.

All methods but those that draw their states share what comes first: cells are prepared for their
targets. A run goes on from there, or from where another run ended, which is programmed once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from aimcsim.chip.core import Cores
from aimcsim.programming.method import METHODS, Programmed, Start
from aimcsim.shards.groups import TileGroup
from aimcsim.shards.runs import Run, together
from aimcsim.shards.spec import ShardSpec


@dataclass(frozen=True)
class Part:
    """Some runs on all unit cores of a group, in the order tile, chip, run."""

    programmed: Programmed
    columns: list[int]
    """Their positions among the runs of the shard, ascending."""


def programmed(spec: ShardSpec, group: TileGroup, at_once: int | None = None) -> Iterator[Part]:
    """Program a group by all runs of a shard, those together that can be.

    ``at_once``: runs on each unit core that are programmed together, at most; None: all that can.
    """
    units, targets = group.units, group.targets
    fresh = Start.fresh(Cores(units, np.arange(len(units.chip))), targets)
    ended: dict[str, Start] = {}  # where runs ended that others go on from
    gone_on_from = {run.start.id for run in spec.runs if run.start}

    def program(runs: Sequence[Run]) -> Programmed:
        points = [run.settings for run in runs]
        done = METHODS[runs[0].algorithm].program(points, start_of(runs[0]), targets)
        if len(runs) == 1 and runs[0].id in gone_on_from:
            ended[runs[0].id] = Start.after(done.cores, done.outcome)
        return done

    def start_of(run: Run) -> Start:
        if run.start is None:
            return fresh
        if run.start.id not in ended:  # a run that another shard has
            gone_on_from.add(run.start.id)
            program([run.start])
        return ended[run.start.id]

    for alike in together(spec.runs):
        step = at_once or len(alike)
        for first in range(0, len(alike), step):
            columns = alike[first : first + step]
            yield Part(program([spec.runs[column] for column in columns]), columns)
