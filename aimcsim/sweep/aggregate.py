"""All shards of a study to one summary that opens with plain xarray."""

import json
import math
from pathlib import Path

import numpy as np
import xarray as xr

from aimcsim.chip.cost import PHASES, REFRESHING, SPENDING, spending
from aimcsim.common import provenance
from aimcsim.common.errors import UserError
from aimcsim.common.storage import read_dataset
from aimcsim.config.load import from_mapping
from aimcsim.config.models import NOT_SCIENCE, Config
from aimcsim.config.nonidealities import effects
from aimcsim.evaluation.mvm_error import COMPENSATIONS
from aimcsim.evaluation.programming_error import SHARES
from aimcsim.evaluation.variables import AGEING, ALONE, OF_STATE
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming.outcome import Status
from aimcsim.programming.settings import Gdp
from aimcsim.shards.points import point_id, points
from aimcsim.shards.spec import parse_spec

RUN = ("weight_set", "tile", "core", "method", "point")
PER_STATE = {  # variable: (dtype, value where a weight set has no such tile, attributes)
    "mvm_error": ("f4", math.nan, {"units": "percent", "long_name": "MVM error on fresh inputs"}),
    "held_error": ("f4", math.nan, {"units": "percent", "long_name": "held error: no read-out"}),
    "weight_error": ("f4", math.nan, {"units": "percent", "long_name": "conductance error"}),
    "saturation": ("f4", math.nan, {"units": "1", "long_name": "share of saturated conversions"}),
    "status": ("i1", -1, {"units": "1", "long_name": "why the run ended"}),
    "cell_reads": ("f8", math.nan, {"units": "unit cells", "long_name": "unit cells read"}),
    "mvms": ("f8", math.nan, {"units": "MVMs", "long_name": "MVMs while programming"}),
    "pulses": ("f8", math.nan, {"units": "pulses", "long_name": "pulses fired, of any kind"}),
    "set_pulses": ("f8", math.nan, {"units": "pulses", "long_name": "of these, full SETs"}),
}


LONGEST = ("error_per_iteration", "spent_per_iteration")
OVER_TIME = {
    "error_over_time": "MVM error at a time after programming",
    "held_over_time": "the same without read-out and read noise",
}
REFRESHED = {
    "drifted_error": ("percent", "MVM error after drift, before programming again"),
    "refreshed_error": ("percent", "MVM error after programming again"),
    "refresh_status": ("1", "why programming again ended"),
    "refresh_cell_reads": ("unit cells", "unit cells read to program again"),
    "refresh_mvms": ("MVMs", "MVMs to program again"),
    "refresh_pulses": ("pulses", "pulses fired to program again"),
    "refresh_set_pulses": ("pulses", "of these, full SETs"),
}


def summarise(
    plan: dict, shards: Path, evaluated: Path, weights: Path, split: Path | None = None
) -> xr.Dataset:
    """Merge the shards of a plan.

    Parameters
    ----------
    plan : ``{"config": ..., "shards": [names], "command": ...}``, see :func:`read_plan`
    shards, evaluated : folders of ``<shard>.nc`` (records, and evaluations)
    weights : folder of ``<weight set>.nc``
    split : folder of ``<shard>.nc`` with errors by effect; None: the study has none

    Only GDP depends on the point; the values of other methods are repeated along it.

    Raises
    ------
    UserError
        A file is missing or damaged, a run is in no shard, two shards disagree about the same
        iterative run, or shards were programmed by different back ends.
    """
    config = _as_programmed(from_mapping(plan["config"], "plan"), plan["shards"], shards)
    swept = points(config.gdp)
    back_ends = _BackEnds()
    merged = {
        name: _merge_set(config, name, swept, plan["shards"], shards, evaluated, split, back_ends)
        for name in config.weights
    }
    tiles = max(len(part["rows"]) for part in merged.values())
    iterations = max(part["error_per_iteration"].shape[-1] for part in merged.values())
    variables = _stack(merged, tiles, iterations)
    variables |= _spending(config, merged, tiles, iterations)
    variables |= _networks(config, merged, weights)
    if "hadamard" in config.methods:
        note = variables["error_per_iteration"][2]
        note["comment"] += "; hadamard: relative error of the decoded conductances"
    return xr.Dataset(
        variables,
        _coordinates(config, swept, tiles, iterations) | _split_coordinates(variables),
        _attributes(config) | {"command": plan["command"]} | back_ends.attributes(),
    )


def _as_programmed(config: Config, names: list[str], shards: Path) -> Config:
    """``config`` with the numbers that its device's files had, which its shards hold."""
    if not config.device.files():
        return config.model_copy(update={"device": config.device.resolved()})
    record = read_dataset(Path(shards) / f"{names[0]}.nc")
    return config.model_copy(update={"device": parse_spec(record.attrs["shard"]).device})


class _BackEnds:
    """What programmed and what judged the shards of a study."""

    def __init__(self):
        self.programmed: dict[str, list[str]] = {}  # by: files
        self.judged: set[str] = set()

    def note(self, path: Path, record: xr.Dataset, judged: xr.Dataset) -> None:
        # Records from before back ends were noted: what their description asked for.
        kind = record.attrs.get("backend") or parse_spec(record.attrs["shard"]).backend
        self.programmed.setdefault(kind, []).append(str(path))
        self.judged.add(judged.attrs.get("judged_by", kind))
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


def _merge_set(
    config, weight_set, swept, names, shards, evaluated, split, back_ends
) -> dict[str, np.ndarray]:
    """Arrays of one weight set over (tile, core, method, point, ...)."""
    position = {point_id(point): index for index, point in enumerate(swept)}
    merged: dict[str, np.ndarray] = {}
    filled = np.zeros((config.cores, len(swept)), bool)
    for name in names:
        record = read_dataset(Path(shards) / f"{name}.nc")
        if record.attrs.get("weight_set") != weight_set:
            continue
        judged = read_dataset(Path(evaluated) / f"{name}.nc")
        back_ends.note(Path(shards) / f"{name}.nc", record, judged)
        wanted = [(i, int(core)) for i, core in enumerate(record["core"]) if core < config.cores]
        columns = [
            (i, position[state])
            for i, state in enumerate(record["state"].values.tolist())
            if state in position
        ]
        source, target = (list(axis) for axis in zip(*wanted, strict=True))
        column, point = (list(axis) for axis in zip(*columns, strict=True))
        both = record.merge(judged, compat="override", join="override")
        if split is not None:
            parts = read_dataset(Path(split) / f"{name}.nc")
            both = both.merge(parts, compat="override", join="override")
        for variable in both.data_vars:
            values = both[variable]
            if "state" in values.dims:
                if "tile" not in values.dims:
                    values = values.expand_dims("tile")
                grid = (config.cores, len(config.methods), len(swept))
                _place(merged, variable, values.values, source, target, column, point, grid)
            elif "core" in values.dims:
                shape = (values.sizes["tile"], config.cores, *values.shape[2:])
                array = merged.setdefault(variable, np.full(shape, math.nan, values.dtype))
                array[:, target] = values.values[:, source]
            else:
                merged[variable] = values.values
        filled[np.ix_(target, point)] = True
    if not filled.all():
        core, point = np.argwhere(~filled)[0]
        raise UserError(
            f"weight set {weight_set}: no shard holds core {core} at point {point}. "
            "Run the workflow again; it computes what is missing."
        )
    return merged


def _place(merged, variable, values, source, target, column, point, grid) -> None:
    """Put a shard's (tile, core, state, ...) values into (tile, core, method, point, ...).

    A shard's first states are its baselines, in the order of the methods, of which GDP is the last.
    """
    rest = values.shape[3:]
    if variable not in merged:
        shape = (values.shape[0], *grid, *rest)
        merged[variable] = np.full(
            shape, math.nan if values.dtype.kind == "f" else -1, values.dtype
        )
    array = merged[variable]
    if variable in LONGEST and rest[0] > array.shape[4]:  # a longer budget in this shard
        grown = np.full((*array.shape[:4], *rest), math.nan, array.dtype)
        grown[..., : array.shape[4]] = array
        array = merged[variable] = grown
    length = (slice(0, rest[0]),) if rest else ()
    tiles, baselines = range(values.shape[0]), range(grid[1] - 1)
    chosen = values[:, source]
    array[(*np.ix_(tiles, target, [grid[1] - 1], point), *length)] = chosen[:, :, None, column]
    baseline = chosen[:, :, : len(baselines), None]
    everywhere = (*np.ix_(tiles, target, baselines, range(grid[2])), *length)
    before = array[everywhere]
    absent = np.isnan(before) if before.dtype.kind == "f" else before == -1
    if not rest and not (absent | (before == baseline)).all():
        raise UserError(
            f"two shards disagree on {variable} of the same run without hyperparameters: they "
            "come from different code. Delete the study's results folder and run again."
        )
    array[everywhere] = baseline


def _stack(merged, tiles: int, iterations: int) -> dict[str, tuple]:
    variables = {}
    for name, (dtype, absent, attributes) in PER_STATE.items():
        parts = [_pad(part[name].astype(dtype), 0, tiles, absent) for part in merged.values()]
        variables[name] = (RUN, np.stack(parts), attributes)
    if "calibrated_error" in next(iter(merged.values())):
        parts = [_pad(part["calibrated_error"], 0, tiles, math.nan) for part in merged.values()]
        label = "MVM error behind a digital scale and offset per column set after programming"
        attributes = {"units": "percent", "long_name": label}
        variables["calibrated_error"] = (RUN, np.stack(parts), attributes)
    status = dict(variables["status"][2])
    status["flag_values"] = np.array([int(value) for value in Status], np.int8)
    status["flag_meanings"] = " ".join(value.name.lower() for value in Status)
    variables["status"] = (*variables["status"][:2], status)
    parts = [
        _pad(_pad(part["error_per_iteration"], 0, tiles, math.nan), 4, iterations, math.nan)
        for part in merged.values()
    ]
    variables["error_per_iteration"] = (
        (*RUN, "iteration"),
        np.stack(parts),
        {
            "units": "percent",
            "long_name": "error per iteration as measured through the ports",
            "comment": "iterative: relative error of the unit-cell reads; gdp: relative error of "
            "the iteration's own MVMs; NaN once a run has stopped",
        },
    )
    variables |= _residue(merged, tiles) | _over_time(merged, tiles)
    variables |= _split(merged, tiles) | _refreshed(merged, tiles)
    per_tile = ("weight_set", "tile")
    for name, units in (("rows", "cells"), ("columns", "cells"), ("scale", "1")):
        values = [_pad(part[name].astype("f8"), 0, tiles, math.nan) for part in merged.values()]
        variables[name] = (per_tile, np.stack(values), {"units": units})
    cells = variables["rows"][1] * variables["columns"][1]
    variables["cells"] = (per_tile, cells, {"units": "cells", "long_name": "unit cells used"})
    return variables


def _spending(config: Config, merged, tiles: int, iterations: int) -> dict[str, tuple]:
    """Time and energy of programming, by what took them and per iteration."""
    found = [spending(part, config.cost) for part in merged.values()]
    variables = {}
    for name, (last, attributes) in (SPENDING | REFRESHING).items():
        if name not in found[0]:
            continue
        parts = [_pad(part[name], 0, tiles, math.nan) for part in found]
        if last == "iteration":
            parts = [_pad(part, 4, iterations, math.nan) for part in parts]
        variables[name] = ((*RUN, last), np.stack(parts), attributes)
    return variables


def _residue(merged, tiles: int) -> dict[str, tuple]:
    """What programming left, over the target conductance."""
    names = {"residue_mean": "mean", "residue_spread": "standard deviation"}
    return {
        name: (
            (*RUN, "conductance"),
            np.stack([_pad(part[name], 0, tiles, math.nan) for part in merged.values()]),
            {"units": "uS", "long_name": f"conductance error of programmed cells, {moment}"},
        )
        for name, moment in names.items()
    }


def _over_time(merged, tiles: int) -> dict[str, tuple]:
    """Errors at times after programming; nothing where the study has no times."""
    if "open_loop_error" not in next(iter(merged.values())):
        return {}
    aged = ("time", "compensation")
    variables = {}
    for name, label in OVER_TIME.items():
        parts = [_pad(part[name], 0, tiles, math.nan) for part in merged.values()]
        variables[name] = (
            (*RUN, *aged), np.stack(parts), {"units": "percent", "long_name": label},
        )  # fmt: skip
    parts = [_pad(part["open_loop_error"], 0, tiles, math.nan) for part in merged.values()]
    label = "MVM error of targets with the published residue of iterative programming"
    variables["open_loop_error"] = (
        ("weight_set", "tile", "core", *aged),
        np.stack(parts),
        {"units": "percent", "long_name": label},
    )
    scores = np.stack([part["accuracy_over_time"][0] for part in merged.values()])
    variables["accuracy_over_time"] = (
        ("weight_set", "core", "method", "point", "time"),
        scores,
        {
            "units": "percent",
            "long_name": "accuracy at a time after programming, without drift compensation",
        },
    )
    return variables


def _split(merged, tiles: int) -> dict[str, tuple]:
    """MVM errors by effect; nothing where the study did not split them."""
    unit = ("weight_set", "tile", "core")
    known = {
        "split_alone": ((*unit, "effect"), "MVM error of exact targets with one effect"),
        "split_ageing": ((*unit, "time", "ageing"), "the same, of effects that grow over time"),
        "split_of_state": ((*RUN, "part"), "MVM error of programmed cores, by part"),
    }
    return {
        name: (
            dims,
            np.stack([_pad(part[name], 0, tiles, math.nan) for part in merged.values()]),
            {"units": "percent", "long_name": label},
        )
        for name, (dims, label) in known.items()
        if name in next(iter(merged.values()))
    }


def _split_coordinates(variables: dict[str, tuple]) -> dict[str, list[str]]:
    """Names along the dimensions of the errors by effect that there are."""
    dims = {dim for values in variables.values() for dim in values[0]}
    known = {"effect": ALONE, "part": OF_STATE, "ageing": AGEING}
    return {name: list(names) for name, names in known.items() if name in dims}


def _refreshed(merged, tiles: int) -> dict[str, tuple]:
    """What programming again after drift changed; nothing where the study does not."""
    variables = {}
    for name, (units, label) in REFRESHED.items():
        if name in next(iter(merged.values())):
            last = ("refresh_time", "compensation") if units == "percent" else ("refresh_time",)
            absent = -1 if name == "refresh_status" else math.nan
            parts = [part[name] for part in merged.values()]
            parts = [_pad(p if absent == -1 else p.astype(float), 0, tiles, absent) for p in parts]
            attributes = {"units": units, "long_name": label}
            variables[name] = ((*RUN, *last), np.stack(parts), attributes)
    return variables


def _networks(config: Config, merged, weights: Path) -> dict[str, tuple]:
    software, images = [], []
    for name in config.weights:
        dataset = read_dataset(Path(weights) / f"{name}.nc")
        software.append(dataset.attrs.get("software_accuracy", math.nan))
        images.append(dataset.sizes.get("test_image", math.nan))
    scores = np.stack([part["accuracy"][0] for part in merged.values()])
    return {
        "accuracy": (
            ("weight_set", "core", "method", "point"),
            scores,
            {"units": "percent", "long_name": "accuracy of the network on programmed cores"},
        ),
        "software_accuracy": (
            ("weight_set",),
            np.array(software, "f8"),
            {"units": "percent", "long_name": "accuracy of the network in float32 software"},
        ),
        "test_images": (("weight_set",), np.array(images, "f8"), {"units": "images"}),
    }


def _coordinates(config: Config, swept, tiles: int, iterations: int) -> dict:
    coordinates = {
        "weight_set": list(config.weights),
        "tile": np.arange(tiles),
        "core": np.arange(config.cores),
        "method": list(config.methods),
        "point": np.arange(len(swept)),
        "iteration": np.arange(1, iterations + 1),
        "phase": list(PHASES),
        "point_id": ("point", [point_id(point) for point in swept]),
    }
    for name, field in Gdp.model_fields.items():
        attributes = {"long_name": field.description}
        unit = (field.json_schema_extra or {}).get("unit")
        if unit:
            attributes["units"] = unit
        # "iterations" would be taken for the dimension's coordinate.
        label = "iterations_budget" if name == "iterations" else name
        coordinates[label] = ("point", [point[name] for point in swept], attributes)
    coordinates["conductance"] = (
        "conductance", SHARES, {"units": "g_max", "long_name": "target conductance, bin centre"},
    )  # fmt: skip
    laws = BY_NAME[config.evaluation.statistics]
    g_max = config.device.g_max * config.core.devices_per_polarity
    coordinates["published_spread"] = (
        "conductance",
        laws.sigma_prog(SHARES * g_max / laws.g_max),
        {"units": "uS", "long_name": f"published residue of programming, {laws.name}"},
    )
    if config.evaluation.times:
        units = {"units": "s", "long_name": "time after programming"}
        coordinates["time"] = ("time", list(config.evaluation.times), units)
    if config.refresh.times:
        units = {"units": "s", "long_name": "time after programming, when programmed again"}
        coordinates["refresh_time"] = ("refresh_time", list(config.refresh.times), units)
    if config.evaluation.times or config.refresh.times:
        coordinates["compensation"] = list(COMPENSATIONS)
    return coordinates


def _attributes(config: Config) -> dict[str, str]:
    science = config.model_dump(mode="json", exclude=NOT_SCIENCE)
    return {
        "title": f"aimcsim study {config.study}: iterative against gradient-descent programming",
        "study": config.study,
        "seed": config.seed,
        "config": json.dumps(science),
        "effects": json.dumps(effects(config)),
        "versions": json.dumps(provenance.versions()),
        "source_revision": provenance.source_revision(),
        "source_digest": provenance.source_digest(
            "aimcsim.sweep.shard", "aimcsim.evaluation.judge", "aimcsim.evaluation.error_budget"
        ),
    }


def _pad(array: np.ndarray, axis: int, length: int, value) -> np.ndarray:
    width = [(0, 0)] * array.ndim
    width[axis] = (0, length - array.shape[axis])
    return np.pad(array, width, constant_values=value)


def read_plan(path: Path) -> dict:
    """Read ``plan.json``; a :class:`UserError` names a file that is none."""
    try:
        plan = json.loads(Path(path).read_text(encoding="utf-8"))
        return {"config": plan["config"], "shards": plan["shards"], "command": plan["command"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not a plan of the workflow ({error}). Delete it and run the workflow again."
        ) from error
