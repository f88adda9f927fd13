"""Gradient-descent programming (GDP): minimise the MVM error by SGD on random inputs.

Method: Buechel et al., IEEE JETCAS 13(4), 2023, doi 10.1109/JETCAS.2023.3329449. Each iteration
runs a batch of random inputs through the core, compares with the exact products, and correlates
error and input: that is the gradient of the squared error, and divided by the mean square of the
inputs an unbiased estimate of every cell's conductance error. Not published, so ours and swept:
the input distribution, the batch, the rule from gradient to pulse
(:mod:`aimcsim.programming.ruled`), the threshold, the start.

Estimators. ``batch`` takes each iteration's gradient alone; its noise is that of the whole
column's error. ``running`` keeps an estimate of every cell's error with its variance and folds
each new gradient in with the Kalman gain: what is already known of the other cells of a column is
subtracted before correlating, so their errors no longer disturb the estimate, and what remains is
read noise, averaged over all iterations since a device was last pulsed. Our design.

GDP as published is nearest to uniform inputs, the ``batch`` estimator, a constant floor and no
change of polarity; the rest is ours.

Correction. With ``affine``, the error is that of outputs corrected by a digital scale and offset
per column, adapted from the same MVMs (:mod:`aimcsim.chip.column_correction`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np

from aimcsim.chip.column_correction import Adaptive
from aimcsim.chip.inputs import inputs
from aimcsim.chip.periphery import UNIFORM_MEAN_SQUARE, Periphery, adc, conversion_noise
from aimcsim.common.arrays import to_host
from aimcsim.common.section import key
from aimcsim.kernels.gpu import GROUP
from aimcsim.kernels.interface import Estimates, Gradients
from aimcsim.kernels.patterns import SignPatterns
from aimcsim.programming.method import METHODS, Footprint, values_of
from aimcsim.programming.outcome import Outcome
from aimcsim.programming.ruled import RuledMethod, RuledRun

TINY = 1e-30  # keeps the error of a core without targets finite
MEAN_SQUARES = {
    "uniform": UNIFORM_MEAN_SQUARE, "orthogonal": UNIFORM_MEAN_SQUARE, "gaussian": 1 / 9,
    "binary": 1.0,
}  # fmt: skip
InputDistribution = Literal["uniform", "gaussian", "binary", "orthogonal"]


@METHODS.register("gdp")
class Gdp(RuledMethod):
    """Gradient-descent programming."""

    label: ClassVar = "GDP"
    sees: ClassVar = "relative error of the iteration's own MVMs"
    role: ClassVar = "subject"
    default_study: ClassVar = {
        "gdp": {"learning_rate": [0.2, 0.5, 1.0], "noise_threshold": [0.5, 1.0, 2.0]},
        "gdp_short": {"label": "GDP, shorter runs", "iterations": [10, 20, 40]},
        # At the best of the settings that config/methods.yaml sweeps.
        "gdp_published": {
            "label": "GDP as published", "start": "baseline", "inputs": "uniform",
            "estimator": "batch", "floor_schedule": "constant", "opposite": False, "least": 0.0,
            "iterations": 40, "batch_size": 1024, "learning_rate": 0.3,
        },
    }  # fmt: skip
    alike: ClassVar = ("start", "batch_size", "inputs")
    reads_cells: ClassVar = False

    batch_size: int = key(
        256,
        "Random inputs per iteration; of orthogonal ones best as many as the core has rows, "
        "rounded up to a power of two, or a multiple.",
        unit="MVMs",
        ge=1,
        le=65536,
    )
    estimator: Literal["batch", "running"] = key(
        "running",
        "batch: each iteration trusts its own gradient alone. running: gradients "
        "of all iterations are combined, weighted by their noise.",
    )
    inputs: InputDistribution = key(
        "orthogonal",
        "Distribution of the random programming inputs on [-1, 1]. orthogonal: Hadamard patterns "
        "with random signs, one pass is a pattern per row (rows rounded up to a power of two); "
        "batches of whole passes have no cross-talk between rows, and are simulated some six times "
        "faster.",
    )
    affine: Literal["none", "column"] = key(
        "none",
        "column: a digital scale and offset per column are adapted in each iteration together "
        "with the conductances, and stay with the core.",
        source="US 12,417,124, claim 3; how they are adapted is our design",
    )

    @property
    def corrects(self) -> bool:
        return self.affine != "none"

    @property
    def orthogonal_batch(self) -> int:
        return self.batch_size if self.inputs == "orthogonal" else 0

    @property
    def mean_square(self) -> float:
        return MEAN_SQUARES[self.inputs]

    @property
    def inputs_key(self) -> str:
        return f"inputs {self.inputs}"

    def least_noise(self, periphery: Periphery) -> float:
        samples = self.batch_size * self.iterations * self.mean_square
        return conversion_noise(periphery) / np.sqrt(samples)

    def footprint(self, rows: int, columns: int) -> Footprint:
        ideal = 4 * self.batch_size * columns
        if self.inputs == "orthogonal":  # multiplied by transforms, which need room to work
            return Footprint(ideal, 8 * self.batch_size * columns)
        # Inputs, their squares and their Gram matrix; products of some runs at a time.
        inputs = 4 * rows * (2 * self.batch_size + rows)
        scratch = 4 * GROUP * (self.batch_size * columns + 2 * rows * columns)
        return Footprint(ideal + inputs, 4 * self.batch_size * columns, scratch)

    @classmethod
    def runner(cls, points: Sequence[Self], units: int) -> Callable[..., RuledRun]:
        sampling = Sampling(
            points[0].batch_size,
            points[0].inputs,
            values_of(points, "estimator", units) == "running",
            values_of(points, "affine", units) == "column",
        )
        return partial(Run, sampling=sampling)


@dataclass(frozen=True)
class Sampling:
    """How N runs that share batch size and input distribution sample their MVMs."""

    batch_size: int
    inputs: InputDistribution
    running: np.ndarray  # bool (N,): estimator
    affine: np.ndarray  # bool (N,): adapts a scale and offset per column


class Run(RuledRun):
    """N runs of GDP; see :class:`~aimcsim.programming.ruled.RuledRun`.

    The recorded error is the relative error of the iteration's own MVMs.
    """

    def __init__(self, *state: Any, sampling: Sampling, **more: Any):
        super().__init__(*state, **more)
        self.sampling, self.affine = sampling, None
        self.mean_square = np.zeros(len(self.cores))  # of the inputs of the last iteration
        if sampling.affine.any():
            spread = self.cores.units.periphery.gain_spread
            self.affine = Adaptive(sampling.affine, self.cores.shape[1], spread, self.xp)

    def execute(self) -> Outcome:
        outcome = super().execute()
        return outcome if self.affine is None else replace(outcome, affine=self.affine.values)

    def observe(self, runs: np.ndarray, iteration: int) -> None:
        """One batch of MVMs: record the error and update the estimates of ``runs``."""
        cores, kernels, batch = self.cores, self.cores.units.kernels, self.sampling.batch_size
        units, own = np.unique(cores.unit[runs], return_inverse=True)
        x = inputs(cores.units, self.sampling.inputs, batch, iteration, cores.phase, units)
        ideal = kernels.ideal_products(x, np.arange(len(units)), self.targets, units)
        error = cores.mvm(x, runs, own)
        if self.affine is not None:
            self.affine.correct(error, ideal, own, runs)
        energy, ideal_energy = kernels.residual(error, ideal, own)
        # Added up on the host, in the same order whatever the batch.
        total, ideal_energy = to_host(energy).sum(axis=1, dtype=np.float64), ideal_energy[own]
        safe = np.where(ideal_energy > 0, ideal_energy, 1)
        self.error[runs, iteration] = 100 * np.sqrt(total / safe)
        power, predicted = self._explained(x, runs, own)
        self.mean_square[runs] = to_host(power) / batch
        gradients = Gradients(kernels.correlate(x, own, error), predicted, energy, power, batch)
        estimates = Estimates(self.estimate, self.variance)
        kernels.fold(estimates, runs, gradients, self.sampling.running[runs])

    def irreducible(self, runs: np.ndarray) -> np.ndarray:
        units, own = self.cores.units, self.cores.unit[runs]
        reads = np.square(units.device.read_noise * self.magnitude + units.model.read_floor)
        reads, held = (
            to_host(part.sum(axis=(1, 2), dtype=np.float64))[own]
            for part in (reads, np.square(self.magnitude))
        )
        columns, converter = self.cores.shape[1], adc(units.periphery)
        conversion = converter.noise**2 + 1 / (12 * converter.half**2)
        conversions = columns * conversion * to_host(units.full_scale)[own] ** 2
        square = self.mean_square[runs]
        return 100 * np.sqrt((square * reads + conversions) / np.maximum(square * held, TINY))

    def _explained(
        self, x: np.ndarray | SignPatterns, runs: np.ndarray, own: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Sum of the squares of one row's inputs (n,), and what of the gradient is explained.

        That is x.T @ x @ estimate, (n, R, C). Through the Gram matrix x.T @ x, which is a quarter
        of the work of another pass over the batch; None: this is a multiple of the identity.
        """
        if isinstance(x, SignPatterns):
            return np.full(len(runs), x.batch * np.square(x.level), np.float32), None
        kernels = self.cores.units.kernels
        gram = kernels.correlate(x, np.arange(len(x)), x)
        power = np.trace(gram, axis1=1, axis2=2) / np.float32(x.shape[2])
        return power[own], kernels.ideal_products(gram, own, self.estimate, runs)
