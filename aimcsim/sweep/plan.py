"""Which shards of work a study needs, given those that exist.

A shard is one job: one weight set, some cores, some hyperparameter points. It is described by a
JSON file named after its own content, so a shard never changes; the numbers it stands for depend
on nothing outside that file and the weights.

Why the plan looks at what exists. One wants shards of many points; and a value, core or weight
set added to the config must add shards and leave the others alone. No rule that sees the config
alone does both: if f maps a set of points to shards such that adding a point keeps every shard,
then, building any set one point at a time, every shard has a single point. So shards once
described are kept and reused, and only missing work is cut into new ones. Results do not depend
on the cut (random numbers are addressed by content), so a different history gives the same
summary.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimcsim.common.storage import write_text
from aimcsim.config.models import Config
from aimcsim.shards.points import digest, point_id, points

FORMAT = 1


@dataclass(frozen=True)
class Shard:
    """One job: ``content`` is what its JSON file holds."""

    name: str
    content: dict[str, Any]

    @property
    def weight_set(self) -> str:
        return self.content["weight_set"]

    def pairs(self) -> set[tuple[int, str]]:
        """(core, point id) of every run."""
        ids = [point_id(point) for point in self.content["points"]]
        return {(core, point) for core in self.content["cores"] for point in ids}


def study_shards(config: Config, directory: Path) -> list[Shard]:
    """Shards that together cover ``config``; descriptions of new ones are written.

    ``directory`` holds ``<name>.json`` (description) and, once computed, ``<name>.nc``. A shard
    that exists is used if it is computed, or if all it would compute is wanted.
    """
    return plan_shards([config], directory)[0]


def plan_shards(configs: Sequence[Config], directory: Path) -> list[list[Shard]]:
    """:func:`study_shards` of several configurations that share their shards.

    What an earlier one has planned, a later one uses, even if it wants only some of its runs, and
    before any leftover: so a leftover in the plan overlaps with nothing planned, and planning again
    while shards get computed gives the same plan.
    """
    directory = Path(directory)
    known = _known(directory)
    planned: set[str] = set()
    return [_cover(config, directory, known, planned) for config in configs]


def _cover(
    config: Config, directory: Path, known: dict[str, list[Shard]], planned: set[str]
) -> list[Shard]:
    """Shards that cover ``config``; adds new ones to ``known`` and all of them to ``planned``."""
    plan = []
    for weight_set in config.weights:
        chosen = []
        base = _base(config, weight_set)
        alike = known.setdefault(digest(base), [])
        wanted_points = {point_id(point): point for point in points(config.gdp)}
        missing = {(core, point) for core in range(config.cores) for point in wanted_points}
        for shard in sorted(alike, key=lambda shard: (shard.name not in planned, shard.name)):
            pairs = shard.pairs()
            usable = shard.name in planned or (directory / f"{shard.name}.nc").exists()
            if pairs & missing and (usable or pairs <= missing):
                chosen.append(shard)
                missing -= pairs
        for cores, ids in _rectangles(missing, config.execution.runs_per_shard):
            # Points in the order of the config, whatever the order of the set.
            content = {
                **base,
                "cores": cores,
                "points": [point for name, point in wanted_points.items() if name in ids],
            }
            shard = Shard(f"{weight_set}-{digest(content)}", content)
            write_text(directory / f"{shard.name}.json", json.dumps(content, indent=1) + "\n")
            chosen.append(shard)
            alike.append(shard)
        plan.extend(sorted(chosen, key=lambda shard: shard.name))
    planned.update(shard.name for shard in plan)
    return plan


def _base(config: Config, weight_set: str) -> dict[str, Any]:
    """What every run of a weight set shares and its numbers depend on."""
    definition = config.weights[weight_set].model_dump(mode="json")
    if "images" in definition:
        definition["images"] = None  # a network is judged by them, not programmed
    base = {
        "format": FORMAT,
        "weight_set": weight_set,
        "definition": definition,
        "seed": config.seed,
        "core": config.core.model_dump(mode="json"),
        "device": config.device.model_dump(mode="json"),
        "defects": config.defects.model_dump(mode="json"),
        "wires": config.wires.model_dump(mode="json"),
        "periphery": config.periphery.model_dump(mode="json"),
        "iterative": config.iterative.model_dump(mode="json"),
        # Settled by aimcsim.sweep.resolve before a study is planned.
        "backend": config.execution.backend.replace("auto", "cpu"),
    }
    # Named only where asked for, so that shards without them keep their names.
    if config.refresh.times:
        judged = config.evaluation
        base["refresh"] = {
            "times": list(config.refresh.times),
            "statistics": judged.statistics,
            "inputs": judged.inputs,
        }
    extra = config.extra_methods
    if extra:
        base["methods"] = list(extra)
    return base | {name: getattr(config, name).model_dump(mode="json") for name in extra}


def _known(directory: Path) -> dict[str, list[Shard]]:
    """Shards described in ``directory`` by the digest of their base, in order of name."""
    known: dict[str, list[Shard]] = {}
    for path in sorted(directory.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if path.stem != f"{content['weight_set']}-{digest(content)}":
                continue  # edited by hand: not what its name says
        except (ValueError, KeyError, TypeError, UnicodeDecodeError):
            continue
        base = {key: value for key, value in content.items() if key not in ("cores", "points")}
        known.setdefault(digest(base), []).append(Shard(path.stem, content))
    return known


def _rectangles(
    missing: set[tuple[int, str]], runs_per_shard: int
) -> Iterator[tuple[list[int], set[str]]]:
    """Cut missing (core, point) pairs into blocks of cores x points of at most that many runs.

    Cores that miss the same points go together: a core's points share its inputs, its ideal
    products and its iterative start.
    """
    by_core: dict[int, set[str]] = {}
    for core, point in missing:
        by_core.setdefault(core, set()).add(point)
    groups: dict[frozenset[str], list[int]] = {}
    for core in sorted(by_core):
        groups.setdefault(frozenset(by_core[core]), []).append(core)
    for ids, cores in groups.items():
        for some in _even_chunks(sorted(ids), runs_per_shard):
            for block in _even_chunks(cores, max(1, runs_per_shard // len(some))):
                yield block, set(some)


def _even_chunks(items: list, size: int) -> Iterator[list]:
    """Cut ``items`` into the fewest chunks of at most ``size``, of nearly equal length."""
    count = -(-len(items) // size)
    for i in range(count):
        yield items[i * len(items) // count : (i + 1) * len(items) // count]
