"""Residual, drift and read noise of conductance states: simulated draws against their laws.

Every function simulates the three published populations with
:mod:`aimcsim.physics.state_statistics` and lays the moments of the draws beside those that
:mod:`aimcsim.validation.published` predicts.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from aimcsim.common.random import Quantity
from aimcsim.physics.state_statistics import (
    BY_NAME,
    StateStatistics,
    drift_exponents,
    drifted,
    open_loop,
    read_noise,
)
from aimcsim.validation.published import STATES, clipped_normal, folded_normal, noise_variance
from aimcsim.validation.sample import Moments, normals

SHARES = np.array([0.03, 0.07, 0.12, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0])
"""Conductances over g_max, on both sides of every breakpoint of the laws."""
NOISE_SHARES = np.array([0.05, 0.3, 1.0])
CURVE = np.linspace(0.005, 1, 200)
YEAR = 365 * 86400.0  # s
DEVICES = 50_000  # per conductance: moments within 0.5 % of their value
READS = 50_000  # per conductance and time
TIMES = 6

Statistics = Mapping[str, StateStatistics]


def _moments(name: str, seen: list[Moments], expected: list[tuple], unit: str, what: str) -> dict:
    """Variables ``<name>_mean`` and ``<name>_spread`` with error and expectation."""
    dims = ("statistics", "share")
    variables = {}
    for index, moment in enumerate(("mean", "spread")):
        text = f"{'mean' if moment == 'mean' else 'standard deviation'} of {what}"
        for end, values, more in (
            ("", [getattr(one, moment) for one in seen], "simulated"),
            ("_error", [getattr(one, f"{moment}_error") for one in seen], "standard error"),
            ("_expected", [one[index] for one in expected], "by the published law"),
        ):
            attributes = {"long_name": f"{text}, {more}", "units": unit}
            variables[f"{name}_{moment}{end}"] = (dims, np.stack(values), attributes)
    return variables


def _curves(**curves: tuple[str, str, str]) -> dict:
    """Published curves over ``curve_share``: name of the variable, the curve, text and unit."""
    return {
        f"{name}_curve": (
            ("statistics", "curve_share"),
            np.stack([getattr(one, curve)(CURVE) for one in STATES.values()]),
            {"long_name": text, "units": unit},
        )
        for name, (curve, text, unit) in curves.items()
    }


def _dataset(variables: dict, statistics: Statistics) -> xr.Dataset:
    share = {"long_name": "conductance over g_max", "units": "1"}
    names = np.array(list(STATES), dtype=object)
    coordinates = {
        "statistics": ("statistics", names, {"long_name": "population of devices"}),
        "source": ("statistics", np.array([statistics[n].source for n in STATES], dtype=object)),
        "share": ("share", SHARES, share),
        "noise_share": ("noise_share", NOISE_SHARES, share),
        "curve_share": ("curve_share", CURVE, share),
    }
    used = {"source"} | {dim for dims, *_ in variables.values() for dim in dims}
    return xr.Dataset(variables, {k: v for k, v in coordinates.items() if k in used})


def residual(seed: int, statistics: Statistics = BY_NAME) -> xr.Dataset:
    """Deviation from the target that ``open_loop`` draws, against the published polynomial.

    The law's clip at zero conductance is in the expected moments (a clipped normal), not in the
    published curve.
    """
    seen, expected = [], []
    for group, (name, published) in enumerate(STATES.items()):
        targets = SHARES * published.g_max
        draws = np.stack(
            [
                normals(seed, Quantity.OPEN_LOOP, point, group, 0, DEVICES)
                for point in range(len(SHARES))
            ]
        )
        drawn = open_loop(statistics[name], targets[:, None], draws)
        seen.append(Moments.of(drawn - targets[:, None]))
        mean, spread = clipped_normal(targets, published.sigma(SHARES))
        expected.append((mean - targets, spread))
    what = "the deviation from the target"
    return _dataset(
        _moments("residual", seen, expected, "uS", what)
        | _curves(residual_spread=("sigma", "published standard deviation", "uS")),
        statistics,
    )


def drift(seed: int, statistics: Statistics = BY_NAME) -> xr.Dataset:
    """Drift exponents, fitted device by device, against the published mean and spread.

    Each device starts at t0 at exactly its conductance and is observed without read noise at six
    times to one year; its exponent is the slope of log g over log t. The expected moments are those
    of |Normal|, the curves the mean and spread before folding.
    """
    seen, expected = [], []
    for group, (name, published) in enumerate(STATES.items()):
        times = np.geomspace(published.t0, YEAR, TIMES)
        along = np.log(times) - np.log(times).mean()
        fitted = []
        for point, share in enumerate(SHARES):
            g = np.full(DEVICES, share * published.g_max)
            draws = normals(seed, Quantity.DRIFT_EXPONENT, point, group, 0, DEVICES)
            nu = drift_exponents(statistics[name], g, draws)
            later = drifted(statistics[name], g, nu, times[:, None])
            fitted.append(-along @ np.log(later) / (along @ along))
        seen.append(Moments.of(np.stack(fitted)))
        expected.append(folded_normal(published.drift_mean(SHARES), published.drift_spread(SHARES)))
    return _dataset(
        _moments("drift", seen, expected, "1", "the fitted drift exponent")
        | _curves(
            drift_mean=("drift_mean", "published mean before folding", "1"),
            drift_spread=("drift_spread", "published standard deviation before folding", "1"),
        ),
        statistics,
    )


def noise(seed: int, statistics: Statistics = BY_NAME) -> xr.Dataset:
    """Variance of reads over the square of the conductance, against the published growth.

    The conductance is held: drift has its own comparison.
    """
    dims = ("statistics", "noise_share", "moment")
    shape = (len(STATES), len(NOISE_SHARES), TIMES)
    variance, error, expected = (np.empty(shape) for _ in range(3))
    times = np.stack([np.geomspace(one.t0, YEAR, TIMES) for one in STATES.values()])
    for group, (name, published) in enumerate(STATES.items()):
        for point, share in enumerate(NOISE_SHARES):
            g = share * published.g_max
            for moment, t in enumerate(times[group]):
                draws = normals(seed, Quantity.SLOW_READ, point, group, moment, READS)
                reads = g + read_noise(statistics[name], g, t) * draws.astype(float)
                spread = Moments.of(reads)
                variance[group, point, moment] = spread.spread**2 / g**2
                # To first order: d(s^2) = 2 s ds.
                error[group, point, moment] = 2 * spread.spread * spread.spread_error / g**2
            expected[group, point] = noise_variance(published, share, times[group])
    text = "variance of a read over the square of the conductance"
    return _dataset(
        {
            "noise_variance": (dims, variance, {"long_name": f"{text}, simulated", "units": "1"}),
            "noise_variance_error": (
                dims, error, {"long_name": f"{text}, standard error", "units": "1"},
            ),
            "noise_variance_expected": (
                dims, expected, {"long_name": f"{text}, by the published law", "units": "1"},
            ),
            "noise_time": (
                ("statistics", "moment"), times,
                {"long_name": "time since programming", "units": "s"},
            ),
        },
        statistics,
    )  # fmt: skip
