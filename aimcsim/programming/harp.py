"""Hadamard-coded verify that compares and does not convert.

HARP (Choi et al., arXiv 2604.12420, 2026), proposed for write-and-verify of RRAM. Published: rows
are driven with Hadamard patterns, as in :mod:`aimcsim.programming.hadamard`; as a verify needs only
to know whether a cell is to go up, down or to stay, conversions are replaced by comparisons, and
what is decoded from them are ternary decisions. Ours, as we know only the paper's abstract: where
the references lie, the evidence and its threshold, the step of the current, and the random signs
of the patterns.

Comparison. A column's output is compared with the ideal output of this pattern, plus and minus a
distance: too high (1), too low (-1), or within (0). The distance is what cells would give that are
each off by ``tolerance`` at random, or half a step of the converter where that is more. We compare
the codes of the port: a comparison has the converter's noise, gain and offset, and its levels as
references. Where these are coarse, they fall differently against each ideal output, so that small
deviations still change how many comparisons fail (a dither).

Evidence. With t the results of a pass and x its patterns, x^T t is the evidence of every cell, free
of cross-talk to first order. Where m of a column's comparisons fail, that of a cell without error
scatters by amplitude x sqrt(m), and evidence is taken in units of it. A cell whose evidence exceeds
``decision`` gets a pulse, its current moved by what takes the average device on by ``step``. Each
verify stands for itself.

Cost. The ledger counts a comparison as an MVM. It takes one or two decisions of a comparator in
place of a conversion, and would cost less time and energy; how much less is not modelled, so HARP's
cost is an upper bound. (Published, for whole runs on RRAM: up to 9.5 times less energy than
averaged reads need; with conversions, 6.2 times less.)
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from scipy.special import ndtri

from aimcsim.chip.core import COUNTERS, Cores
from aimcsim.chip.devices.interface import Device, DeviceModel
from aimcsim.chip.inputs import patterns, patterns_per_pass
from aimcsim.chip.periphery import Periphery, adc
from aimcsim.chip.settings import Core
from aimcsim.common.arrays import to_host
from aimcsim.common.section import OURS, key
from aimcsim.programming.hadamard import Hadamard, check_amplitude
from aimcsim.programming.method import METHODS, RESET, Method, Programmed, Start
from aimcsim.programming.outcome import Outcome, Status, ended
from aimcsim.programming.polarity import Tuned
from aimcsim.programming.ruled import sheet_at
from aimcsim.programming.stopping import QUIET_ITERATIONS


@METHODS.register("harp")
class Harp(Method):
    """Program-and-verify by comparisons of Hadamard-coded MVMs, without any conversion."""

    label: ClassVar = "HARP"
    sees: ClassVar = "relative error of the MVMs, from the share of comparisons that fail"
    reads_cells: ClassVar = False

    start: str = key(
        RESET,
        "State to start from. reset: prepared cells, each pulsed once as the data sheet of the "
        "average device says. baseline: where the study's baseline ended, or, by its name, another "
        "method with a single setting.",
        source=OURS,
    )
    passes: int = key(
        4,
        "Passes through all patterns per verify; a pass is one MVM per row, rows rounded up to a "
        "power of two.",
        unit="passes",
        ge=1,
        le=4096,
        source=OURS,
    )
    iterations: int = key(
        40,
        "Verifies at most, each but the last followed by one round of pulses.",
        unit="iterations",
        ge=1,
        le=10000,
        source=OURS,
    )
    tolerance: float = key(
        0.03,
        "An output is within where cells that are each off by this at random would bring it; never "
        "less than half a step of the converter.",
        unit="g_max of one device",
        gt=0,
        le=10,
        source=OURS,
    )
    decision: float = key(
        2.5,
        "A cell is pulsed only if its evidence exceeds this many standard deviations of that of a "
        "cell without error.",
        unit="standard deviations",
        gt=0,
        le=100,
        source=OURS,
    )
    step: float = key(
        0.5,
        "Change of conductance that a pulse aims at, on the average device of the data sheet.",
        unit="scatters of the device",
        gt=0,
        le=10,
        source=OURS,
    )
    amplitude: float = key(
        0.577,
        "Magnitude of all inputs, rounded to the DAC's grid. The default has the mean square of "
        "uniform inputs, for which the ADC range is set; at 1 the strongest columns saturate.",
        unit="full-scale inputs",
        gt=0,
        le=1,
        source=OURS,
    )
    accept: float = key(
        0.99, "Share of comparisons that are within at which a core's status is 'reached'.",
        unit="1", gt=0, le=1, source=OURS,
    )  # fmt: skip

    def longest(self, core: Core) -> int:
        return self.iterations

    @classmethod
    def refuses(cls, device: DeviceModel) -> str:
        return Hadamard.refuses(device)

    @property
    def mean_square(self) -> float:
        return self.amplitude**2

    @property
    def inputs_key(self) -> str:
        return f"amplitude {self.amplitude:g}"

    def check(self, core: Core, device: Device, periphery: Periphery) -> None:
        check_amplitude(self.amplitude, periphery)

    def never_fires(self, core: Core, device: Device, periphery: Periphery) -> str:
        if self.iterations == 1:
            return "iterations 1: the last verify only measures. Give 2 or more"
        most = np.sqrt(self.passes * patterns_per_pass(core.rows))
        if self.decision >= most:
            return (
                f"decision {self.decision:g}: of {self.passes} pass(es) through the patterns of "
                f"{core.rows} rows no cell has more evidence than {most:.3g}. Give less, or more "
                "passes"
            )
        return ""

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        (settings,) = points
        cores = start.cores.branch(1)
        state = start.current, start.device, start.tunable
        outcome = program(cores, targets, *state, settings, start.first)

        def again(cores: Cores, loss: np.ndarray) -> Outcome:
            """The devices and currents of then; how much was lost it finds out by comparing."""
            state = outcome.current, outcome.device, outcome.tunable
            return program(cores, targets, *state, settings, again=True)

        return Programmed(cores, outcome, again)


def program(
    cores: Cores,
    targets: np.ndarray,
    current: np.ndarray,
    device: np.ndarray,
    tunable: np.ndarray,
    settings: Harp,
    untouched: np.ndarray | None = None,
    again: bool = False,
) -> Outcome:
    """Program every run of ``cores`` from its present state.

    Parameters are those of :func:`aimcsim.programming.hadamard.program`. The last verify is
    followed by no pulses, so that the error of the final state is on record.
    """
    if untouched is not None:
        cores.pulse(np.where(untouched, current, 0), device, np.arange(len(cores)))
    return _Run(cores, targets, current, device, tunable, settings, again).execute()


class _Run:
    """The state of one call of :func:`program`."""

    def __init__(self, cores, targets, current, device, tunable, settings: Harp, again=False):
        self.cores, self.targets, self.settings = cores, targets, settings
        self.current = current.astype(np.float32, copy=True)
        self.tuned, self.tunable = Tuned(cores.units, device), tunable
        self.rested = np.ones_like(targets, bool) if again else None  # not pulsed since drifted
        units = cores.units
        sheet = sheet_at(units, np.abs(targets))
        assert sheet.response is not None  # see ``refuses``
        # (N, R, C), RESET currents
        self.step = np.float32(settings.step) * sheet.scatter * sheet.response
        cells = settings.tolerance * units.device.g_max * settings.amplitude * np.sqrt(units.rows)
        half_step = units.full_scale / np.float32(2 * adc(units.periphery).half)
        # (N, 1, 1), uS x input
        self.tolerance = np.maximum(np.float32(cells), half_step)[cores.unit][:, None, None]
        self.within = np.zeros(len(cores))  # share of comparisons
        self.quiet = np.zeros(len(cores), np.int64)
        self.status = np.full(len(cores), Status.IMPROVING, np.int8)
        self.error = np.full((len(cores), settings.iterations), np.nan, np.float32)
        self.spent = np.full((*self.error.shape, len(COUNTERS)), np.nan)

    def execute(self) -> Outcome:
        active = np.arange(len(self.cores))
        last = self.settings.iterations - 1
        for iteration in range(self.settings.iterations):
            if not len(active):
                break
            evidence = self.verify(active, iteration)
            self.spent[active, iteration] = self.cores.ledger.counts(active)
            if iteration == last:
                break
            fired = self.correct(active, evidence)
            self.quiet[active] = np.where(fired > 0, 0, self.quiet[active] + 1)
            silent = self.quiet[active] >= QUIET_ITERATIONS
            self.status[active[silent]] = Status.NOISE_FLOOR
            active = active[~silent]
        self.status = ended(self.error, self.status)
        self.status[self.within >= self.settings.accept] = Status.REACHED
        device = self.tuned.device
        return Outcome(self.error, self.status, self.current, device, self.tunable, self.spent)

    def verify(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """Compare all outputs of ``runs``; returns the evidence that cells are too high.

        float32 (n, R, C), in standard deviations of that of a cell without error.
        """
        cores, kernels, settings = self.cores, self.cores.units.kernels, self.settings
        own, tolerance = cores.unit[runs], self.tolerance[runs]
        evidence = np.zeros_like(self.targets[runs])
        failed = np.zeros_like(evidence[:, 0])  # comparisons of each column, (n, C)
        for index in range(settings.passes):
            x = patterns(
                cores.units, settings.amplitude, iteration * settings.passes + index, cores.phase
            )
            ideal = kernels.ideal_products(x, own, self.targets, runs)
            difference = cores.mvm(x, runs) - ideal
            outside = np.abs(difference) > tolerance
            evidence += kernels.correlate(x, own, np.where(outside, np.sign(difference), 0))
            failed += outside.sum(axis=1)
        compared = settings.passes * x.batch
        self._record(runs, iteration, failed / np.float32(compared), ideal)
        return evidence / (x.level * np.sqrt(np.maximum(failed, 1)))[:, None]

    def _record(self, runs, iteration, failed, ideal) -> None:
        """The error of ``runs`` whose shares of comparisons ``failed`` (n, C).

        Deviations of outputs are taken as normal; of shares 0 and 1 only half a comparison of all
        is believed.
        """
        share = to_host(failed.mean(axis=1, dtype=np.float64))
        energy = to_host(np.square(ideal).mean(axis=(1, 2), dtype=np.float64))
        self.within[runs] = 1 - share
        least = 0.5 / (self.settings.passes * ideal.shape[1] * ideal.shape[2])
        beyond = -ndtri(np.clip(share, least, 1 - least) / 2)  # standard deviations
        deviation = to_host(self.tolerance[runs, 0, 0]) / beyond
        self.error[runs, iteration] = 100 * deviation / np.sqrt(np.where(energy > 0, energy, 1))

    def correct(self, runs: np.ndarray, evidence: np.ndarray) -> np.ndarray:
        """Pulse cells whose evidence stands out; returns pulses fired, (n,)."""
        chosen = self.tunable[runs] & (np.abs(evidence) > self.settings.decision)
        step = np.sign(evidence) * self.tuned.sign[runs] * self.step[runs]
        if self.rested is not None:
            step = np.where(self.rested[runs], 0, step)
            self.rested[runs] &= ~chosen
        model = self.cores.units.model
        moved = np.clip(self.current[runs] + step, model.lowest, model.highest)
        self.current[runs] = np.where(chosen, moved, self.current[runs])
        fired = np.where(chosen, self.current[runs], 0)
        return self.cores.pulse(fired, self.tuned.device[runs], runs)
