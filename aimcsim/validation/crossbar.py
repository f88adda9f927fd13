"""IR drop: the approximation that simulations can afford against the exact nodal solution."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from aimcsim.common.random import Quantity
from aimcsim.physics import crossbar as wires
from aimcsim.validation.sample import normals, uniforms

SIZES = (64, 256)
OHMS = (0.35, 1.0, 2.5)  # per cell pitch, of both wires
INPUTS = 8
G_MAX, G_RESET = 10.35, 0.1  # uS
LIMITS = {"uniform": 1.0, "weights": 1.0, "diagonal": 5.0}
"""Percent of the deviation: the error that counts as agreement. 1 for random conductances, as
:func:`aimcsim.physics.crossbar.effective_conductance` documents."""
KINDS = tuple(LIMITS)
JUDGED = {"uniform": 2.5, "weights": 2.5, "diagonal": 0.35}
"""Largest resistance, Ohm, for which the approximation is held to its limit. Where conductances
are far from row mean times column mean it holds for small drops alone; beyond, its error is shown
and not judged."""


def conductances(seed: int, kind: str, size: int) -> np.ndarray:
    """One polarity (size, size), uS.

    ``uniform`` on [0, G_MAX]; ``weights``: the positive part of Gaussian weights, 3 standard
    deviations at G_MAX; ``diagonal``: G_MAX in the quarter with the longest wires and in the one
    opposite, G_RESET elsewhere.
    """
    cells = size * size
    if kind == "uniform":
        drawn = G_MAX * uniforms(seed, Quantity.G_SET, 1, size, 0, cells)
    elif kind == "weights":
        drawn = G_MAX / 3 * normals(seed, Quantity.G_SET, 2, size, 0, cells)
        drawn = np.clip(drawn, G_RESET, G_MAX)
    else:
        upper = np.arange(size) < size // 2
        drawn = np.where(upper[:, None] != upper, G_MAX, G_RESET)
    return drawn.reshape(size, size).astype(np.float64)


def crossbar(seed: int, sizes: Sequence[int] = SIZES) -> xr.Dataset:
    """Deviation that wires cause in the output currents, and the approximation's error of it.

    Both L2 over outputs and random inputs uniform on [-1, 1]; the deviation relative to the
    currents, the error relative to the deviation.
    """
    axes = KINDS, sizes, OHMS
    shape = tuple(map(len, axes))
    deviation, approximate, error = (np.empty(shape) for _ in range(3))
    for at in np.ndindex(shape):
        kind, size, ohm = (names[k] for names, k in zip(axes, at, strict=True))
        g = conductances(seed, kind, size)
        drawn = uniforms(seed, Quantity.MVM_INPUT, 0, size, 0, INPUTS * size)
        x = 2.0 * drawn.reshape(INPUTS, size).astype(np.float64) - 1
        ideal = x @ g
        exact = wires.exact(g, x, ohm, ohm) - ideal
        nearly = x @ wires.effective_conductance(g, ohm, ohm) - ideal
        deviation[at] = 100 * np.linalg.norm(exact) / np.linalg.norm(ideal)
        approximate[at] = 100 * np.linalg.norm(nearly) / np.linalg.norm(ideal)
        error[at] = 100 * np.linalg.norm(nearly - exact) / np.linalg.norm(exact)
    dims = ("kind", "size", "ohm")
    text = "deviation of the output currents that wires cause"
    return xr.Dataset(
        {
            "wires_deviation": (
                dims, deviation,
                {"long_name": f"{text}, exact, of the currents", "units": "percent"},
            ),
            "wires_approximate": (
                dims, approximate,
                {"long_name": f"{text}, approximate, of the currents", "units": "percent"},
            ),
            "wires_error": (
                dims, error,
                {"long_name": f"error of the approximate {text}, of it", "units": "percent"},
            ),
            "wires_limit": (
                ("kind", "ohm"),
                [[limit if ohm <= JUDGED[kind] else np.nan for ohm in OHMS]
                 for kind, limit in LIMITS.items()],
                {
                    "long_name": "largest error that counts as agreement; missing: not judged",
                    "units": "percent",
                },
            ),
        },
        {
            "kind": np.array(KINDS, dtype=object),
            "size": ("size", list(sizes), {"long_name": "rows and columns", "units": "1"}),
            "ohm": ("ohm", list(OHMS), {"long_name": "wire per cell pitch", "units": "Ohm"}),
        },
    )  # fmt: skip
