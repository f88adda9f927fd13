"""What physics lets one expect of reading cells through MVMs: the multiplex advantage.

R one-hot reads of a column's R cells take as many conversions as R MVMs with orthogonal inputs of R
patterns, from which every cell's conductance can be decoded. A decoded conductance averages R
conversions, so the noise and the step of the converter are divided by R; but all rows together give
more charge than one, and must be brought into the converter's range. Read noise of the devices, in
proportion to each one's own conductance, gains nothing: a decoded cell has that of the column's
mean cell in place of its own.

With c the standard deviation of a conversion (noise and step / sqrt(12), at full-scale input), a
the root mean square of the inputs, s <= 1 the factor by which pulses are shortened, rho the read
noise and <g^2> the mean square conductance, the variances of one pass are

    reads: c^2 + rho^2 <g^2>,      MVMs: c^2 / (s^2 a^2 R) + rho^2 <g^2>.

``range_by: gain`` widens the range for reads as well: c is larger, and s is 1, for both.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.chip.periphery import UNIFORM_MEAN_SQUARE, WIDEST_CELL, Periphery, adc


@dataclass(frozen=True)
class Weights:
    """What matters of the weights of a core."""

    rows: int
    rms: float
    """Root mean square target, uS."""
    strongest: float
    """The same of the strongest column, uS."""
    g_max: float
    """Largest target, uS."""


def variance_ratio(settings: Periphery, read_noise: float, weights: Weights) -> float:
    """Variance of a conductance from MVMs over that from one-hot reads, at equal conversions, 1.

    Below 1 the MVM reads more exactly. ``read_noise`` is relative to the conductance.
    """
    converter = adc(settings)
    relative = converter.noise**2 + 1 / (12 * converter.half**2)  # of a conversion, full scales^2
    charge = np.sqrt(UNIFORM_MEAN_SQUARE * weights.rows) * weights.strongest
    asked = settings.adc_range_sigmas * charge
    if settings.range_by == "inputs":
        cell, mvm = settings.adc_range, max(asked, settings.adc_range)
    else:
        cell = mvm = max(asked, WIDEST_CELL * weights.g_max)
    patterns = 1 << (weights.rows - 1).bit_length()
    device = (read_noise * weights.rms) ** 2
    read = relative * cell**2 + device
    decoded = relative * mvm**2 / (UNIFORM_MEAN_SQUARE * patterns) + device
    return float(decoded / read) if read > 0 else 1.0
