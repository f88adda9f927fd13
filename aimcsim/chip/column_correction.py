"""A digital scale and offset behind every column: corrected = scale x measured + offset.

The chip has it in hardware, behind each ADC. Two ways to set it:

``calibrate``, after programming: one batch of MVMs, and per column the least squares of the ideal
outputs on the measured ones. It makes the error on such inputs as small as any scale and offset
can, and is what a conventionally programmed core can have as well.

``Adaptive``, while programming (US 12,417,124, claim 3: a correction unit, scale and offset per
output, adapted in each iteration together with the conductances). The error that the programming
method sees is that of the corrected outputs, so conductances and correction share the work: what a
column lacks as a whole (a gain below 1, devices that cannot reach their targets) the scale
supplies, and the conductances supply the rest. A common factor of a column can then sit in either;
two things fix it. The regression is of the measured outputs on the ideal ones, which are exact, so
that noise and errors do not shrink the scale (an all but empty column would end at zero); and the
column's gain has the prior of the data sheet, uniform within the spread of the column gains, so
that the scale never stands in for conductances which are not there. Recursive, forgetting and
prior are our design.

Neither is ``column`` of :mod:`aimcsim.evaluation.mvm_error`: that factor is fitted to the very
outputs that are judged, without an offset, and bounds what any scale per column could reach.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.common.arrays import to_host

# Weight of all earlier batches against a new one: conductances move, so their outputs age. Ours.
MEMORY = 0.5
IDENTITY = np.array([[1.0], [0.0]], np.float32)  # (scale, offset), of any column


@dataclass(frozen=True)
class _Sums:
    """Per run and column, float64 (n, C): sums over a batch of B outputs y with ideal z."""

    count: float
    y: np.ndarray
    z: np.ndarray
    yy: np.ndarray
    zz: np.ndarray
    yz: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, ideal: np.ndarray, unit: np.ndarray) -> "_Sums":
        z, zz = ideal.sum(axis=1), np.square(ideal).sum(axis=1)
        yz = np.stack([(y[i] * ideal[u]).sum(axis=0) for i, u in enumerate(unit)])
        yy = np.stack([np.square(run).sum(axis=0) for run in y])
        sums = (y.sum(axis=1), z[unit], yy, zz[unit], yz)
        return cls(float(y.shape[1]), *(to_host(part).astype(float) for part in sums))

    def centred(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums of squares and products about the means: of y, of z, of both."""
        yy = np.maximum(self.yy - self.y**2 / self.count, 0)
        zz = np.maximum(self.zz - self.z**2 / self.count, 0)
        return yy, zz, self.yz - self.y * self.z / self.count


def calibrate(y: np.ndarray, ideal: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Scale and offset of every column by least squares, float32 (n, 2, C).

    Parameters
    ----------
    y : float32 (n, B, C), measured outputs; ideal : float32 (U, B, C); unit : int (n,), unit
        core of each run. A column that gives the same output always gets the scale 0.
    """
    sums = _Sums.of(y, ideal, unit)
    yy, _, yz = sums.centred()
    scale = np.divide(yz, yy, out=np.zeros_like(yz), where=yy > 0)
    return np.stack([scale, (sums.z - scale * sums.y) / sums.count], axis=1).astype(np.float32)


def apply(affine: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``y`` (n, B, C), corrected in place by ``affine`` (n, 2, C), offsets in the unit of ``y``."""
    y *= affine[:, 0, None]
    y += affine[:, 1, None]
    return y


class Adaptive:
    """The correction of N runs, adapted batch by batch. See the module's docstring.

    Attributes
    ----------
    values : float32 (N, 2, C), scale and offset (uS x input) per column
    """

    def __init__(self, adapts: np.ndarray, columns: int, spread: float, xp=np):
        """``adapts`` (N,): runs that have a correction; ``spread``: of the gains, half-width;
        ``xp``: array module of the outputs."""
        self.adapts, self.spread, self.xp = adapts, spread, xp
        self.values = np.repeat(IDENTITY[None], len(adapts), axis=0).repeat(columns, axis=2)
        self._sums = np.zeros((6, len(adapts), columns))  # fields of _Sums

    def correct(self, y: np.ndarray, ideal: np.ndarray, unit: np.ndarray, runs: np.ndarray) -> None:
        """Learn from one batch of ``runs``, then correct it: y (n, B, C), in place.

        ``ideal`` (U, B, C) and ``unit`` (n,) as in :func:`calibrate`.
        """
        chosen = np.flatnonzero(self.adapts[runs])
        if not len(chosen):
            return
        own, batch = runs[chosen], y[chosen]
        fresh = _Sums.of(batch, ideal, unit[chosen])
        fields = (np.broadcast_to(value, fresh.y.shape) for value in vars(fresh).values())
        self._sums[:, own] = MEMORY * self._sums[:, own] + np.stack(list(fields))
        gain, shift = self._solve(_Sums(*self._sums[:, own]))
        self.values[own] = np.stack([1 / gain, -shift / gain], axis=1)
        y[chosen] = apply(self.xp.asarray(self.values[own]), batch)

    def _solve(self, sums: _Sums) -> tuple[np.ndarray, np.ndarray]:
        """Gain and offset of measured = gain x ideal + offset, per column.

        The prior's variance, spread**2 / 3, against that of the regression; then its support.
        """
        yy, zz, yz = sums.centred()
        slope = np.divide(yz, zz, out=np.ones_like(yz), where=zz > 0)
        noise = np.maximum(yy - slope * yz, 0) / sums.count
        prior = self.spread**2 / 3
        known = np.divide(prior * zz, prior * zz + noise, out=np.zeros_like(zz), where=zz > 0)
        gain = np.clip(1 + known * (slope - 1), 1 - self.spread, 1 + self.spread)
        return gain, (sums.y - gain * sums.z) / sums.count
