"""Every core at the chosen settings, the worst first, and the settings at which runs failed."""

import numpy as np
import xarray as xr

from aimcsim.report.elements import Table
from aimcsim.report.estimates import number
from aimcsim.report.marks import Marks
from aimcsim.report.pages.programming.outcomes import STATUS_NAMES
from aimcsim.report.study import Study
from aimcsim.study.failures import KINDS, failures
from aimcsim.study.measures import STATUSES, positions, present

MOST = 500  # rows of a table on the page; the files have all. Ours


def every_core(study: Study, marks: Marks) -> xr.Dataset:
    """MVM error of every core after every method that programs, over ``row``, the worst first.

    A core is one tile of a weight set on one chip. Each method is at the setting chosen for the
    weight set. The order is that of the subject's error; one without a finite error is the worst.
    """
    summary = study.summary
    chosen = study.chosen(summary["mvm_error"].astype(float))
    status = study.chosen(summary["status"])
    dims = ("weight_set", "tile", "core")
    names = [study.subject, *(name for name in study.programming if name != study.subject)]
    errors = {
        name: chosen.sel(programmed_by=name).transpose(*dims).values
        for name in names
    }  # fmt: skip
    ended = status.sel(programmed_by=study.subject).transpose(*dims).values
    there = np.nonzero(ended >= 0)
    errors = {name: _unlimited(values[there]) for name, values in errors.items()}
    order = np.argsort(-errors[study.subject], kind="stable")
    where = [place[order] for place in there]

    variables: dict[str, tuple] = {
        "weight_set": _text(summary["weight_set"].values[where[0]], "weight set"),
        "tile": ("row", where[1], {"long_name": "tile of the weight set", "units": "1"}),
        "chip": ("row", summary["core"].values[where[2]], {"long_name": "chip", "units": "1"}),
    }
    for name in names:
        text = f"MVM error after {marks[name].in_text}"
        values = errors[name][order]
        variables[f"error_{name}"] = ("row", values, {"long_name": text, "units": "percent"})
    pair = marks[study.subject].in_text, marks[study.baseline].in_text
    if study.baseline in names:
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = (errors[study.subject] / errors[study.baseline])[order]
        text = f"MVM error after {pair[0]} over that after {pair[1]}"
        variables["ratio"] = ("row", ratio, {"long_name": text, "units": "1"})
    texts = np.array([STATUS_NAMES[STATUSES[int(flag)]] for flag in ended[there][order]], object)
    variables["status"] = _text(texts, f"how {pair[0]} ended")
    return xr.Dataset(variables)


def _text(values: np.ndarray, label: str) -> tuple:
    return "row", values.astype(object), {"long_name": label, "units": "1"}


def _unlimited(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.inf)


def cores_table(study: Study, data: xr.Dataset, marks: Marks) -> Table:
    """The worst ``MOST`` cores."""
    names = [name.removeprefix("error_") for name in map(str, data) if name.startswith("error_")]
    columns = [marks[name].label for name in names]
    if "ratio" in data:
        columns.append(f"{marks[study.subject].in_text} / {marks[study.baseline].in_text}")
    values = [data[f"error_{name}"].values for name in names]
    values += [data["ratio"].values] if "ratio" in data else []
    count = min(MOST, data.sizes["row"])
    rows = [
        [
            str(rank + 1),
            str(data["weight_set"].values[rank]),
            str(int(data["tile"].values[rank])),
            str(int(data["chip"].values[rank])),
            *(number(float(column[rank])) for column in values),
            str(data["status"].values[rank]),
        ]
        for rank in range(count)
    ]
    shown = "Every core" if count == data.sizes["row"] else f"The worst {count:,} cores"
    return Table(
        f"{shown}: MVM error in percent after each method, the largest after "
        f"{marks[study.subject].in_text} first",
        ["Rank", "weight set", "tile", "chip", *columns, str(data["status"].attrs["long_name"])],
        rows,
        "every_core",
    )


def failed(study: Study) -> xr.Dataset:
    """Runs that failed at every setting of every method that programs, by kind.

    ``failed`` (run, kind), ``any`` and ``runs`` (run); over all weight sets, tiles and chips.
    """
    summary = study.summary
    places = np.concatenate([positions(summary, name) for name in study.programming])
    found = failures(summary).isel(run=places)
    over = [dim for dim in found.dims if dim not in ("run", "kind")]
    counted = {"units": "1"}
    runs = present(summary).isel(run=places).sum(over)
    return xr.Dataset(
        {
            "failed": (
                ("run", "kind"),
                found.sum(over).transpose("run", "kind").values,
                {"long_name": "runs that failed in this way"} | counted,
            ),
            "failed_at_all": (
                "run",
                found.any("kind").sum(over).values,
                {"long_name": "runs that failed in any way"} | counted,
            ),
            "runs": ("run", runs.values, {"long_name": "runs (tile x chip)"} | counted),
        },
        coords={
            "run": summary["run"].values[places].astype(object),
            "method": ("run", summary["method"].values[places].astype(object)),
            "setting": ("run", np.array([study.setting_text(int(k)) for k in places], object)),
            "kind": list(KINDS),
        },
    )


def failed_table(data: xr.Dataset, marks: Marks) -> Table | None:
    """Settings at which some run failed, the largest share first; None where none did."""
    share = data["failed_at_all"].values / data["runs"].values
    order = [int(k) for k in np.argsort(-share, kind="stable") if share[k] > 0][:MOST]
    if not order:
        return None
    rows = [
        [
            marks[str(data["method"].values[k])].label,
            str(data["setting"].values[k]),
            f"{int(data['runs'].values[k]):,}",
            f"{int(data['failed_at_all'].values[k]):,}",
            *(f"{int(count):,}" for count in data["failed"].values[k]),
        ]
        for k in order
    ]
    return Table(
        "Settings at which runs failed, the largest share first; a run can fail in several ways",
        ["Method", "setting", "runs", "failed", *KINDS.values()],
        rows,
        "failures",
    )


def improved(data: xr.Dataset) -> tuple[int, int]:
    """Cores that the subject leaves with the smaller error, and all."""
    return int((data["ratio"].values < 1).sum()), data.sizes["row"]
