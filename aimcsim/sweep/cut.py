"""Which shards of work a study needs, given those that exist.

A shard is one job: one weight set, some chips, some runs. It is described by a
JSON file named after its own content, so a shard never changes; the numbers it stands for depend
on nothing outside that file and the weights.

Why the plan looks at what exists. One wants shards of many runs; and a value, chip or weight
set added to the config must add shards and leave the others alone. No rule that sees the config
alone does both: if f maps a set of runs to shards such that adding a run keeps every shard,
then, building any set one run at a time, every shard has a single run. So shards once
described are kept and reused, and only missing work is cut into new ones. Results do not depend
on the cut (random numbers are addressed by content), so a different history gives the same
summary.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aimcsim.common.storage import write_if_changed
from aimcsim.config.models import Config
from aimcsim.shards.spec import RefreshSettings, ShardSpec
from aimcsim.sweep.resolve import core_of


def cut(configs: Sequence[Config], directory: Path) -> list[list[ShardSpec]]:
    """Shards that together cover each of ``configs``.

    ``directory`` holds ``<name>.json`` (description) and, once computed, ``<name>.nc``. A shard
    that exists is used if it is computed, or if all it would compute is wanted. Nothing is written:
    the descriptions of the shards are to be, with :func:`describe`.

    What an earlier configuration has planned, a later one uses, even if it wants only some of its
    runs, and before any leftover: so a leftover in the plan overlaps with nothing planned, and
    planning again while shards get computed gives the same plan.
    """
    directory = Path(directory)
    known = _known(directory)
    planned: set[str] = set()
    return [_cover(config, directory, known, planned) for config in configs]


def describe(shards: Iterable[ShardSpec], directory: Path) -> None:
    """Write the description of each shard, where there is none or a damaged one."""
    for shard in shards:
        write_if_changed(Path(directory) / f"{shard.name}.json", shard.text)


def _cover(
    config: Config, directory: Path, known: dict[str, list[ShardSpec]], planned: set[str]
) -> list[ShardSpec]:
    """Shards that cover ``config``; adds new ones to ``known`` and all of them to ``planned``."""
    plan = []
    wanted = {run.id: run for run in config.runs()}
    for weight_set in config.weights:
        chosen = []
        base = _base(config, weight_set)
        alike = known.setdefault(base.kind, [])
        missing = {(core, name) for core in range(config.cores) for name in wanted}
        for shard in sorted(alike, key=lambda shard: (shard.name not in planned, shard.name)):
            pairs = shard.pairs()
            usable = shard.name in planned or (directory / f"{shard.name}.nc").exists()
            if pairs & missing and (usable or pairs <= missing):
                chosen.append(shard)
                missing -= pairs
        for cores, names in _rectangles(missing, config.execution.runs_per_shard):
            # Runs in the order of the study, whatever the order of the set.
            runs = tuple(run for name, run in wanted.items() if name in names)
            shard = replace(base, cores=np.array(cores), runs=runs)
            chosen.append(shard)
            alike.append(shard)
        plan.extend(sorted(chosen, key=lambda shard: shard.name))
    planned.update(shard.name for shard in plan)
    return plan


def _base(config: Config, weight_set: str) -> ShardSpec:
    """What all shards of a weight set have in common: no chips and no runs yet."""
    definition = config.weights[weight_set].identity()
    refresh = None
    if config.refresh.times:
        judged = config.evaluation
        refresh = RefreshSettings(
            times=config.refresh.times, statistics=judged.statistics, inputs=judged.inputs
        )
    return ShardSpec(
        weight_set,
        definition,
        config.seed,
        core_of(config),
        config.device,
        config.defects,
        config.wires,
        config.periphery,
        # Settled by aimcsim.sweep.resolve before a study is planned.
        config.execution.backend.replace("auto", "cpu"),
        refresh,
        config.cost if any(run.settings.limited for run in config.runs()) else None,
    )


def _known(directory: Path) -> dict[str, list[ShardSpec]]:
    """Shards described in ``directory`` by their kind, in order of name."""
    known: dict[str, list[ShardSpec]] = {}
    for path in sorted(directory.glob("*.json")):
        try:
            shard = ShardSpec.parse(path.read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError, OSError):
            continue  # of another version, or damaged
        if path.stem == shard.name:  # else edited by hand: not what its name says
            known.setdefault(shard.kind, []).append(shard)
    return known


def _rectangles(
    missing: set[tuple[int, str]], runs_per_shard: int
) -> Iterator[tuple[list[int], set[str]]]:
    """Cut missing (chip, run) pairs into blocks of chips x runs of at most that many pairs.

    Chips that miss the same runs go together: a chip's runs share its inputs, its ideal products
    and where they start.
    """
    by_core: dict[int, set[str]] = {}
    for core, name in missing:
        by_core.setdefault(core, set()).add(name)
    groups: dict[frozenset[str], list[int]] = {}
    for core in sorted(by_core):
        groups.setdefault(frozenset(by_core[core]), []).append(core)
    for names, cores in groups.items():
        for some in _even_chunks(sorted(names), runs_per_shard):
            for block in _even_chunks(cores, max(1, runs_per_shard // len(some))):
                yield block, set(some)


def _even_chunks(items: list, size: int) -> Iterator[list]:
    """Cut ``items`` into the fewest chunks of at most ``size``, of nearly equal length."""
    count = -(-len(items) // size)
    for i in range(count):
        yield items[i * len(items) // count : (i + 1) * len(items) // count]
