"""Published statistics of the conductance states of phase-change devices.

How far a device lands from its target after iterative programming, how it drifts, how it
fluctuates: each as a function of x = g / g_max. Nothing here knows of pulses; see
:mod:`aimcsim.chip.devices.melt_quench` and :mod:`aimcsim.chip.devices.set_accumulation` for those.

Sources: ``HERMES_ODP`` and ``HERMES_TDP`` are aihwkit's ``HermesNoiseModel`` with one and two
devices, fitted on the HERMES chip (Le Gallo et al., Nat. Electron. 6, 2023); ``PCM_90NM`` is the
million-device array of Joshi et al., Nat. Commun. 11, 2473, 2020 (aihwkit's ``PCMLikeNoiseModel``).

x is clipped to [0, 1] before every law, so a conductance above g_max has the statistics of
g_max, one at or below 0 those of 0. Inside a logarithm or a power x is at least 1e-7, as in
aihwkit; every such piece has reached its clip there, so x = 0 is well defined. aihwkit itself
does not clip x from above; its g_max is the largest that was characterised.

The published pieces do not join exactly. Jump at the breakpoint, value above minus value below:

============================== ========== =========== =========== ========
law                            breakpoint below       jump        relative
============================== ========== =========== =========== ========
drift mean, ODP and TDP        0.0945     0.073099    -0.001079   -1.5 %
drift spread, ODP              0.3039     0.0124      +1.4e-6     +0.01 %
drift spread, TDP              0.3055     0.0091      -6.01e-5    -0.66 %
read noise scale, ODP          0.1591     0.018138    -2.74e-4    -1.5 %
read noise scale, TDP          0.16       0.015       -1.25e-5    -0.08 %
============================== ========== =========== =========== ========

TDP's numbers are those of one polarity of a unit cell, two devices together; ODP's and
PCM_90NM's are those of one device. TDP's sigma_prog is not monotone: it has a maximum of
1.00 uS at x = 0.435 and a minimum of 0.91 uS at x = 0.770; PCM_90NM's has its maximum at
x = 0.838. Conductances in uS, times in s since programming ended.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

_SMALLEST = 1e-7


def _unit_interval(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0.0, 1.0)


@dataclass(frozen=True)
class Polynomial:
    """sum_i coefficients[i] x^i, not below 0; x clipped to [0, 1]."""

    coefficients: tuple[float, ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = _unit_interval(x)
        value = self.coefficients[-1] + 0 * x
        for coefficient in reversed(self.coefficients[:-1]):
            value = value * x + coefficient
        return np.maximum(value, 0.0)


@dataclass(frozen=True)
class Logarithm:
    """clip(slope ln x + offset, low, high); x clipped to [1e-7, 1]."""

    slope: float
    offset: float
    low: float
    high: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        logarithm = np.log(np.maximum(_unit_interval(x), _SMALLEST))
        return np.clip(self.slope * logarithm + self.offset, self.low, self.high)


@dataclass(frozen=True)
class InversePower:
    """min(scale / x^exponent, high); x clipped to [1e-7, 1]."""

    scale: float
    exponent: float
    high: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.maximum(_unit_interval(x), _SMALLEST)
        return np.minimum(self.scale * x**-self.exponent, self.high)


@dataclass(frozen=True)
class Piecewise:
    """``below`` for x < ``breakpoint``, ``above`` from there on."""

    breakpoint: float
    below: Logarithm
    above: Polynomial

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.less(x, self.breakpoint), self.below(x), self.above(x))


@dataclass(frozen=True)
class Scaled:
    """``factor`` times ``law``."""

    law: Polynomial
    factor: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.law(x) * self.factor


Law = Polynomial | Logarithm | InversePower | Piecewise


@dataclass(frozen=True)
class StateStatistics:
    """Statistics of one device population after programming; the laws take x = g / g_max."""

    name: str
    source: str
    devices: int
    """Devices of a polarity of a unit cell that g is the sum of, 1 or 2."""
    g_max: float
    """uS, the largest conductance that was characterised."""
    t0: float
    """s, time after programming at which the residual and g in the drift law are meant."""
    t_read: float
    """s, duration of a read."""
    sigma_prog: Polynomial | Scaled
    """Standard deviation of the conductance around its target at t0, uS."""
    drift_mean: Law
    """Mean of the drift exponent before folding, 1."""
    drift_spread: Law
    """Standard deviation of the drift exponent over devices before folding, 1."""
    read_noise_scale: Law
    """Q_s of the 1/f read noise, 1."""

    def on(self, g_max: float) -> "StateStatistics":
        """The same of a population whose largest conductance is ``g_max``, uS.

        Our assumption: it behaves as the published one at the same share of its g_max. So the
        spread of the conductance, alone in uS, grows with g_max.
        """
        assert isinstance(self.sigma_prog, Polynomial)  # as published
        return replace(self, g_max=g_max, sigma_prog=Scaled(self.sigma_prog, g_max / self.g_max))


_AIHWKIT = "aihwkit HermesNoiseModel, fitted on the chip of Le Gallo et al., Nat. Electron. 6, 2023"
_HERMES_DRIFT_MEAN = Piecewise(
    0.0945, Logarithm(-0.0387, -0.0182, 0.072, 0.13), Polynomial((0.0736, -0.0126, -0.0436))
)

HERMES_ODP = StateStatistics(
    name="hermes_odp",
    source=f"{_AIHWKIT}, num_devices=1",
    devices=1,
    g_max=10.35,
    t0=200.0,
    t_read=512e-9,
    sigma_prog=Polynomial((0.15781817, 2.32443916, -2.16310839, 0.68841818)),
    drift_mean=_HERMES_DRIFT_MEAN,
    drift_spread=Piecewise(
        0.3039, Logarithm(-0.0120, -0.0023, 0.0124, 0.04), Polynomial((0.0104, 0.0116, -0.0165))
    ),
    read_noise_scale=Piecewise(
        0.1591,
        Logarithm(-0.0078, 0.0038, 0.0179, 0.04),
        Polynomial((0.0088, 0.0768, -0.1352, 0.0664)),
    ),
)
"""One HERMES device per polarity; what iterative programming leaves."""

HERMES_TDP = StateStatistics(
    name="hermes_tdp",
    source=f"{_AIHWKIT}, num_devices=2",
    devices=2,
    g_max=20.7,
    t0=300.0,
    t_read=512e-9,
    sigma_prog=Polynomial((0.16603222, 4.71806468, -8.48101252, 4.68961419)),
    drift_mean=_HERMES_DRIFT_MEAN,
    drift_spread=Piecewise(
        0.3055, Logarithm(-0.0117, -0.0057, 0.0091, 0.04), Polynomial((0.0073, 0.0093, -0.0118))
    ),
    read_noise_scale=Piecewise(
        0.16,
        Logarithm(-0.0117, -0.0069, 0.015, 0.04),
        Polynomial((0.0123, 0.0211, -0.0280, 0.0069)),
    ),
)
"""Two HERMES devices per polarity (Max SET Fill), the pair taken as one."""

PCM_90NM = StateStatistics(
    name="pcm_90nm",
    source="Joshi et al., Nat. Commun. 11, 2473, 2020; aihwkit PCMLikeNoiseModel",
    devices=1,
    g_max=25.0,
    t0=20.0,
    t_read=250e-9,
    sigma_prog=Polynomial((0.26348, 1.9650, -1.1731)),
    drift_mean=Logarithm(-0.0155, 0.0244, 0.049, 0.1),
    drift_spread=Logarithm(-0.0125, -0.0059, 0.008, 0.045),
    read_noise_scale=InversePower(0.0088, 0.65, 0.2),
)
"""The 90 nm million-device array. (The spread's lower clip 0.008 is reached at x = 0.3289.)"""

StatisticsName = Literal["hermes_odp", "hermes_tdp", "pcm_90nm"]
BY_NAME = {statistics.name: statistics for statistics in (HERMES_ODP, HERMES_TDP, PCM_90NM)}
"""The published statistics under the names that a configuration uses."""


def open_loop(statistics: StateStatistics, targets: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Conductances at t0 as iterative programming would leave them, drawn directly.

    One polarity is drawn per element: |target| + sigma_prog n, clipped at >= 0, with the sign of
    the target (a target of 0 counts as positive). With net targets of unit cells the polarity
    that is not programmed is thereby left at exactly 0. aihwkit draws both polarities, the
    unprogrammed one around 0; for that pass max(targets, 0) and max(-targets, 0), each with its
    own normals, and subtract.

    Parameters
    ----------
    targets : uS, any shape
    normals : standard normal draws, one per element

    Returns
    -------
    uS, the shape of ``targets``. The clip at 0 shifts mean and spread of targets within about
    three sigma_prog of 0.
    """
    size = np.abs(targets)
    drawn = size + statistics.sigma_prog(size / statistics.g_max) * normals
    return np.where(np.less(targets, 0), -1.0, 1.0).astype(drawn.dtype) * np.maximum(drawn, 0.0)


def drift_exponents(statistics: StateStatistics, g: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Drift exponent of each device, |drift_mean + drift_spread n|; never negative.

    ``g`` (uS, either sign) is the conductance that the laws are looked up at: aihwkit uses the
    target, a simulation that knows better the conductance at t0. The same normals give a device
    the same exponent at every time. Folding moves the moments noticeably where the mean is
    below about 2.5 spreads: PCM_90NM below x = 0.083, down to 1.94 spreads. ODP's mean is never
    below 2.76 spreads, TDP's never below 3.25.
    """
    x = np.abs(g) / statistics.g_max
    return np.abs(statistics.drift_mean(x) + statistics.drift_spread(x) * normals)


def drifted(
    statistics: StateStatistics, g: np.ndarray, nu: np.ndarray, t: float | np.ndarray
) -> np.ndarray:
    """Conductance at time ``t`` of devices that had ``g`` at t0: g (t / t0)^-nu, uS.

    Measured for t >= t0. For 0 < t < t0 the law is extrapolated, to larger conductances.

    Parameters
    ----------
    g : uS, either sign; nu : 1
    t : s since programming; broadcast against ``g``

    Raises
    ------
    ValueError
        A time is not above 0.
    """
    if not np.all(np.greater(t, 0)):
        raise ValueError(f"drift at t = {np.min(t)} s; give times above 0 s since programming")
    return g * (t / statistics.t0) ** -nu


def read_noise(
    statistics: StateStatistics,
    g: np.ndarray,
    t: float | np.ndarray,
    programmed: np.ndarray | None = None,
) -> np.ndarray:
    """Standard deviation of the 1/f noise of a read, |g| Q_s sqrt(ln((t + t_read) / (2 t_read))).

    Parameters
    ----------
    g : uS, either sign, at the time of the read
    t : s since programming, at least ``t_read``; broadcast against ``g``
    programmed : uS, conductance at t0 that Q_s is looked up at, as aihwkit does; None: ``g``.

    Returns
    -------
    uS; 0 at t = t_read

    Raises
    ------
    ValueError
        A time is below ``t_read``.
    """
    state = g if programmed is None else programmed
    scale = statistics.read_noise_scale(np.abs(state) / statistics.g_max)
    return np.abs(g) * scale * noise_growth(statistics, t)


def noise_growth(statistics: StateStatistics, t: float | np.ndarray) -> np.ndarray:
    """Growth of the 1/f noise with the time ``t``, s, since programming: the square root in
    :func:`read_noise`.

    Raises
    ------
    ValueError
        A time is below ``t_read``: no read has ended by then, and the logarithm is negative.
    """
    if not np.all(np.greater_equal(t, statistics.t_read)):
        raise ValueError(
            f"a read at t = {np.min(t)} s; give times of at least t_read = {statistics.t_read} s"
        )
    return np.sqrt(np.log((t + statistics.t_read) / (2 * statistics.t_read)))
