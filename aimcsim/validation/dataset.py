"""The laws of a study in one dataset, with a verdict on each."""

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr

from aimcsim.common.provenance import source_revision, versions
from aimcsim.validation.accumulation import accumulation
from aimcsim.validation.crossbar import SIZES, crossbar
from aimcsim.validation.sample import NEAR, distances, limit
from aimcsim.validation.states import drift, noise, residual

COMPARED = {
    "residual": ("residual_mean", "residual_spread"),
    "drift": ("drift_mean", "drift_spread"),
    "noise": ("noise_variance",),
    "accumulation": ("accumulation_mean", "accumulation_spread"),
}
"""Variables of each law that stand beside an ``_error`` and an ``_expected``."""


def build(seed: int, sizes: Sequence[int] = SIZES) -> xr.Dataset:
    """Simulate every law with the draws of ``seed`` and judge it; a second, one core.

    ``sizes`` are those of the crossbars, whose exact solutions take most of the time.
    """
    parts = [residual(seed), drift(seed), noise(seed), accumulation(seed), crossbar(seed, sizes)]
    dataset = judged(xr.merge(parts, compat="equals", join="exact", combine_attrs="drop_conflicts"))
    dataset.attrs = {
        "title": "Laws of devices and wires against what is published about them",
        "seed": seed,
        "source_revision": source_revision(),
        "versions": json.dumps(versions()),
    }
    return dataset


def judged(laws: xr.Dataset) -> xr.Dataset:
    """``laws`` with a verdict per law.

    A law holds where no simulated moment lies further from the published one than chance allows
    (:func:`aimcsim.validation.sample.limit`); the wires' approximation where no error exceeds its
    limit at the resistances that it is stated for.
    """
    rows = []
    for names in COMPARED.values():
        far = np.concatenate(
            [
                distances(*(laws[f"{name}{end}"].values for end in ("", "_error", "_expected")))
                .ravel()
                for name in names
            ]
        )  # fmt: skip
        rows.append((far.size, int((far <= NEAR).sum()), float(far.max()), limit(far.size)))
    share = laws["wires_error"] / laws["wires_limit"]
    share = share.values[share.notnull().values]
    rows.append((share.size, int((share <= 1).sum()), float(share.max()), 1.0))
    count, near, largest, limits = (np.array(column) for column in zip(*rows, strict=True))
    added = xr.Dataset(
        {
            "comparisons": ("law", count, {"long_name": "values compared", "units": "1"}),
            "near": (
                "law", near,
                {
                    "long_name": f"of these within {NEAR:g} standard errors; for wires within the "
                    "stated limit",
                    "units": "1",
                },
            ),
            "largest": (
                "law", largest,
                {
                    "long_name": "largest distance, in standard errors; for wires largest error "
                    "over its limit",
                    "units": "1",
                },
            ),
            "limit": (
                "law", limits, {"long_name": "largest that the verdict allows", "units": "1"},
            ),
            "holds": (
                "law", (largest <= limits).astype(np.int8),
                {"long_name": "1: the law agrees with its reference", "units": "1"},
            ),
        },
        {"law": np.array([*COMPARED, "wires"], dtype=object)},
    )  # fmt: skip
    return laws.merge(added)
