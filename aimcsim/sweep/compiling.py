"""Compile what a study's jobs call before the first of them starts.

The compiler keeps machine code on disk. Jobs that start side by side and find none would each
compile the same functions.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.shards.runs import Run
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.shard import run

ROWS, COLUMNS = 32, 24
"""Of the core that is programmed for it, at most. Machine code depends on no extent."""
INPUTS = 16


def compile_kernels(spec: ShardSpec, evaluation: Evaluation) -> None:
    """Program and judge one small core by every kind of run of a shard, and forget the result."""
    rows, columns = min(ROWS, spec.core.rows), min(COLUMNS, spec.core.columns)
    matrix = np.linspace(-1, 1, rows * columns, dtype=np.float32).reshape(rows, columns)
    weights = xr.Dataset(matrix_variables([("ramp", matrix)]))
    small = replace(
        spec,
        core=spec.core.model_copy(update={"rows": rows, "columns": columns}),
        cores=spec.cores[:1],
        runs=tuple({_kind(one): one for one in spec.runs}.values()),
        refresh=None,
    )
    _, states = run(small, weights)
    evaluate(states, weights, evaluation.model_copy(update={"inputs": INPUTS}))


def _kind(one: Run) -> tuple[Any, ...]:
    """What decides which functions a run calls: its algorithm and its switches, no number."""
    values = one.settings.model_dump().values()
    switches = (value for value in values if isinstance(value, (bool, str)) or value is None)
    return (one.algorithm, *switches, one.start and _kind(one.start))
