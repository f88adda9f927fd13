"""What the runs of a weight set cost: their ledgers in seconds and joules."""

from collections.abc import Mapping

import numpy as np

from aimcsim.config.cost import Cost
from aimcsim.core import COUNTERS
from aimcsim.cost import joules, seconds

SPENDING = {  # variable: (last dimension, attributes)
    "programming_time": ("phase", {"units": "s", "long_name": "time to program one core"}),
    "programming_energy": ("phase", {"units": "J", "long_name": "energy to program one core"}),
    "time_per_iteration": (
        "iteration",
        {"units": "s", "long_name": "time spent when the error of the iteration was known"},
    ),
    "energy_per_iteration": (
        "iteration",
        {"units": "J", "long_name": "energy spent when the error of the iteration was known"},
    ),
}
REFRESHING = {
    "refresh_duration": ("refresh_time", {"units": "s", "long_name": "time to program again"}),
    "refresh_energy": ("refresh_time", {"units": "J", "long_name": "energy to program again"}),
}


def spending(part: Mapping[str, np.ndarray], cost: Cost) -> dict[str, np.ndarray]:
    """The variables of ``SPENDING`` over (tile, core, method, point, last dimension).

    Those of ``REFRESHING`` as well, where the cores were programmed again.

    Parameters
    ----------
    part : the record's counters, (tile, core, method, point), and ``spent_per_iteration`` with
        (iteration, counter) behind; ``rows`` and ``columns`` (tile,)

    GDP's figures include the preparation and the iterative run that it starts from.
    """
    rows, columns = (part[name][:, None, None, None].astype(float) for name in ("rows", "columns"))
    total = {name: part[name] for name in COUNTERS}
    steps = {name: part["spent_per_iteration"][..., i] for i, name in enumerate(COUNTERS)}
    deep = rows[..., None], columns[..., None]
    again = {}
    if "refresh_pulses" in part:
        used = {name: part[f"refresh_{name}"] for name in COUNTERS}
        again = {
            "refresh_duration": seconds(cost, used, deep[1]).sum(axis=-1),
            "refresh_energy": joules(cost, used, *deep).sum(axis=-1),
        }
    return again | {
        "programming_time": seconds(cost, total, columns),
        "programming_energy": joules(cost, total, rows, columns),
        "time_per_iteration": seconds(cost, steps, deep[1]).sum(axis=-1).astype("f4"),
        "energy_per_iteration": joules(cost, steps, *deep).sum(axis=-1).astype("f4"),
    }
