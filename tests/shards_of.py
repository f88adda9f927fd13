"""Shards of the tests, built from a configuration."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aimcsim.common.paths import Results
from aimcsim.config.models import Config
from aimcsim.shards.runs import Run
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.study import Part, plan_study, write_plan


def shard_of(
    config: Config,
    cores: Sequence[int] | None = None,
    runs: Sequence[Run] | None = None,
    **changes: Any,
) -> ShardSpec:
    """The first weight set of ``config`` on some chips by some runs; None: on all, by all.

    ``changes`` replace what else a shard holds; it is of the CPU and refreshes nothing.
    """
    whole = ShardSpec(
        next(iter(config.weights)),
        {},
        config.seed,
        config.core,
        config.device,
        config.defects,
        config.wires,
        config.periphery,
        "cpu",
        cores=np.array(range(config.cores) if cores is None else cores),
        runs=tuple(config.runs() if runs is None else runs),
    )
    return replace(whole, **changes)


def runs_of(config: Config, *methods: str) -> list[Run]:
    """The runs of some methods of a study."""
    return [run for run in config.runs() if run.method in methods]


def plan_and_write(config: Config, results: Results, **how) -> list[Part]:
    """The parts of a study, their plans and shards written as the workflow writes them."""
    parts = plan_study(config, results, **how)
    write_plan(parts, results)
    return parts
