"""The data behind the page of networks: accuracies with their intervals, errors of layers.

The evaluation times of the dataset are named: ``programmed`` (right after it), times after that,
and other resolutions of the ADC.
"""

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr

from aimcsim.mapping.tiles import Piece, Tile
from aimcsim.networks.evaluation_time import PROGRAMMED
from aimcsim.report.estimates import mean_over_cores, time_text
from aimcsim.report.marks import Marks
from aimcsim.report.study import Study
from aimcsim.study.accuracy import STUDY

_CELLS = {"odp": "ODP", "tdp": "TDP", "max_fill": "max fill"}


def of_network(accuracy: xr.Dataset, name: str, methods: Sequence[str]) -> xr.Dataset:
    """What was inferred of one network: cases, methods and layers that it has, in order.

    Where the study is no case of its own, it goes by the name of its unit cell. ``methods`` are
    those of the study, in order.
    """
    one = accuracy.sel({"network": name}, drop=True)
    there = one["accuracy"].notnull()
    one = one.isel(case=np.flatnonzero(there.any([d for d in there.dims if d != "case"])))
    known = [method for method in methods if method in one["programmed_by"].values]
    cell = json.loads(accuracy.attrs["config"])["core"]["unit_cell"]
    cases = [cell if case == STUDY else case for case in map(str, one["case"].values)]
    one = one.assign_coords(case=cases)
    number = one["layer_matrix"].values
    layers = [int(place) for place in np.argsort(number) if np.isfinite(number[place])]
    one = one.sel(programmed_by=known).isel(layer=layers)
    if "training_phase" not in one:
        return one
    return one.dropna("epoch", subset=["training_phase"])  # that of another network


def accuracies(one: xr.Dataset, level: float, study: Study, marks: Marks) -> xr.Dataset:
    """Mean over chips by case, evaluation time, compensation and method.

    ``gain`` is the accuracy of the subject less that of the baseline, paired over chips.
    """
    values = _bare(one["accuracy"])
    pair = (study.subject, study.baseline)
    above, below = (values.sel(programmed_by=name, drop=True) for name in pair)
    text = "accuracy of {} less that of {}".format(*(marks[name].in_text for name in pair))
    found = [
        mean_over_cores(of, name, about, units, level, skip_missing=True)
        for name, of, about, units in (
            ("accuracy", values, "accuracy on test images, mean over chips", "percent"),
            ("gain", above - below, text, "points"),
        )
    ]
    kept = ("time", "adc_bits", "software_accuracy", "converter_accuracy")
    return xr.merge(found).assign({name: one[name] for name in kept})


def _bare(values: xr.DataArray) -> xr.DataArray:
    """Without coordinates beside those of its dimensions."""
    return values.drop_vars([name for name in values.coords if name not in values.dims])


def layer_errors(one: xr.Dataset, level: float) -> xr.Dataset:
    """MVM error of each layer, mean over chips, by case, evaluation time, compensation, method."""
    values = _bare(one["layer_error"])
    data = mean_over_cores(
        values, "error", "MVM error of a layer", "percent", level, skip_missing=True
    )
    return data.drop_vars("error_cores").assign({name: one[name] for name in ("time", "adc_bits")})


def relation(one: xr.Dataset) -> xr.Dataset:
    """MVM error, root mean square over layers, and lost accuracy, of every chip and time."""
    squares = (one["layer_error"] ** 2).mean("layer")
    rms = xr.DataArray(np.sqrt(squares)).assign_attrs(
        units="percent", long_name="MVM error, root mean square over layers"
    )
    lost = (one["software_accuracy"] - one["accuracy"]).assign_attrs(
        units="points", long_name="accuracy in software less that on the chip"
    )
    # ``core`` would keep them out of the CSV file.
    return xr.Dataset({"layer_error": rms, "lost": lost}).rename(core="chip")


def aged(data: xr.Dataset, case: str | None = None) -> list[str]:
    """Evaluation times at the resolution of programming: right after it, then later ones.

    Those of one case where it is given.
    """
    names = [str(name) for name in data["evaluation_time"].values]
    names = [name for name in names if name == PROGRAMMED or name.startswith("time")]
    if case is None:
        return names
    times = data["time"].sel({"case": case})
    return [n for n in names if n == PROGRAMMED or np.isfinite(times.sel(evaluation_time=n))]


def rank_correlation(relation: xr.Dataset) -> float:
    """Spearman's, of layers' errors and lost accuracy at the times of :func:`aged`; NaN below 3."""
    from scipy.stats import spearmanr  # half a second to import

    first = relation.isel(compensation=0).sel(evaluation_time=aged(relation))
    x, y = first["layer_error"].values.ravel(), first["lost"].values.ravel()
    known = np.isfinite(x) & np.isfinite(y)
    return float(spearmanr(x[known], y[known]).statistic) if known.sum() > 2 else float("nan")


def confused(one: xr.Dataset) -> xr.Dataset:
    """Images per chip that change their answer against software, right after programming.

    By class and answer; more above 0. First case, first compensation.
    """
    at = one.isel(case=0, compensation=0).sel(evaluation_time=PROGRAMMED)
    chips = int(at["accuracy"].notnull().any("programmed_by").sum("core"))
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


def when_text(one: xr.Dataset, name: str) -> str:
    """'right after programming', '1 day', '5 bits'."""
    at = one.sel(evaluation_time=name)
    times = at["time"].values
    known = np.unique(times[np.isfinite(times)])
    if known.size:
        return " / ".join(time_text(float(time)) for time in known)
    if name == PROGRAMMED:
        return "right after programming"
    return f"{float(np.nanmax(at['adc_bits'].values)):.3g} bits"


def case_text(case: str) -> str:
    """A case by its own name, without that of its comparison; cells as the field writes them."""
    name = case.rsplit("/", 1)[-1]
    return _CELLS.get(name, name)


def case_phrase(case: str) -> str:
    """A case in a sentence: 'on TDP cells', 'in case ‘8’'."""
    name = case.rsplit("/", 1)[-1]
    return f"on {_CELLS[name]} cells" if name in _CELLS else f"in case ‘{name}’"
