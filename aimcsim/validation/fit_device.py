"""Fit the melt-quench model to what is published of iterative programming, and to nothing else.

Published are the programming error of program-and-verify over the target conductance, with one
device per polarity (HERMES_ODP) and with two (HERMES_TDP), and the slow read noise at their t0; the
two together give the error of MVMs at t0. Our loop is run on uniform weights with 30 % zeros, with
the parameters under trial, and these are moved until both agree, for both unit cells at once. No
gradient-descent programming takes part.

The chip has one converter a column: the noise of a conversion, of verifies and of MVMs alike, is
fitted together with the parameters of the device. A larger one brings the programming error closer
to the curves, and the MVM error at t0 away from what is published; hence both are fitted.

Programming errors are taken as the column's own converter sees them, behind its gain: so the chip
measures them, and so every MVM meets them. What a gain adds to the true conductance is not in them.
Our reading.

Whether the chip read accepted cells again is not published (``reverify`` of
:mod:`aimcsim.programming.iterative`): each is fitted by itself.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from aimcsim import kernels
from aimcsim.chip.core import Cores, UnitCores, manufacture
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.drift import age
from aimcsim.chip.inputs import inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import devices_per_polarity
from aimcsim.common.random import Phase
from aimcsim.evaluation.mvm_error import mvm_errors
from aimcsim.evaluation.programming_error import SHARES, programming_error
from aimcsim.physics.state_statistics import HERMES_ODP, HERMES_TDP, read_noise
from aimcsim.programming import iterative
from aimcsim.programming.iterative import Iterative

CURVES = {"odp": HERMES_ODP, "tdp": HERMES_TDP}
FITTED = SHARES > 0.1  # shares of g_max that count
SIDE = 256
ZEROS = 0.3  # of the weights
INPUTS = 256  # MVMs that the error at t0 is measured by

PARAMETERS = (
    "current_jitter_slope", "quench_noise", "read_noise", "i_width_mean", "adc_noise",
)  # fmt: skip
"""What is fitted, of the device and of its converters; the search starts at what they are."""
SMALLEST = 0.005  # of a parameter where the search starts
FIXED = {"current_jitter": 0.0}
"""Where it is free too, beside its growth with the current, the search takes it to zero."""
FIRST_STEP = 1.5  # factor
SEARCHES = 2
ERROR_WEIGHT = 2.0  # of an MVM error, beside a curve. Ours
CONVERTERS = frozenset(Periphery.model_fields)


@dataclass(frozen=True)
class Trial:
    """What iterative programming leaves on one core."""

    spread: np.ndarray
    """Of the programming error, float32 over ``SHARES``, uS."""
    error: float
    """Of MVMs at t0 of the published laws, with their slow read noise, percent."""


@dataclass(frozen=True)
class Fit:
    """Parameters found, and by unit cell how far they are from what is published."""

    device: MeltQuench
    converters: Periphery
    values: dict[str, float]
    distance: dict[str, float]
    """Root mean square of ours / published - 1 of the programming error, 1."""
    error: dict[str, float]
    """Of MVMs at t0, percent."""


def weights(seed: int) -> np.ndarray:
    """Uniform weights with zeros, (SIDE, SIDE)."""
    generator = np.random.default_rng(seed)
    drawn = generator.uniform(-1, 1, (SIDE, SIDE))
    drawn[generator.random(drawn.shape) < ZEROS] = 0
    return drawn


def program(
    unit_cell: str, device: MeltQuench, converters: Periphery, method: Iterative, seed: int = 1
) -> Trial:
    """Program one core of :func:`weights` and judge it."""
    g_max = device.g_max * devices_per_polarity(unit_cell)
    targets = (g_max * weights(seed)[None]).astype(np.float32)
    zero = np.zeros(1, np.uint32)
    units = manufacture(
        seed, zero, zero, targets, device, converters, kernels.backend("cpu"), unit_cell
    )
    cores = Cores(units, zero)
    iterative.program(cores, targets, method)
    held = cores.true_conductances()
    net = np.einsum("d,ndrc->nrc", units.polarity, held) * units.converters.gain[:, None]
    left = programming_error(net, targets, np.arange(len(net)), units.g_max)
    spread = left["programming_error_spread"][0]
    return Trial(spread, error_at_t0(units, held, targets))


def error_at_t0(units: UnitCores, held: np.ndarray, targets: np.ndarray) -> float:
    """MVM error, percent, of U cores at conductances ``held`` (U, D, R, C), uS.

    After one global scale. The published slow read noise stands in place of the white one.
    """
    every = np.arange(len(held))
    laws = list(CURVES.values())[units.devices_per_polarity - 1]
    aged = age(units, held[:, None], laws, laws.t0, 0).read[:, 0]
    quiet = dataclasses.replace(units, device=units.model.read_silently())
    x = inputs(units, "uniform", INPUTS, 0, Phase.EVALUATION)
    y = Cores(quiet, every, aged, Phase.EVALUATION).mvm(x, every)
    return float(mvm_errors(y, x @ targets, every)[:, 1].mean())


def published(unit_cell: str, device: MeltQuench) -> np.ndarray:
    """The published spread at the same shares of g_max, uS."""
    g_max = device.g_max * devices_per_polarity(unit_cell)
    return CURVES[unit_cell].on(g_max).sigma_prog(SHARES)


def published_error(unit_cell: str) -> float:
    """MVM error at t0 that the published laws alone give on :func:`weights`, percent."""
    laws, share = CURVES[unit_cell], np.abs(weights(1))
    target = share * laws.g_max
    variance = laws.sigma_prog(share) ** 2 + read_noise(laws, target, laws.t0) ** 2
    return float(100 * np.sqrt(variance.sum() / np.square(target).sum()))


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Root mean square of ours / theirs - 1 over 0.1 to 1 of g_max."""
    return float(np.sqrt(np.mean((ours[FITTED] / theirs[FITTED] - 1) ** 2)))


def judged(
    device: MeltQuench, converters: Periphery, method: Iterative, values: Mapping[str, float],
    unit_cells: tuple[str, ...] = tuple(CURVES),
) -> Fit:  # fmt: skip
    """How far ``values`` are from what is published, in place of those of the sections."""
    own = {name: value for name, value in values.items() if name not in CONVERTERS}
    theirs = {name: value for name, value in values.items() if name in CONVERTERS}
    device = device.model_copy(update=own)
    converters = converters.model_copy(update=theirs)
    trials = {name: program(name, device, converters, method) for name in unit_cells}
    return Fit(
        device,
        converters,
        dict(values),
        {name: distance(trial.spread, published(name, device)) for name, trial in trials.items()},
        {name: trial.error for name, trial in trials.items()},
    )


def fit(
    device: MeltQuench,
    converters: Periphery,
    method: Iterative,
    unit_cells: tuple[str, ...] = tuple(CURVES),
    evaluations: int = 240,
    progress: Callable[[], None] = lambda: None,
) -> Fit:
    """Fit ``PARAMETERS`` to the curves of ``unit_cells`` together, by Nelder-Mead.

    The loss adds up the squares of the distance from each curve and, ``ERROR_WEIGHT``-fold, of the
    relative distance from each published MVM error. The search is over the logarithms of the
    parameters.
    """
    expected = {name: published_error(name) for name in unit_cells}

    def at(logarithms: np.ndarray, cells: tuple[str, ...]) -> Fit:
        found = zip(PARAMETERS, np.exp(logarithms).tolist(), strict=True)
        values = FIXED | {name: min(value, _largest(name)) for name, value in found}
        return judged(device, converters, method, values, cells)

    def loss(logarithms: np.ndarray) -> float:
        progress()
        found = at(logarithms, unit_cells)
        return sum(
            found.distance[name] ** 2 + ERROR_WEIGHT * (found.error[name] / expected[name] - 1) ** 2
            for name in unit_cells
        )

    configured = device.model_dump() | converters.model_dump()
    best = np.log([max(configured[name], SMALLEST) for name in PARAMETERS])
    edges = np.log(FIRST_STEP) * np.vstack([np.zeros(len(best)), np.eye(len(best))])
    for _ in range(SEARCHES):  # each from a fresh simplex about the best so far
        options = {"maxfev": evaluations // SEARCHES, "xatol": 0.01, "fatol": 1e-5}
        options["initial_simplex"] = best + edges
        best = minimize(loss, best, method="Nelder-Mead", options=options).x
    return at(best, tuple(CURVES))


def _largest(name: str) -> float:
    """What the section allows of a parameter."""
    section = Periphery if name in CONVERTERS else MeltQuench
    return next(bound.le for bound in section.model_fields[name].metadata if hasattr(bound, "le"))
