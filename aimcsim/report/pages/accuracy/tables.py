"""The data behind the page of networks: accuracies with their intervals, errors of layers."""

import json
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.mapping.tiles import Piece, Tile
from aimcsim.programming.settings import METHODS
from aimcsim.report.estimates import (
    time_text,
)
from aimcsim.study.accuracy import STUDY
from aimcsim.study.intervals import mean_interval
from aimcsim.sweep.moments import PROGRAMMED

_ENDS = ("", "_low", "_high")
_CELLS = {"odp": "ODP", "tdp": "TDP", "max_fill": "max fill"}


def of_network(accuracy: xr.Dataset, name: str) -> xr.Dataset:
    """What was inferred of one network: cases, methods and layers that it has, in order.

    Where the study is no case of its own, it goes by the name of its unit cell.
    """
    one = accuracy.sel({"network": name}, drop=True)
    there = one["accuracy"].notnull()
    one = one.isel(case=np.flatnonzero(there.any([d for d in there.dims if d != "case"])))
    methods = [method for method in METHODS if method in one["method"].values]
    cell = json.loads(accuracy.attrs["config"])["core"]["unit_cell"]
    cases = [cell if case == STUDY else case for case in map(str, one["case"].values)]
    one = one.assign_coords(case=cases)
    number = one["layer_matrix"].values
    layers = [int(place) for place in np.argsort(number) if np.isfinite(number[place])]
    one = one.sel({"method": methods}).isel(layer=layers)
    if "training_phase" not in one:
        return one
    return one.dropna("epoch", subset=["training_phase"])  # that of another network


def accuracies(one: xr.Dataset, level: float) -> xr.Dataset:
    """Mean over chips by case, moment, compensation and method, and GDP's gain over iterative.

    ``gain`` is paired over chips. Intervals: Student t.
    """
    values = one["accuracy"]
    difference = values.sel({"method": "gdp"}) - values.sel({"method": "iterative"})
    found: dict[str, Any] = {}
    for name, of, text, units in (
        ("accuracy", values, "accuracy on test images, mean over chips", "percent"),
        ("gain", difference, "accuracy of GDP less that of iterative programming", "points"),
    ):
        of = of.drop_vars([c for c in of.coords if c not in of.dims]).transpose(..., "core")
        for end, array in zip(_ENDS, _interval(of, level), strict=True):
            side = {"": "", "_low": ", lower end", "_high": ", upper end"}[end]
            attributes = {"units": units, "long_name": f"{text}{side}"}
            found[f"{name}{end}"] = (of.dims[:-1], array, attributes)
        found[f"{name}_cores"] = (of.dims, of.values, {"units": units, "long_name": text})
    kept = ("time", "adc_bits", "software_accuracy", "converter_accuracy")
    coords = {dim: one[dim].values for dim in (*values.dims,)}
    return xr.Dataset(found, coords).assign({name: one[name] for name in kept})


def _interval(values: xr.DataArray, level: float) -> list[np.ndarray]:
    """Mean over cores, the last axis, with its interval; a case may have fewer cores."""
    ends: list[list[np.ndarray]] = []
    for case in values["case"].values:
        own = values.sel({"case": case}).dropna("core", how="all")
        ends.append(mean_interval(own.values, level))
    axis = values.dims.index("case")
    return [np.stack(arrays, axis=axis) for arrays in zip(*ends, strict=True)]


def layer_errors(one: xr.Dataset, level: float) -> xr.Dataset:
    """MVM error of each layer, mean over chips, by case, moment, compensation and method."""
    values = one["layer_error"].transpose(..., "core")
    found = {}
    for end, array in zip(_ENDS, _interval(values, level), strict=True):
        attributes = {"units": "percent", "long_name": f"MVM error of a layer {end[1:]}".strip()}
        found[f"error{end}"] = (values.dims[:-1], array, attributes)
    data = xr.Dataset(found, {dim: values[dim].values for dim in values.dims if dim != "core"})
    return data.assign({name: one[name] for name in ("time", "adc_bits")})


def relation(one: xr.Dataset) -> xr.Dataset:
    """MVM error, root mean square over layers, and loss of accuracy, of every chip and moment."""
    squares = np.square(one["layer_error"]).mean("layer")
    rms = np.sqrt(squares).assign_attrs(
        units="percent", long_name="MVM error, root mean square over layers"
    )
    lost = (one["software_accuracy"] - one["accuracy"]).assign_attrs(
        units="points", long_name="accuracy in software less that on the chip"
    )
    # ``core`` would keep them out of the CSV file.
    return xr.Dataset({"layer_error": rms, "lost": lost}).rename(core="chip")


def aged(data: xr.Dataset, case: str | None = None) -> list[str]:
    """Moments at the resolution of programming: right after it, then times; those of a case."""
    names = [str(name) for name in data["moment"].values]
    names = [name for name in names if name == PROGRAMMED or name.startswith("time")]
    if case is None:
        return names
    times = data["time"].sel({"case": case})
    return [n for n in names if n == PROGRAMMED or np.isfinite(times.sel({"moment": n}))]


def rank_correlation(relation: xr.Dataset) -> float:
    """Spearman's, of layers' errors and lost accuracy at :func:`aged` moments; NaN below 3."""
    from scipy.stats import spearmanr  # half a second to import

    first = relation.isel(compensation=0).sel({"moment": aged(relation)})
    x, y = first["layer_error"].values.ravel(), first["lost"].values.ravel()
    known = np.isfinite(x) & np.isfinite(y)
    return float(spearmanr(x[known], y[known]).statistic) if known.sum() > 2 else float("nan")


def confused(one: xr.Dataset) -> xr.Dataset:
    """Images per chip that change their answer against software, right after programming.

    By class and answer; more above 0. First case, first compensation.
    """
    at = one.isel(case=0, compensation=0).sel({"moment": PROGRAMMED})
    chips = int(at["accuracy"].notnull().any("method").sum("core"))
    change = at["confusion"] / chips - one["software_confusion"]
    change = change.dropna("actual", how="all").dropna("said", how="all")
    change = change.drop_vars([c for c in change.coords if c not in change.dims])
    return xr.Dataset(
        {
            "change": change.assign_attrs(
                units="images", long_name="test images per chip, more than in software"
            )
        }
    )


def tiles_of(one: xr.Dataset) -> tuple[list[Tile], list[str]]:
    """The cores that the pieces of a network lie on, and the names of its layers."""
    pieces = one.dropna("piece", how="any") if "piece" in one.dims else one
    names = ("matrix", "row", "column", "rows", "columns", "at_row", "at_column")
    table = {name: pieces[f"piece_{name}"].values.astype(int) for name in names}
    core = pieces["piece_core"].values.astype(int)
    extents = (int(one.attrs["rows"]), int(one.attrs["columns"]))
    tiles = []
    for index in range(core.max() + 1):
        held = [
            Piece(
                **{name: int(values[k]) for name, values in table.items()},
                scale=np.ones(int(table["columns"][k]), np.float32),
            )
            for k in np.flatnonzero(core == index)
        ]
        tiles.append(Tile(index, *extents, tuple(held)))
    return tiles, [str(name) for name in one["layer"].values]


def moment_text(one: xr.Dataset, moment: str) -> str:
    """'right after programming', '1 day', '5 bits'."""
    at = one.sel({"moment": moment})
    times = at["time"].values
    known = np.unique(times[np.isfinite(times)])
    if known.size:
        return " / ".join(time_text(float(time)) for time in known)
    if moment == PROGRAMMED:
        return "right after programming"
    return f"{int(np.nanmax(at['adc_bits'].values))} bits"


def case_text(case: str) -> str:
    """A case by its own name, without that of its comparison; cells as the field writes them."""
    name = case.rsplit("/", 1)[-1]
    return _CELLS.get(name, name)


def case_phrase(case: str) -> str:
    """A case in a sentence: 'on TDP cells', 'in case ‘8’'."""
    name = case.rsplit("/", 1)[-1]
    return f"on {_CELLS[name]} cells" if name in _CELLS else f"in case ‘{name}’"
