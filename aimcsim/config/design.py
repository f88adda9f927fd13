"""Space-filling designs: settings spread evenly over the ranges of several hyperparameters.

A Sobol sequence (Sobol', USSR Comput. Math. Math. Phys. 7(4), 1967; scipy's) fills the unit cube,
one axis for each hyperparameter. All points are moved by one constant shift, modulo 1 (Cranley and
Patterson, SIAM J. Numer. Anal. 13(6), 1976, doi 10.1137/0713071): the first ones would lie on the
ends of the ranges otherwise. Points come in a fixed order and do not depend on how many are asked
for, so that a study that takes more of them keeps those it has.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from aimcsim.common.section import Section

DIGITS = 3  # significant digits of a value that is drawn: a setting is to be read and copied
_SHIFT = 20231  # seed of the shift: settings are the same in every study


class Range(Section):
    """Values of a hyperparameter from ``low`` to ``high``, over which ``samples`` are spread."""

    low: float = Field(description="Smallest value.")
    high: float = Field(description="Largest value.")
    log: bool = Field(False, description="Evenly in the logarithm.")

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} has no logarithm; a range with log begins above 0")
        return self

    def at(self, share: float, whole: bool) -> float | int:
        """The value at ``share`` (0 to 1) of the range; ``whole``: integers, ends included."""
        low, high = self.low, self.high
        if whole:
            low, high = math.ceil(low), math.floor(high) + 1
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        if whole:
            return min(int(value), high - 1)
        # Of a narrow range as many more digits as its ends have in common.
        common = -math.log10((self.high - self.low) / max(abs(self.low), abs(self.high)))
        digits = DIGITS + max(0, math.ceil(common - 0.5))
        return min(max(float(f"{value:.{digits}g}"), self.low), self.high)


def spread(axes: Sequence[Range | Sequence[Any]], whole: Sequence[bool], points: int) -> list[list]:
    """``points`` settings over ``axes``, each a range or the values that it takes equally often.

    Returns
    -------
    settings
        A list of one value per axis for each; fewer than ``points`` where values coincide.

    Raises
    ------
    ValueError
        There are no axes.
    """
    if not axes:
        raise ValueError(
            "samples wants a key with a range, {low: .., high: ..}, or with several values"
        )
    from scipy.stats import qmc  # half a second, which other studies need not pay

    sequence = qmc.Sobol(len(axes), scramble=False).random_base2(math.ceil(math.log2(points)))
    shift = np.random.Generator(np.random.Philox(_SHIFT)).random(len(axes))
    shares = (sequence[:points] + shift) % 1
    drawn = [
        tuple(
            axis.at(float(share), integer)
            if isinstance(axis, Range)
            else axis[int(share * len(axis))]
            for axis, integer, share in zip(axes, whole, row, strict=True)
        )
        for row in shares
    ]
    return [list(row) for row in dict.fromkeys(drawn)]
