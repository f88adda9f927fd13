"""All shards of a study to one summary that opens with plain xarray."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.chip.core import COUNTERS
from aimcsim.chip.cost import PHASES, REFRESHING, SPENDING, spending
from aimcsim.chip.statistics import laws_on
from aimcsim.common import provenance
from aimcsim.common.errors import UserError
from aimcsim.common.paths import Results
from aimcsim.common.section import unit_of
from aimcsim.common.storage import read_dataset
from aimcsim.config.checks import warnings
from aimcsim.config.methods import labels
from aimcsim.config.models import NOT_SCIENCE, Config
from aimcsim.config.nonidealities import effects
from aimcsim.config.sample import sample
from aimcsim.shards.runs import Run, coordinates_of
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.plan import Plan, judging, sources_of_shard

_FOR_COST_ALONE = frozenset({"pulse_current", "refresh_pulse_current", "spent_per_iteration"})
_NOT_OF_RUNS = frozenset(
    {"rows", "columns", "scale", "target_rms", "strongest_column", "zero_columns"}
)
_STATUSES = frozenset({"status", "refresh_status"})


def summarise(results: Results, case: str = "") -> xr.Dataset:
    """Merge the shards of a study, or of a case of its comparisons.

    Returns
    -------
    Dataset over (weight_set, tile, core, run, ...). A run is a method with one setting: ``method``,
    ``algorithm`` and every hyperparameter are coordinates along ``run``, NaN or empty where a
    method has no such key. NaN, and a status of -1, where a weight set has no such tile.

    Raises
    ------
    UserError
        A file is missing or damaged, a run is in no shard, two shards disagree about the same run,
        or shards were programmed by different back ends.
    """
    plan = Plan.read(results.plan(case))
    config = _as_programmed(plan, results)
    runs = config.runs()
    with_budget = config.evaluation.error_budget and not case
    back_ends = _BackEnds()

    def files(shard: str) -> Iterator[tuple[Path, xr.Dataset]]:
        """Of one shard: its record, its evaluation, and its error budget where that is wanted."""
        wanted = Path(results.description(shard)).read_bytes()
        names = [results.record(shard), results.evaluated(judging(config.evaluation), shard)]
        if with_budget:
            names.append(results.budget(judging(config.evaluation), shard))
        for path in map(Path, names):
            data = read_dataset(path)
            if data.attrs.get("shard", "").encode() != wanted:
                raise UserError(
                    f"{path}: is of another shard than its name says. Delete it and run the "
                    "workflow again."
                )
            yield path, data

    merged = [
        _merge(config, runs, weight_set, plan.shards, files, back_ends)
        for weight_set in config.weights
    ]
    tiles = max(part.sizes["tile"] for part in merged)
    joined = xr.concat(
        [_padded(part, tiles) for part in merged],
        xr.DataArray(list(config.weights), dims="weight_set", name="weight_set"),
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    cells = (joined["rows"] * joined["columns"]).assign_attrs(
        units="cells", long_name="unit cells used"
    )
    coordinates = _coordinates(config, runs, joined["conductance"].values)
    joined = joined.assign(cells=cells).assign_coords(coordinates).drop_vars("counter")
    joined.attrs = _attributes(config, plan) | {"command": plan.command} | back_ends.attributes()
    return joined


def _as_programmed(plan: Plan, results: Results) -> Config:
    """The study with the numbers of its device, as its shards hold them."""
    device = ShardSpec.read(Path(results.description(plan.shards[0]))).device
    return plan.config.model_copy(update={"device": device})


class _BackEnds:
    """What programmed and what judged the shards of a study."""

    def __init__(self) -> None:
        self.programmed: dict[str, list[str]] = {}  # by: files
        self.judged: set[str] = set()

    def note(self, path: Path, record: xr.Dataset, judged: xr.Dataset) -> None:
        self.programmed.setdefault(record.attrs["backend"], []).append(str(path))
        self.judged.add(judged.attrs["judged_by"])
        self._refuse_a_mix()

    def _refuse_a_mix(self) -> None:
        by = sorted(self.programmed.items())
        if len({kind.partition(":")[0] for kind, _ in by}) > 1:
            found = "; ".join(f"{kind} ({', '.join(paths)})" for kind, paths in by)
            raise UserError(
                f"shards of one study were programmed by different back ends: {found}. Set "
                "execution.backend to one of them, delete the files of the other and run again."
            )

    def attributes(self) -> dict[str, str]:
        """Of the summary."""
        return {
            "backend": "; ".join(sorted(self.programmed)),
            "judged_by": "; ".join(sorted(self.judged)),
        }


class _Grid:
    """Variables of one weight set over (tile, core, run, ...), filled shard by shard."""

    def __init__(self, config: Config, runs: Sequence[Run]):
        self.sizes = {"core": config.cores, "run": len(runs)}
        self.position = {run.id: index for index, run in enumerate(runs)}
        self.iterations = max(run.settings.longest(config.core) for run in runs)
        self.filled = np.zeros((config.cores, len(runs)), bool)
        self.variables: dict[str, xr.Variable] = {}
        self.coordinates: dict[str, Any] = {"iteration": np.arange(1, self.iterations + 1)}

    def put(self, shard: xr.Dataset, path: Path) -> None:
        """File what is wanted of a shard; ``path`` is named where it contradicts another."""
        names = shard["run"].values.tolist()
        kept = {
            "core": [i for i, core in enumerate(shard["core"].values) if core < self.sizes["core"]],
            "run": [i for i, name in enumerate(names) if name in self.position],
        }
        to = {
            "core": shard["core"].values[kept["core"]].tolist(),
            "run": [self.position[names[index]] for index in kept["run"]],
        }
        for dim in shard.indexes:
            if dim not in (*to, "iteration"):
                self.coordinates[str(dim)] = shard[dim].variable
        before = self.filled[np.ix_(to["core"], to["run"])]
        for name, variable in shard.data_vars.items():
            values = variable.variable.isel(
                {dim: kept[dim] for dim in kept if dim in variable.dims}
            )
            if "iteration" in values.dims:
                values = values.isel(iteration=slice(0, self.iterations))
            self._place(str(name), values, to, before, path)
        self.filled[np.ix_(to["core"], to["run"])] = True

    def _place(self, name: str, values: xr.Variable, to, before: np.ndarray, path: Path) -> None:
        if name not in self.variables:
            sizes = dict(values.sizes) | {d: n for d, n in self.sizes.items() if d in values.dims}
            if "iteration" in sizes:
                sizes["iteration"] = self.iterations
            empty = np.full(tuple(sizes.values()), _absent(name, values.dtype))
            self.variables[name] = xr.Variable(values.dims, empty, values.attrs)
        whole = self.variables[name].values
        chosen = [to.get(dim, range(size)) for dim, size in values.sizes.items()]
        where = np.ix_(*chosen) if chosen else ()
        if values.dims == ("tile", "core", "run") and before.any():
            known, same = whole[where], values.values
            agree = (known == same) | (_is_absent(name, known) & _is_absent(name, same))
            if not (agree | ~before).all():
                raise UserError(
                    f"{path}: disagrees with another shard on {name} of the same run; they come "
                    "from different code. Delete the study's results folder and run again."
                )
        whole[where] = values.values

    def dataset(self, weight_set: str) -> xr.Dataset:
        if not self.filled.all():
            core, run = np.argwhere(~self.filled)[0]
            name = list(self.position)[run]
            raise UserError(
                f"weight set {weight_set}: no shard holds core {core} of run {name}. "
                "Run the workflow again; it computes what is missing."
            )
        return xr.Dataset(self.variables, self.coordinates)


def _absent(name: str, dtype: np.dtype) -> Any:
    """What stands where there is no value: -1 for a status; else NaN, also for counts."""
    if name in _STATUSES:
        return np.int8(-1)
    return np.array(np.nan, dtype if dtype.kind == "f" else np.float64)[()]


def _is_absent(name: str, values: np.ndarray) -> np.ndarray:
    return values == -1 if name in _STATUSES else np.isnan(values)


def _merge(
    config: Config,
    runs: Sequence[Run],
    weight_set: str,
    shards: Sequence[str],
    files: Callable[[str], Iterator[tuple[Path, xr.Dataset]]],
    back_ends: _BackEnds,
) -> xr.Dataset:
    """All variables of one weight set, over (tile, core, run, ...)."""
    grid = _Grid(config, runs)
    of_set = (shard for shard in shards if shard.rpartition("-")[0] == weight_set)
    for shard in of_set:
        (path, record), *others = files(shard)
        judged = [data for _, data in others]
        back_ends.note(path, record, judged[0])
        whole = xr.merge([record, *judged], compat="override", join="override")
        grid.put(whole.drop_vars("matrix"), path)
    found = grid.dataset(weight_set)
    spent = spending({str(name): found[name].values for name in found}, config.cost)
    known = SPENDING | REFRESHING
    costs = {
        name: (("tile", "core", "run", known[name][0]), values, known[name][1])
        for name, values in spent.items()
    }
    found = found.assign(costs | _while_programming(found))
    return found.drop_vars([name for name in found if name in _FOR_COST_ALONE])


def _while_programming(found: xr.Dataset) -> dict[str, xr.DataArray]:
    """What the ports tell of runs that went wrong; NaN where a run used them for nothing."""
    conversions = found["mvms"] * found["columns"]
    at_first = {"iteration": 0, "counter": COUNTERS.index("pulses")}
    first = found["spent_per_iteration"].isel(at_first, drop=True)
    values = {
        "mvm_saturation": (found["saturated"] / conversions.where(conversions > 0), "1"),
        "read_saturation": (
            found["saturated_reads"] / found["cell_reads"].where(found["cell_reads"] > 0), "1",
        ),
        "tuning_pulses": (found["pulses"] - first, "pulses"),
    }  # fmt: skip
    texts = {
        "mvm_saturation": "share of saturated conversions of MVMs while programming",
        "read_saturation": "share of saturated cell reads while programming",
        "tuning_pulses": "pulses fired after the first measurement",
    }
    return {
        name: part.transpose("tile", "core", "run").assign_attrs(units=units, long_name=texts[name])
        for name, (part, units) in values.items()
    }


def _padded(part: xr.Dataset, tiles: int) -> xr.Dataset:
    """``part`` with as many tiles as the weight set that has most."""
    more = {"tile": (0, tiles - part.sizes["tile"])}
    variables = {}
    for name, variable in part.data_vars.items():
        values = variable.variable
        if name in _NOT_OF_RUNS:
            values = values.astype(float)
        if "tile" in values.dims:
            absent = _absent(str(name), values.dtype)
            values = values.pad(more, constant_values=absent, keep_attrs=True)
        variables[name] = values
    return xr.Dataset(variables, {name: part[name] for name in part.coords if name != "tile"})


def _coordinates(config: Config, runs: Sequence[Run], shares: np.ndarray) -> dict[str, Any]:
    laws = laws_on(config.evaluation.statistics, config.device, config.core.unit_cell)
    return {
        **coordinates_of(runs),
        "core": np.arange(config.cores),
        "draws": (
            "weight_set",
            [definition.independent_draws for definition in config.weights.values()],
            {"units": "1", "long_name": "independent draws of the matrices, one for each chip"},
        ),
        "phase": list(PHASES),
        "published_spread": (
            "conductance",
            laws.sigma_prog(shares),
            {"units": "uS", "long_name": f"published programming error, {laws.name}"},
        ),
    }


def _attributes(config: Config, plan: Plan) -> dict[str, Any]:
    science = config.model_dump(mode="json", exclude=set(NOT_SCIENCE))
    names = labels(config.methods)
    return {
        "title": f"aimcsim study {config.study}: {names[config.subject]} against "
        f"{names[config.baseline]}",
        "study": config.study,
        "seed": config.seed,
        "baseline": config.baseline,
        "subject": config.subject,
        "methods": json.dumps(_about_methods(config, names)),
        "config": json.dumps(science),
        "effects": json.dumps(effects(config)),
        "sample": sample(config),
        **({"warnings": json.dumps(found)} if (found := warnings(config)) else {}),
        "versions": json.dumps(provenance.versions()),
        "source_revision": provenance.source_revision(),
        "source_digest": provenance.source_digest(
            "aimcsim.evaluation.shard", *sources_of_shard(config.runs(), config.device)
        ),
    }


def _about_methods(config: Config, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a reader has to know of each method, in the order of the study."""
    return [
        {
            "name": name,
            "label": names[name],
            "algorithm": entry.algorithm,
            "sees": entry.method.sees,
            "hyperparameters": {
                key: {
                    "label": key.replace("_", " "),
                    "unit": unit_of(field),
                }
                for key, field in entry.method.model_fields.items()
            },
        }
        for name, entry in config.methods.items()
    ]
