"""The page of the laws: each held against what is published, with the published curve drawn in."""

from typing import Any

import xarray as xr

from aimcsim.report.elements import Material, Page
from aimcsim.report.estimates import number
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.laws import figures as law_figures

_LAWS = {
    "residual": (
        "Programming error",
        "mean and standard deviation at 10 targets, 3 populations",
    ),
    "drift": (
        "Drift",
        "mean and standard deviation of fitted exponents at 10 conductances, 3 populations",
    ),
    "noise": ("Read noise", "variance at 6 times and 3 conductances, 3 populations"),
    "accumulation": ("SET accumulation", "mean and standard deviation after 0 to 20 pulses"),
    "wires": ("IR drop", "output currents of 14 crossbars, approximate against exact"),
}  # fmt: skip
FIGURES = {
    "laws_residual": ("residual_", law_figures.residual),
    "laws_drift": ("drift_", law_figures.drift),
    "laws_noise": ("noise_", law_figures.noise),
    "laws_accumulation": ("accumulation_", law_figures.accumulation),
    "laws_wires": ("wires_", law_figures.crossbar),
}
_CURVES = ("curve_share",)


@PAGES.register("laws")
class Laws(Page):
    """Of a study with a dataset ``laws``."""

    file = "laws.html"
    label = "Laws"
    order = 60
    needs = "laws"

    @classmethod
    def context(cls, material: Material) -> dict[str, Any]:
        """Draw every law."""
        laws = material.further["laws"]
        parts = {
            name: laws[[variable for variable in laws.data_vars if str(variable).startswith(stem)]]
            for name, (stem, _) in FIGURES.items()
        }
        plots = {name: draw(parts[name]) for name, (_, draw) in FIGURES.items()}
        return {
            "figures": material.draw(plots),
            "data": material.write({name: _table(part) for name, part in parts.items()}),
            "answer": answer(laws),
            "verdicts": [_row(laws, law) for law in _LAWS],
            "sources": _sources(laws),
            "seed": laws.attrs.get("seed", "not recorded"),
            "revision": laws.attrs.get("source_revision", "not recorded"),
            "limits": {
                law_figures.KINDS[str(kind)]: (
                    number(float(laws["wires_limit"].sel({"kind": kind}).max()), 0),
                    f"{_judged(laws, str(kind)):g}",
                )
                for kind in laws["kind"].values
            },
        }


def _table(part: xr.Dataset) -> xr.Dataset:
    """What the CSV file holds: the compared values. Curves stand in laws.nc."""
    return part.drop_dims([dim for dim in _CURVES if dim in part.dims])


def _sources(laws: xr.Dataset) -> dict[str, str]:
    return {
        law_figures.POPULATIONS[str(name)]: str(source)
        for name, source in zip(
            laws["statistics"].values, laws["source"].values, strict=True
        )
    }  # fmt: skip


def _near(laws: xr.Dataset, variables: tuple[str, ...]) -> tuple[int, int, float]:
    """Values within 3 standard errors, values in all, and the largest distance."""
    far = [abs(laws[name] - laws[f"{name}_expected"]) / laws[f"{name}_error"] for name in variables]
    within = sum(int((one <= law_figures.ERRORS).sum()) for one in far)
    return within, sum(one.size for one in far), max(float(one.max()) for one in far)


def _judged(laws: xr.Dataset, kind: str) -> float:
    """Largest resistance, Ohm, at which the approximation is held to its limit."""
    limits = laws["wires_limit"].sel({"kind": kind})
    return float(laws["ohm"].where(limits.notnull()).max())


def _counted(within: int, count: int) -> str:
    return f"all {count}" if within == count else f"{within} of {count}"


def answer(laws: xr.Dataset) -> list[str]:
    """The page in a few sentences, with its numbers."""
    within, count, largest = _near(laws, ("residual_spread",))
    text = _counted(within, count)
    sentences = [
        f"{text[0].upper()}{text[1:]} simulated standard deviations of the programming error "
        f"lie within 3 standard errors of the published polynomials; largest distance "
        f"{number(largest, 1)}."
    ]
    rest = []
    for law, name in (
        ("drift", "moments of fitted drift exponents"),
        ("noise", "variances of read noise"),
        ("accumulation", "moments under SET pulses"),
    ):
        row = laws.sel({"law": law})
        near = _counted(int(row["near"]), int(row["comparisons"]))
        rest.append(f"{near} {name} ({number(float(row['largest']), 1)})")
    sentences.append(f"Likewise {rest[0]}, {rest[1]} and {rest[2]}.")
    errors, largest = laws["wires_error"].max("size"), float(laws["ohm"].max())
    random = float(errors.sel({"kind": ["uniform", "weights"]}).max())
    hardest, ohm = errors.sel({"kind": "diagonal"}), _judged(laws, "diagonal")
    sentences.append(
        f"The approximate IR drop lies within {number(random, 2)} % of the exact one for random "
        f"conductances up to {largest:g} Ohm per cell, and within "
        f"{number(float(hardest.sel({'ohm': ohm})), 1)} % for the hardest pattern up to {ohm:g} "
        f"Ohm; there it is {number(float(hardest.sel({'ohm': largest})), 1)} % off at {largest:g} "
        "Ohm."
    )
    failed = [_LAWS[str(law)][0] for law in laws["law"].values if not laws["holds"].sel(law=law)]
    if failed:
        sentences.insert(0, f"Not all laws hold: {', '.join(failed)}.")
    return sentences


def _row(laws: xr.Dataset, law: str) -> dict[str, Any]:
    row = laws.sel({"law": law})
    name, compared = _LAWS[law]
    statistical = law != "wires"
    unit = "standard errors" if statistical else "of its limit"
    return {
        "id": law,
        "name": name,
        "compared": compared,
        "near": f"{int(row['near'])} of {int(row['comparisons'])}",
        "largest": f"{number(float(row['largest']), 2)} {unit}",
        "limit": number(float(row["limit"]), 2),
        "verdict": "holds" if int(row["holds"]) else "fails",
    }
