"""Data and tables of the page of weight-agnosticism."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.elements import Cell, Table, enumerated
from aimcsim.report.estimates import estimated, number, span, with_ends, with_unit
from aimcsim.report.marks import Marks
from aimcsim.study.intervals import Estimate
from aimcsim.study.landscape import PARTS, WITHIN, Landscape, labels_of, verdict
from aimcsim.study.regret import SetEstimates, excess

NOTHING = Estimate(np.nan, np.nan, np.nan)
BINS = 8  # pieces of a hyperparameter's range that the response is drawn at
FEW = 12  # values of a hyperparameter that are drawn as they are

Landscapes = Mapping[str, Landscape]


def statistics(found: Landscapes) -> xr.Dataset:
    """What is said of every method in one number each, over ``programmed_by``."""
    many = list(found.values())

    def column(values: list[Estimate], name: str, text: str, unit: str) -> dict[str, tuple]:
        ends = [np.array([getattr(one, end) for one in values]) for end in ("value", "low", "high")]
        return with_ends(("programmed_by",), *ends, name=name, long_name=text, units=unit)

    percent = [
        [Estimate(*(100 * end for end in vars(one.variance[part]).values())) for one in many]
        for part in PARTS
    ]
    variables = column(
        [_worst(one.shared.regret) for one in many],
        "regret", "largest excess of a setting chosen on the other weight sets", "percent",
    ) | column(
        [_worst(one.shared.split_regret) for one in many],
        "cross_fitted_regret", "the same, chosen and judged on different chips", "percent",
    ) | column(
        [one.agreement or NOTHING for one in many],
        "agreement", "Kendall's W of the orderings of settings by weight sets", "1",
    )  # fmt: skip
    for part, values in zip(PARTS, percent, strict=True):
        text = f"share of the variance of the logarithm of the error: {part}"
        variables |= column(values, f"variance_{part}", text, "percent")
    plain = {
        "settings": ([len(one.points) for one in many], "settings of the method", "1"),
        "spread": (
            [one.spread.min() for one in many],
            "worst over best error of a weight set, smallest", "1",
        ),
        "within": (
            [100 * one.region.share for one in many],
            f"settings within {WITHIN:g} % of the best of every weight set", "percent",
        ),
        "predicted": (
            [one.importance.predicted if one.importance else np.nan for one in many],
            "R^2 of the surface behind the importances at settings not shown to it", "1",
        ),
    }  # fmt: skip
    for name, (values, text, unit) in plain.items():
        about = {"long_name": text, "units": unit}
        variables[name] = ("programmed_by", np.array(values, float), about)
    return xr.Dataset(variables, {"programmed_by": np.array(list(found), object)})


def _worst(regret: SetEstimates | None) -> Estimate:
    return NOTHING if regret is None else regret.worst()[1]


def transfer(found: Landscape) -> xr.Dataset:
    """Excess on one weight set of the best setting of another, and agreement of their orderings."""
    names = np.array(found.weight_sets, object)
    dims = ("tuned_on", "judged_on")
    return xr.Dataset(
        {
            "excess": (
                dims, found.transfer,
                {"long_name": "MVM error over the set's own best setting", "units": "percent"},
            ),
            "tau": (
                dims, found.tau,
                {"long_name": "Kendall's tau of the orderings of the settings", "units": "1"},
            ),
        },
        {"tuned_on": names, "judged_on": names},
    )  # fmt: skip


def importance(found: Landscapes) -> xr.Dataset | None:
    """Importance of every hyperparameter that a method sweeps; None where none is known."""
    known = {name: one.importance.total for name, one in found.items() if one.importance}
    if not known:
        return None
    keys = list(dict.fromkeys(key for total in known.values() for key in total))
    table = [[total.get(key, NOTHING) for key in keys] for total in known.values()]
    ends = [
        np.array([[getattr(one, end) for one in row] for row in table])
        for end in ("value", "low", "high")
    ]
    found_ends = with_ends(
        ("programmed_by", "hyperparameter"), *ends,
        name="importance", long_name="total-order Sobol index", units="1",
    )  # fmt: skip
    names = {"programmed_by": np.array(list(known), object)}
    return xr.Dataset(found_ends, names | {"hyperparameter": np.array(keys, object)})


def response(found: Landscape, key: str) -> xr.Dataset:
    """Excess of the best setting at each value of ``key``, or in each piece of its range.

    The other hyperparameters are free, so that a curve says what the value itself costs.
    """
    tried = found.values[key]
    places: list[Any]
    if len(tried) <= FEW or not all(isinstance(value, (int, float)) for value in tried):
        places = list(tried)
        member = np.array([tried.index(point[key]) for point in found.points])
    else:
        own = np.array([point[key] for point in found.points], float)
        edges = np.quantile(own, np.linspace(0, 1, BINS + 1))
        member = np.clip(np.searchsorted(edges, own, "right") - 1, 0, BINS - 1)
        places = [float(np.median(own[member == one])) for one in range(BINS)]
    over = 100 * np.expm1(excess(found.means))
    best = np.stack([over[:, member == one].min(axis=1) for one in range(len(places))], axis=1)
    numeric = all(isinstance(place, (int, float)) for place in places)
    values = np.array(places, float) if numeric else np.array([str(x) for x in places], object)
    about = {"long_name": "MVM error of the best setting over the set's own best"}
    return xr.Dataset(
        {"excess": (("weight_set", "value"), best, about | {"units": "percent"})},
        {"weight_set": np.array(found.weight_sets, object), "value": values},
    )


def overview(found: Landscapes, marks: Marks) -> Table:
    """Every method that is swept, a row each."""
    data = statistics(found)
    rows: list[list[Any]] = []
    for name, one in found.items():
        at = data.sel(programmed_by=name)
        cells = [
            Cell.of(Estimate(*(float(at[f"{key}{end}"]) for end in ("", "_low", "_high"))), 2)
            for key in ("regret", "cross_fitted_regret", "variance_interaction", "agreement")
        ]
        rows.append(
            [
                marks[name].label,
                f"{len(one.points)}",
                verdict(one),
                *cells,
                span(one.spread, 1),
                number(100 * one.region.share, 0),
            ]
        )
    return Table(
        "Weight-agnosticism of every method that is swept. Agnostic: regret and interaction both "
        f"at most {WITHIN:g} %, with the upper ends of their intervals",
        [
            "Method",
            "settings",
            "verdict",
            "largest regret (%)",
            "the same, chosen on other chips (%)",
            "interaction, share of variance (%)",
            "Kendall's W",
            "worst / best setting",
            f"settings within {WITHIN:g} % on all sets (%)",
        ],
        rows,
        "agnosticism",
    )


def region(found: Landscape, labels: Mapping[str, tuple[str, str]], label: str) -> Table | None:
    """The safest setting, what it tolerates, and the centre of the region."""
    inside = found.region
    if inside.safest is None:
        return None
    point, rows = found.points[inside.safest], []
    for key, tried in found.values.items():
        tolerance = (inside.tolerance or {}).get(key)
        ends = f"{tolerance[0]:.3g} to {tolerance[1]:.3g}" if tolerance else "–"
        numeric = all(isinstance(value, (int, float)) for value in tried)
        swept = f"{tried[0]:g} to {tried[-1]:g}" if numeric else ", ".join(map(str, tried))
        rows.append(
            [with_unit(*labels[key]), _text(point[key]), ends, _text(inside.centre[key]), swept]
        )
    return Table(
        f"The safest setting of {label}, how far each hyperparameter can go alone, and the median "
        f"of all settings within {WITHIN:g} %",
        ["Hyperparameter", "safest", "tolerated", "median within", "swept"],
        rows,
    )


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def edges(found: Landscape, summary: xr.Dataset) -> str:
    """Hyperparameters whose shared value lies at an end of those tried, as a sentence."""
    labels = labels_of(summary, found.name)
    texts = [f"{labels[key][0]} at its {end}est" for key, end in found.edges.items()]
    if not texts:
        return "No hyperparameter of the shared setting lies at an end of the values tried."
    return (
        f"Of the shared setting {enumerated(texts)} value tried lies at an end: further values "
        "might be better."
    )


def regrets(found: Landscapes) -> xr.Dataset:
    """Regret on every weight set left out, of every method that is swept."""
    parts = []
    for one in found.values():
        assert one.shared.regret is not None
        own = estimated(
            ("weight_set",), one.shared.regret, "regret",
            "excess of a setting chosen on the other weight sets", "percent",
        )  # fmt: skip
        parts.append(xr.Dataset(own, {"weight_set": np.array(one.weight_sets, object)}))
    names = xr.DataArray(np.array(list(found), object), dims="programmed_by", name="programmed_by")
    return xr.concat(parts, names)
