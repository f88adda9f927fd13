"""What gradient-descent programming computes per cell, in plain NumPy: see ``reference``.

Shapes: N runs, of which the n in ``runs`` take part; U unit cores; B inputs, R rows, C columns.
"""

import numpy as np

CHANGE = np.float32(-1e30)
"""In place of a pulse: a cell that is too high with its device at the highest current."""


def to_grid(x: np.ndarray, scale: float, shift: float, steps: float) -> np.ndarray:
    """``scale * x + shift`` rounded to ``steps`` steps a unit and clipped to +-1, float32."""
    steps = np.float32(steps)
    x = np.rint((np.float32(scale) * x + np.float32(shift)) * steps)
    return np.clip(x, -steps, steps).astype(np.float32) / steps


def residual(y: np.ndarray, ideal: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn outputs into errors, and add up squares.

    Parameters
    ----------
    y : float32 (n, B, C), measured outputs; on return ``y - ideal[unit]``
    ideal : float32 (U, B, C)
    unit : intp (n,)

    Returns
    -------
    energy : float32 (n, C), of the errors per column
    ideal_energy : float64 (U,), of the ideal outputs
    """
    y -= ideal[unit]
    return np.square(y).sum(axis=1), np.square(ideal).sum(axis=(1, 2), dtype=np.float64)


def fold(
    estimate: np.ndarray,
    variance: np.ndarray,
    runs: np.ndarray,
    gradient: np.ndarray,
    predicted: np.ndarray | None,
    energy: np.ndarray,
    power: np.ndarray,
    batch: int,
    running: np.ndarray,
) -> None:
    """Fold a batch's gradient into the running estimates of every cell's error.

    Parameters
    ----------
    estimate, variance : float32 (N, R, C), uS and uS**2; those of ``runs`` are replaced
    gradient : float32 (n, R, C), inputs correlated with the errors
    predicted : float32 (n, R, C), what of it the estimates explain; None: power x estimate, as for
        orthogonal inputs
    energy : float32 (n, C), squares of the errors per column
    power : float32 (n,), batch size x mean square input
    running : bool (n,); False: the batch alone replaces the estimate
    """
    running = running[:, None, None]
    known = np.where(running, estimate[runs], 0)
    predicted = power[:, None, None] * known if predicted is None else predicted
    predicted = np.where(running, predicted, 0)
    left = energy + (known * (predicted - 2 * gradient)).sum(axis=1)
    left = np.maximum(left, np.finfo(np.float32).tiny)[:, None, :]
    power = power[:, None, None]
    noise = left / np.float32(batch) / power  # variance of an estimate from this batch alone
    gain = np.where(running, variance[runs] / (variance[runs] + noise), np.float32(1))
    estimate[runs] = known + gain * ((gradient - predicted) / power)
    variance[runs] = np.where(running, (1 - gain) * variance[runs], noise)


def decide(
    estimate: np.ndarray,
    variance: np.ndarray,
    current: np.ndarray,
    rested: np.ndarray,
    runs: np.ndarray,
    sign: np.ndarray,
    tunable: np.ndarray,
    magnitude: np.ndarray,
    unit: np.ndarray,
    prior: np.ndarray,
    noise_threshold: np.ndarray,
    floor: np.ndarray,
    slope: np.ndarray,
    rate: np.ndarray,
    changes: np.ndarray,
    lowest: float,
    highest: float,
) -> np.ndarray:
    """Pulse currents of the cells whose estimated error stands out; estimates forget these cells.

    A cell is chosen where ``|estimate| > max(noise_threshold x deviation, floor + slope x
    magnitude)``; its current moves by ``rate`` x error, up where it conducts too much.

    Parameters
    ----------
    estimate, variance, current : float32 (N, R, C); chosen cells are changed
    rested : bool (N, R, C), cells whose next pulse repeats their current; empty (0, R, C): none
    sign : int8 (N, R, C), +1 or -1: what more conductance of the device does to the cell
    tunable : bool (N, R, C)
    magnitude : float32 (U, R, C), of the targets, uS; unit : intp (n,)
    prior : float32 (n,), variance after a pulse, uS**2
    noise_threshold, floor (uS), slope, rate (RESET currents per uS) : float32 (n,)
    changes : bool (n,), whether cells may change to the other polarity's device
    lowest, highest : bounds of the current

    Returns
    -------
    float32 (n, R, C), currents, 0 for no pulse; ``CHANGE`` where a cell may change polarity and
    conducts too much at ``highest``: its estimate, variance and current stay
    """

    def column(values: np.ndarray) -> np.ndarray:
        return values[:, None, None]

    deviation = estimate[runs] * sign[runs]
    threshold = np.maximum(
        column(noise_threshold) * np.sqrt(variance[runs]),
        column(floor) + column(slope) * magnitude[unit],
    )
    chosen = tunable[runs] & (np.abs(deviation) > threshold)
    step = column(rate) * deviation
    if len(rested):
        step = np.where(rested[runs], np.float32(0), step)
        rested[runs] &= ~chosen
    change = chosen & column(changes) & (deviation > 0) & (current[runs] >= np.float32(highest))
    moved = np.clip(current[runs] + step, np.float32(lowest), np.float32(highest))
    pulsed = chosen & ~change
    current[runs] = np.where(pulsed, moved, current[runs])
    estimate[runs] = np.where(pulsed, np.float32(0), estimate[runs])
    variance[runs] = np.where(pulsed, column(prior), variance[runs])
    return np.where(change, CHANGE, np.where(pulsed, moved, np.float32(0)))
