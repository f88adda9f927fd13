"""Run one shard: program its cores by every method and record what happened."""

from collections.abc import Callable

import xarray as xr

from aimcsim.sweep.groups import tile_groups
from aimcsim.sweep.methods import programmed
from aimcsim.sweep.record import Record
from aimcsim.sweep.spec import ShardSpec


def run(
    spec: ShardSpec, weights: xr.Dataset, progress: Callable[[int], None] = lambda runs: None
) -> tuple[xr.Dataset, xr.Dataset]:
    """Program every core of a shard by every method, by GDP at every point.

    Returns the record (status, error per iteration, ledger; dims tile, core, state) and the
    programmed conductances (uS, one variable per tile). ``progress`` is called with the number of
    runs just finished.
    """
    groups = tile_groups(spec, weights, spec.periphery)
    record = Record(spec, groups)
    for group in groups:
        for part in programmed(spec, group):
            record.file(group, part)
            progress(len(part.cores))
            if spec.refresh and part.again:
                record.file_refreshed(
                    group,
                    part,
                    spec.refresh.run(part.cores, part.outcome, group.targets, part.again),
                )
            del part  # no second batch of cores in memory while the next is programmed
    return record.runs(), record.states()
