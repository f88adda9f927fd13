"""Which back end judges what a shard has programmed."""

from aimcsim.kernels.cuda.device import available
from aimcsim.shards.spec import ShardSpec


def judging(spec: ShardSpec) -> str:
    """The back end that judges: that which programmed, or the CPU where its device is missing.

    Both judge the same cores, which either draws alike, by sums that agree to rounding.
    """
    return "cpu" if spec.backend == "gpu" and not available() else spec.backend
