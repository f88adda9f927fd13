"""How much of a shard is programmed at once: as much as the memory holds.

What a run does depends on no other, so that the cut changes no result.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aimcsim.common.errors import UserError
from aimcsim.mapping.tiles import Tile
from aimcsim.shards.runs import together
from aimcsim.shards.spec import ShardSpec

RUNS_AT_ONCE = 256  # on the CPU, at most, unless one tile has more
MOST_RUNS = 4096  # on a GPU: more would not run faster, and a grid of CUDA has 65,535 rows
SHARE = 0.75  # of a device's free memory that is planned with; its allocator needs some room
# At the peak, measured, and held so by a test. Of a run: GDP's state of its cells, and its devices'
# conductances. Of a unit core: the law of its devices and the states to start from.
BYTES_PER_CELL, BYTES_PER_DEVICE = 55, 4
BYTES_PER_CELL_OF_UNIT, BYTES_PER_DEVICE_OF_UNIT = 32, 24


@dataclass(frozen=True)
class Batch:
    """Unit cores that are programmed together, and how many runs of a method on each at a time."""

    tiles: list[Tile]  # of one shape
    cores: list[int]  # positions among the shard's cores
    runs: int

    def halves(self) -> list["Batch"]:
        """Two batches of about half the size; a :class:`UserError` where this is a single run."""
        for name in ("tiles", "cores"):
            items = getattr(self, name)
            if len(items) > 1:
                middle = len(items) // 2
                return [replace(self, **{name: part}) for part in (items[:middle], items[middle:])]
        if self.runs > 1:
            return [replace(self, runs=-(-self.runs // 2))]
        tile = self.tiles[0]
        raise UserError(
            f"the device's memory does not hold a single run on {tile.rows} x {tile.columns} "
            "cells. Give methods a smaller batch_size, set execution.backend: cpu, or end what "
            "else uses the device."
        )


def by_shape(spec: ShardSpec, tiles: Sequence[Tile]) -> list[Batch]:
    """All unit cores of a shard; tiles in turns, so that memory does not grow with a matrix."""
    most = max(1, RUNS_AT_ONCE // (len(spec.cores) * len(spec.runs)))
    return _batches(spec, tiles, most, len(spec.cores), _runs_at_once(spec))


def planned(spec: ShardSpec, tiles: Sequence[Tile], free: int | None) -> list[Batch]:
    """The same, cut so that a batch needs no more than ``free`` bytes; None: as on the CPU."""
    if free is None:
        return by_shape(spec, tiles)
    rows, columns = max(t.rows for t in tiles), max(t.columns for t in tiles)
    of_unit, of_run, scratch = memory(spec, rows, columns)
    budget = int(SHARE * free) - scratch
    runs = _runs_at_once(spec)
    units = min(budget // (of_unit + runs * of_run), MOST_RUNS // runs)
    if units < 1:
        runs = max(1, min((budget - of_unit) // of_run, MOST_RUNS))
        units = 1
    cores = min(units, len(spec.cores))
    return _batches(spec, tiles, units // cores, cores, runs)


def each(
    batches: Sequence[Batch],
    program: Callable[[Batch], None],
    out_of_memory: type[Exception] | tuple,
    release: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Call ``program`` on every batch; on one that does not fit, on its halves in its place.

    ``out_of_memory`` is what tells; ``release`` gives memory back before the next try.
    """
    todo = list(batches)
    while todo:
        batch = todo.pop(0)
        try:
            program(batch)
            continue
        except out_of_memory as error:
            reason = str(error)
        # Behind the handler, which keeps the arrays of the failed call alive.
        release()
        halves = batch.halves()
        say(
            f"out of memory with {len(batch.tiles)} tiles x {len(batch.cores)} cores, "
            f"{batch.runs} runs at a time ({reason}); going on with half of it at a time"
        )
        todo[:0] = halves


def _batches(spec, tiles, tiles_at_once: int, cores_at_once: int, runs: int) -> list[Batch]:
    alike: dict[tuple[int, int], list[Tile]] = {}
    for tile in tiles:
        alike.setdefault((tile.rows, tile.columns), []).append(tile)
    every = list(range(len(spec.cores)))
    return [
        Batch(same[i : i + tiles_at_once], every[j : j + cores_at_once], runs)
        for same in alike.values()
        for i in range(0, len(same), tiles_at_once)
        for j in range(0, len(every), cores_at_once)
    ]


def _runs_at_once(spec: ShardSpec) -> int:
    """Runs on each unit core that are programmed together, at most."""
    return max(map(len, together(spec.runs)))


def memory(spec: ShardSpec, rows: int, columns: int) -> tuple[int, int, int]:
    """Bytes of a unit core and its starts, of one run, and of scratch beside them."""
    cells, devices = rows * columns, 2 * spec.core.devices_per_polarity
    unit = cells * (BYTES_PER_CELL_OF_UNIT + BYTES_PER_DEVICE_OF_UNIT * devices)
    run = cells * (BYTES_PER_CELL + BYTES_PER_DEVICE * devices)
    needed = [one.settings.footprint(rows, columns) for one in spec.runs]
    of_unit, of_run, scratch = (max(values) for values in zip(*needed, strict=True))
    return unit + of_unit, run + of_run, scratch
