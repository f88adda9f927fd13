"""Run one shard: program its chips by every run and record what happened."""

from collections.abc import Callable

import xarray as xr

from aimcsim import kernels
from aimcsim.evaluation.refresh import refreshed
from aimcsim.shards.batches import Batch, each, planned
from aimcsim.shards.groups import group_of, held_by
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.methods import programmed
from aimcsim.sweep.record import Record


def run(
    spec: ShardSpec,
    weights: xr.Dataset,
    progress: Callable[[int], None] = lambda runs: None,
    say: Callable[[str], None] = lambda message: None,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Program every chip of a shard by every run.

    Returns the record (status, error per iteration, ledger; dims tile, core, run) and the
    programmed conductances (uS, one variable per tile). ``progress`` is called with the number of
    runs just finished, below 0 where some have to be run again; ``say`` with what a log should
    hold.
    """
    back_end = kernels.backend(spec.backend)
    held = held_by(spec, weights)
    tiles = held[0].tiles
    record = Record(spec, tiles, back_end.description)

    def program(batch: Batch) -> None:
        reported = 0
        try:
            group = group_of(spec, held, batch, spec.periphery, back_end)
            for part in programmed(spec, group, batch.runs):
                record.file(group, part)
                count = len(part.programmed.cores)
                reported += count
                progress(count)
                if spec.refresh and part.programmed.again:
                    found = refreshed(spec.refresh, part.programmed, group.targets, group.wanted)
                    record.file_refreshed(group, part, found)
                del part  # no second batch of cores in memory while the next is programmed
        except Exception:
            progress(-reported)
            raise

    if (device := back_end.device) is None:
        for batch in planned(spec, tiles, None):
            program(batch)
    else:
        batches = planned(spec, tiles, device.free_bytes())
        each(batches, program, device.out_of_memory, device.release, say)
    return record.runs(), record.states()
