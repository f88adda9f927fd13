"""Targets of conductance for weights: clipped, and for a time to come.

Clipped: a few large weights would leave all others a small part of the range of conductance, in
which noise is large (``core.clip_sigmas``).

For a time to come (``core.target_time``): what drift brings into the proportion of the weights by
then. How fast a device drifts hangs on its state. Of the published ones a conductance near g_max
keeps four fifths of itself over a year and a small one a third, so that conductances in proportion
to the weights are not in proportion later. The mean law is in the data sheet: targets can be chosen
that are expected in proportion at a given time, and out of it before and after.

Choosing conductances with drift in mind: Mackin et al., Nat. Commun. 13, 3765, 2022, doi
10.1038/s41467-022-31405-1, by numerical search over programming strategies. That the expected
conductance alone is set right, and at one time, is our design.
"""

from functools import lru_cache

import numpy as np

from aimcsim.chip.settings import Core
from aimcsim.physics.state_statistics import BY_NAME, StateStatistics, drift_exponents

_SHARES = np.linspace(0, 1, 4097)
"""Of g_max, at which the law is tabled: below a twentieth of a step of cell reads, 0.129 uS."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


def expected_shares(laws: StateStatistics, shares: np.ndarray, time: float) -> np.ndarray:
    """Mean over devices of the conductance at ``time`` s of those at ``shares``, both of g_max."""
    exponents = drift_exponents(laws, laws.g_max * shares[..., None], _NODES)
    kept = (time / laws.t0) ** -exponents @ (_WEIGHTS / _WEIGHTS.sum())
    return shares * kept


def targets_for(core: Core, wanted: np.ndarray, g_max: float) -> np.ndarray:
    """Targets that are expected in proportion to ``wanted`` at ``core.target_time``.

    Parameters
    ----------
    wanted : float32, any shape, uS, either sign; what is at ``g_max`` of a polarity stays there,
        what is beyond, as ``core.clip_sigmas`` leaves it, is held to it

    Returns
    -------
    float32, uS, the shape of ``wanted``; ``wanted`` itself where nothing is clipped and there is no
    target time
    """
    if core.target_time is None:
        return wanted if core.clip_sigmas is None else np.clip(wanted, -g_max, g_max)
    assert core.target_statistics is not None  # settled with the shard
    held, later = _table(core.target_statistics, core.target_time)
    size = np.abs(wanted) / np.float32(g_max)
    aimed = np.interp(size.ravel(), later, held).reshape(size.shape) * g_max
    return np.copysign(aimed, wanted).astype(np.float32)


def uncorrected(wanted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Factor by which outputs of ``targets`` come nearest to those of ``wanted``, (U,), float64.

    Both (U, R, C); by least squares over the cells, as over random inputs. 1 where all are zero.
    """
    energy = np.square(targets, dtype=float).sum(axis=(1, 2))
    shared = np.multiply(targets, wanted, dtype=float).sum(axis=(1, 2))
    return np.divide(shared, energy, out=np.ones_like(energy), where=energy > 0)


@lru_cache(maxsize=16)
def _table(name: str, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Shares of g_max, and what is expected of them at ``time``, the largest of which is 1."""
    laws = BY_NAME[name]
    later = expected_shares(laws, _SHARES, time)
    return _SHARES, later / later[-1]
