"""Programming rules of accumulating devices: SET pulses raise, RESET alone brings back.

Such a step scatters as much as it moves, so both methods need a dead band in which a cell is left
alone. The conventional one has its margin. GDP's is derived here from the data sheet, for a
cell that is d off (d < 0: too low) and a step Y of mean m and standard deviation s.

One round left: the expected squared error after the pulse is (d + m)^2 + s^2, below d^2 where
-d > (m^2 + s^2) / (2 m) = E[Y^2] / (2 E[Y]).

Many rounds left: a step that does not reach the target may be followed by another. The walk is
stopped at the first crossing of -t, and the band t is that at which what a crossing leaves is
worth what is there: E[(Y - t)^2 | Y > 0] = t^2, which is t = E[Y+^2] / (2 E[Y+]), Y+ = max(Y, 0):
the same form with the steps that count.

Way down. A cell too high is lowered by SETs of the other polarity's device (``gdp.opposite``) or
by RESET of its own. Either takes too much, and leaves the climb back up to its own device. The way
with fewer expected pulses is taken. Where the rounds left suffice for it, the trip ends within
the band t again, so it pays for every d > t; else only where this one pulse pays by the rule for
one round.

Which part of a cell is whose. MVMs tell of the difference of two devices alone. What each has is
inferred from it and from the pulses that each has had, of which the data sheet gives mean and
spread over devices. An other device that has taken more than its own can make up for is so
found out: a cell that is too low by more than the other takes gets that one RESET.

Stopping. With rounds left for k round trips, the band is divided by 1 + 0.266 k: each trip is
another draw (see :mod:`aimcsim.programming.stopping`), one iteration of it spent on finding where
it ended.

Left out: that the clips of a device at its ends change the moments of a step.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.chip.devices.interface import RESET_CURRENT, SET_PULSE, PulseSheet
from aimcsim.programming.stopping import STOPPING_RATE

_DENSITY = np.float32(1 / np.sqrt(2 * np.pi))
_TINY = np.float32(1e-12)  # keeps divisors above 0
_SHARP = np.float32(1e-6)  # uS, smallest scatter of a step: keeps a ratio of moments finite


def verify_pulse(
    sheet: PulseSheet, error: np.ndarray, magnitude: np.ndarray, margin: float, rounds: int
) -> np.ndarray:
    """Conventional rule: SET below the margin; above it RESET, to begin again.

    Parameters
    ----------
    error : float32, uS, of the device's read conductance; above 0: too high
    magnitude : uS, conductance that the device is to reach
    rounds : pulses that can follow this one; RESET waits for no device that would not be back

    Returns
    -------
    float32, what the pulse port takes: SET_PULSE, RESET_CURRENT or 0
    """
    again = (error > margin) & (sheet.nominal_count(magnitude) <= rounds)
    down = np.where(again, np.float32(RESET_CURRENT), np.float32(0))
    return np.where(error < -margin, np.float32(SET_PULSE), down)


def count_after(count: np.ndarray, fired: np.ndarray) -> np.ndarray:
    """SET pulses since RESET after firing ``fired`` (as the pulse port takes it), float32."""
    after = np.where(fired < 0, count + 1, count)
    return np.where(fired > 0, 0, after).astype(np.float32)


def dead_band(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Band around the target for a step Normal(mean, std) that may be repeated, uS."""
    first, second = _positive_part(mean, std)
    return second / (2 * first)


def _positive_part(mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, ...]:
    """E[Y+] and E[Y+^2] of Y = Normal(mean, std), Y+ = max(Y, 0); the first above 0."""
    from scipy.special import ndtr  # not at the top, as in physics/crossbar.py

    std = np.maximum(std, _SHARP)
    ratio = mean / std
    density, above = _DENSITY * np.exp(-np.square(ratio) / 2), ndtr(ratio)
    first = std * np.maximum(ratio * above + density, _TINY)
    second = np.square(std) * np.maximum((1 + np.square(ratio)) * above + ratio * density, 0)
    return first, second


def last_band(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """The same for a step that is the last, uS; inf where it does not move that way on average."""
    moves = mean > 0
    band = (np.square(mean) + np.square(std)) / (2 * np.where(moves, mean, 1))
    return np.where(moves, band, np.inf)


@dataclass(frozen=True)
class Step:
    """One round of GDP's pulses, an entry per cell; of those without a pulse all is as before."""

    pulse: np.ndarray  # float32, what the pulse port takes
    by_other: np.ndarray  # bool, fired at the other polarity's device
    deviation: np.ndarray  # uS, expected error in the cell's direction afterwards
    variance: np.ndarray  # uS**2, of that


def gdp_step(
    sheet: PulseSheet,
    magnitude: np.ndarray,
    deviation: np.ndarray,
    variance: np.ndarray,
    prior: np.ndarray,
    count: np.ndarray,
    other_count: np.ndarray,
    rounds: np.ndarray,
    stopping: np.ndarray,
    opposite: np.ndarray,
) -> Step:
    """GDP's decision for cells whose error stands out of the noise, see the module.

    Parameters
    ----------
    magnitude : uS, |target|; deviation : uS, estimated error in the direction of the target;
        variance : uS**2, of the estimate; prior : uS**2, its least value after a RESET, which may
        not have done what it should
    count, other_count : SET pulses since RESET of the cell's own device and of the other polarity's
    rounds : rounds of pulses after this one
    stopping, opposite : bool, settings of the cell's run
    All are (cells,), float32 unless stated.
    """
    low = np.float32(sheet.g_reset)
    pair = _share(sheet, magnitude + deviation, variance, count, other_count)
    # A device where its pulses cannot have led is taken for one that is there by pulses.
    as_if = np.where(pair.odd, np.maximum(count, sheet.nominal_count(pair.own)), count)
    up_to, up_std, up_left = sheet.after_set(pair.own, as_if)
    down_to, down_std, down_left = sheet.after_set(pair.other, other_count)
    up, down = up_to - pair.own, down_to - pair.other
    drop, taken = np.maximum(pair.own - low, 0), np.maximum(pair.other - low, 0)

    goal = magnitude + pair.other
    trip_other = _trip_by_other(sheet, goal, deviation, count, down, down_std)
    trip_other = np.where(opposite, trip_other, np.inf)
    trip_reset = 1 + sheet.nominal_count(goal)
    band = np.where(rounds > 0, dead_band(up, up_std), last_band(up, up_std))
    trips = rounds / (np.minimum(trip_other, trip_reset) + 1)
    band = band / np.where(stopping, 1 + STOPPING_RATE * trips, 1)

    # A device that is at RESET, and yet too high, gains nothing from another RESET.
    trip_reset = np.where(count > 0, trip_reset, np.inf)
    in_time = np.minimum(trip_other, trip_reset) <= rounds
    one_other = np.where(opposite, last_band(down, down_std), np.inf)
    one_reset = last_band(drop, np.sqrt(pair.other_variance))
    one_reset = np.where(count > 0, one_reset, np.inf)
    by_other = np.where(in_time, trip_other <= trip_reset, one_other <= one_reset)
    too_high = deviation > np.where(in_time, band, np.minimum(one_other, one_reset))
    lower, reset = too_high & by_other, too_high & ~by_other
    release = (other_count > 0) & (-deviation > np.maximum(band, taken))
    lift = (up > 0) & (-deviation > band) & ~release

    kinds = [lift, lower, release, reset]
    moved = np.select(kinds, [up, -down, taken, -drop], 0)
    scatter = np.select(
        kinds,
        [
            pair.variance_of(up_left, 1) + np.square(up_std),
            pair.variance_of(1, down_left) + np.square(down_std),
            np.maximum(pair.own_variance, prior),
            np.maximum(pair.other_variance, prior),
        ],
        variance,
    )
    pulses = np.select([lift | lower, release | reset], [SET_PULSE, RESET_CURRENT], 0)
    return Step(
        pulses.astype(np.float32),
        lower | release,
        (deviation + moved).astype(np.float32),
        scatter.astype(np.float32),
    )


@dataclass(frozen=True)
class _Pair:
    """What is known of the two devices of each cell, uS and uS**2."""

    own: np.ndarray
    other: np.ndarray
    own_variance: np.ndarray
    other_variance: np.ndarray
    covariance: np.ndarray
    odd: np.ndarray  # bool, the own device is not what the data sheet says

    def variance_of(
        self, own_left: np.ndarray | float, other_left: np.ndarray | float
    ) -> np.ndarray:
        """Of own_left x own - other_left x other."""
        variance = np.square(own_left) * self.own_variance
        variance = variance + np.square(other_left) * self.other_variance
        return np.maximum(variance - 2 * own_left * other_left * self.covariance, 0)


def _share(sheet, net, variance, count, other_count) -> _Pair:
    """Which part of a cell's net conductance is whose: both devices given their difference.

    Before, each is known by its pulses alone: the mean and spread of a population after so many.
    Where that leads to less than RESET leaves, the own device is not what the data sheet says (it
    may be stuck): then the other is what its pulses say, and the own one all the rest.
    """
    low = np.float32(sheet.g_reset)
    own, other = sheet.nominal(count), sheet.nominal(other_count)
    own_before, other_before = np.square(sheet.spread(count)), np.square(sheet.spread(other_count))
    total = np.maximum(own_before + other_before + variance, _TINY)
    surprise = (net - (own - other)) / total
    own_now, other_now = own + own_before * surprise, other - other_before * surprise
    odd = (own_now < low / 2) | (other_now < low / 2)
    return _Pair(
        np.where(odd, np.maximum(net + other, low), own_now),
        np.where(odd, other, other_now),
        np.where(odd, other_before + variance, own_before - np.square(own_before) / total),
        np.where(odd, other_before, other_before - np.square(other_before) / total),
        np.where(odd, other_before, own_before * other_before / total),
        odd,
    )


def _trip_by_other(sheet, goal, deviation, count, down, down_std) -> np.ndarray:
    """Expected pulses from too high by ``deviation`` to the target, the other device first.

    For a cell that is not too high: as from the target.

    SETs of the other until they have crossed the target, (deviation + overshoot) / mean step of
    them (Wald's identity), then the climb over the overshoot, which is E[Y+^2] / (2 E[Y+]) as in
    any renewal process; inf where either device no longer moves. ``goal`` is what the own device
    would have to be at now, uS: afterwards it is higher by what the other has gained, and its
    steps are smaller there.
    """
    overshoot, distance = dead_band(down, down_std), np.maximum(deviation, 0)
    level = goal + distance + overshoot
    then = sheet.nominal_count(level)
    climb = sheet.after_set(level, np.maximum(count, then))[0] - level
    works = (down > 0) & (climb > 0) & np.isfinite(then)
    pulses = (distance + overshoot) / np.where(works, down, 1)
    return np.where(works, pulses + overshoot / np.where(works, climb, 1), np.inf)
