"""Program-and-verify whose verify reads all cells at once, through Hadamard-coded inputs.

Idea: HD-PV in HARP (Choi et al., arXiv 2604.12420, 2026), proposed for write-and-verify of RRAM.
Rows are driven with the rows of a Hadamard matrix H of n >= rows patterns; as its columns are
orthogonal, H^T y / (n x amplitude) gives the conductance of every cell, free of cross-talk, and
every cell is averaged over n conversions. One pass costs as many conversions per column as one
read of each of n cells. Taken from there: the code and its decoding. Ours: the rule from error to
pulse (that of :mod:`aimcsim.programming.iterative`), the margin's growth and schedule, the dead
band from the measured noise, the average over iterations (``average``), the change of polarity
where a device at full RESET still conducts too much (``opposite``), the amplitude and the signs
below. HARP itself, which compares in place of converting, is :mod:`aimcsim.programming.harp`.

Offset. A column's offset adds the same amount to all n outputs, and the first pattern, all ones,
would put all of it into the first row's cell. So the patterns have random signs t, which spread
it over all cells at 1/sqrt(n) of its size, and every second pass is the negative of the one before:
in the mean of such a pair the offset cancels exactly, whatever it is. Rows have random signs s,
undone in decoding, so that weights alike in sign (a column with a mean) or in order do not add
up in one pattern and saturate its conversion. x = amplitude x diag(t) H diag(s) has the same
orthogonal columns.

Column gain. Estimates carry it, like all MVMs and cell reads: cells are tuned until the product
of gain and conductance meets the target, as in the other methods.

Noise. With v_r the read variance of the cell in row r and a the amplitude, one pass has the
variance (sum_r v_r + v_adc / a^2) / n for every cell of a column: read noise is not what one-hot
reads of this cell have, but that of the column's mean cell. v is not known to the algorithm: it
takes it from the scatter of passes over cells that were not pulsed in between.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from aimcsim.chip.core import COUNTERS, Cores, UnitCores
from aimcsim.chip.devices.interface import Device, DeviceModel
from aimcsim.chip.inputs import patterns
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core
from aimcsim.common.arrays import to_host
from aimcsim.common.section import OURS, key
from aimcsim.kernels.patterns import SignPatterns
from aimcsim.programming.method import BASELINE, METHODS, Method, Programmed, Start
from aimcsim.programming.outcome import Outcome, Status, ended, relative_percent
from aimcsim.programming.polarity import Tuned
from aimcsim.programming.stopping import QUIET_ITERATIONS, STOPPING_RATE

HARP = "Choi et al., arXiv 2604.12420, 2026"


@METHODS.register("hadamard")
class Hadamard(Method):
    """Program-and-verify whose verify reads all cells at once through Hadamard-coded inputs."""

    label: ClassVar = "Hadamard"
    sees: ClassVar = "relative error of the decoded conductances"
    default_study: ClassVar = {"hadamard": {"start": "reset", "iterations": [10, 20]}}
    reads_cells: ClassVar = False

    start: str = key(
        BASELINE,
        "State to start from. baseline: where the study's baseline ended, or, by its name, another "
        "method with a single setting. reset: as the unit-cell scheme prepares cells, nothing "
        "tuned (odp: all RESET).",
        source=OURS,
    )
    passes: int = key(
        4,
        "Passes through all patterns per verify; a pass is one MVM per row, rows rounded up to a "
        "power of two. On 256 rows the default uses the MVMs of GDP's default.",
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
    margin: float = key(
        0.025,
        "A cell is corrected only if its estimated error exceeds this, for a target of zero "
        "conductance.",
        unit="g_max of one device",
        ge=0,
        le=10,
        source=OURS,
    )
    margin_slope: float = key(
        0.2,
        "Growth of the margin with the target: pulses scatter more at high conductance.",
        unit="1",
        ge=0,
        le=10,
        source=OURS,
    )
    schedule: Literal["constant", "stopping"] = key(
        "stopping",
        "constant: the margin stays. stopping: it is tightened by the rounds still to come, by "
        "optimal stopping.",
        source=OURS,
    )
    noise_threshold: float = key(
        3.0,
        "A cell is corrected only if its estimated error exceeds this many standard "
        "deviations of the estimate, as measured from pass to pass.",
        unit="standard deviations",
        ge=0,
        le=100,
        source=OURS,
    )
    average: bool = key(
        True,
        "true: estimates are averaged over all passes since a cell was last pulsed. false: over "
        "those of one verify, as published.",
        source=f"{OURS}; false is {HARP}",
    )
    gain: float = key(
        0.08,
        "Move of the pulse current per estimated error of g_max.",
        unit="RESET currents per g_max",
        gt=0,
        le=100,
        source=f"{OURS}; the scheme is Papandreou et al., ISCAS 2011",
    )
    opposite: bool = key(
        True,
        "true: a cell that conducts too much with its device at full RESET goes on with the "
        "device of the other polarity, which subtracts.",
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
        0.99, "Share of accepted cells at which a core's status is 'reached'.", unit="1",
        gt=0, le=1, source=OURS,
    )  # fmt: skip

    def longest(self, core: Core) -> int:
        return self.iterations

    @classmethod
    def refuses(cls, device: DeviceModel) -> str:
        if not device.accumulates:
            return ""
        return (
            "it moves the current of RESET pulses, and a device that accumulates SET pulses has "
            "none. Leave it out"
        )

    @property
    def mean_square(self) -> float:
        return self.amplitude**2

    @property
    def inputs_key(self) -> str:
        return f"amplitude {self.amplitude:g}"

    def check(self, core: Core, device: Device, periphery: Periphery) -> None:
        check_amplitude(self.amplitude, periphery)

    def never_fires(self, core: Core, device: Device, periphery: Periphery) -> str:
        passes = self.passes * (self.iterations - 1)
        if passes < 2:
            return (
                f"iterations {self.iterations}: of {passes} pass(es) before the last verify it "
                "cannot tell noise from error. Give more, or more passes"
            )
        rounds = self.iterations - 2
        tighten = 1 if self.schedule == "constant" else 1 + STOPPING_RATE * rounds
        if self.margin / tighten >= core.devices_per_polarity:
            return (
                f"margin {self.margin:g}: a RESET cell is within it of every target, so that none "
                "is corrected. Give less than 1"
            )
        return ""

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        (settings,) = points
        cores = start.cores.branch(1)
        outcome = program(
            cores, targets, start.current, start.device, start.tunable, settings, start.first
        )

        def again(cores: Cores, loss: np.ndarray) -> Outcome:
            """The devices and currents of then; how much was lost it finds out by its verifies."""
            return program(
                cores, targets, outcome.current, outcome.device, outcome.tunable, settings,
                again=True,
            )  # fmt: skip

        return Programmed(cores, outcome, again)


def check_amplitude(amplitude: float, periphery: Periphery) -> None:
    """Raise a ValueError where patterns of ``amplitude`` are nothing to the DACs."""
    if amplitude * (2 ** (periphery.dac_bits - 1) - 1) <= 0.5:
        raise ValueError(
            f"amplitude {amplitude:g} is 0 on the grid of a DAC of {periphery.dac_bits} bits; use "
            "a larger amplitude"
        )


def decode(units: UnitCores, x: SignPatterns, x_of: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Conductances (m, R, C), uS, from the outputs y (m, n, C) of one pass x of K unit cores."""
    return units.kernels.correlate(x, x_of, y) / (np.float32(x.batch) * np.square(x.level))


def program(
    cores: Cores,
    targets: np.ndarray,
    current: np.ndarray,
    device: np.ndarray,
    tunable: np.ndarray,
    settings: Hadamard,
    untouched: np.ndarray | None = None,
    again: bool = False,
) -> Outcome:
    """Program every run of ``cores`` from its present state.

    Parameters
    ----------
    targets : float32 (N, R, C), uS
    current : float32 (N, R, C), current last used on (or known to suit) each device
    device : int8 (N, R, C), device of each cell to tune
    tunable : bool (N, R, C), cells whose device may be tuned
    untouched : bool (N, R, C), cells that get one pulse of ``current`` before the first verify;
        None: none
    again : the cells were tuned before and have drifted since; the first pulse of each repeats
        ``current``, which brought it near its target then

    The recorded error is that of the decoded conductances of each verify. The last verify is
    followed by no pulses, so that the error of the final state is on record.
    """
    if untouched is not None:
        cores.pulse(np.where(untouched, current, 0), device, np.arange(len(cores)))
    return _Run(cores, targets, current, device, tunable, settings, again).execute()


class _Run:
    """The state of one call of :func:`program`."""

    def __init__(self, cores, targets, current, device, tunable, settings, again=False):
        self.cores, self.targets, self.settings = cores, targets, settings
        self.g_max, self.accept = np.float32(cores.units.device.g_max), settings.accept
        self.current = current.astype(np.float32, copy=True)
        self.tuned, self.tunable = Tuned(cores.units, device), tunable
        xp = cores.units.kernels.xp
        self.rested = np.ones_like(targets, bool) if again else None  # not pulsed since drifted
        self.margin = self.g_max * np.float32(settings.margin)
        self.margin = self.margin + np.float32(settings.margin_slope) * np.abs(targets)
        # Mean of the estimates of G - G_target since the last pulse, and how many they are.
        self.mean = np.zeros_like(targets)
        self.passes = np.zeros_like(targets)
        # Variance of one pass per column, uS**2: unknown, and nothing is corrected, until two
        # passes have met the same cells.
        self.variance = xp.full((len(targets), 1, targets.shape[2]), np.inf, np.float32)
        self.quiet = np.zeros(len(cores), np.int64)
        self.status = np.full(len(cores), Status.IMPROVING, np.int8)
        self.error = np.full((len(cores), settings.iterations), np.nan, np.float32)
        self.spent = np.full((*self.error.shape, len(COUNTERS)), np.nan)

    def execute(self) -> Outcome:
        active = np.arange(len(self.cores))
        accepted = np.zeros(len(self.cores))
        for iteration in range(self.settings.iterations):
            if not len(active):
                break
            deviation, variance = self._verify(active, iteration)
            self.spent[active, iteration] = self.cores.ledger.counts(active)
            within = (np.abs(deviation) <= self.margin[active]) | ~self.tunable[active]
            accepted[active] = to_host(within.mean(axis=(1, 2)))
            if iteration == self.settings.iterations - 1:
                break
            fired = self._correct(active, deviation, variance, iteration)
            self.quiet[active] = np.where(fired > 0, 0, self.quiet[active] + 1)
            silent = self.quiet[active] >= QUIET_ITERATIONS
            self.status[active[silent]] = Status.NOISE_FLOOR
            active = active[~silent]
        self._judge(accepted)
        device = self.tuned.device
        return Outcome(self.error, self.status, self.current, device, self.tunable, self.spent)

    def _verify(self, runs: np.ndarray, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        """Read all cells of ``runs``: estimated errors (n, R, C), uS, and their variance."""
        cores, settings = self.cores, self.settings
        own, targets = cores.unit[runs], self.targets[runs]
        latest = np.zeros_like(targets)
        mean, passes = self.mean[runs], self.passes[runs]
        scatter = np.zeros_like(self.variance[runs])
        samples = np.zeros_like(scatter)
        for index in range(settings.passes):
            number = iteration * settings.passes + index
            x = patterns(cores.units, settings.amplitude, number, cores.phase)
            estimate = decode(cores.units, x, own, cores.mvm(x, runs)) - targets
            latest += estimate
            surprise = estimate - mean
            # Against a mean of k passes a further one scatters by 1 + 1/k of its own variance.
            scatter += (np.square(surprise) * (passes / (passes + 1))).sum(axis=1, keepdims=True)
            samples += (passes > 0).sum(axis=1, keepdims=True)
            passes += 1
            mean += surprise / passes
        self.mean[runs], self.passes[runs] = mean, passes
        known = samples > 0
        measured = scatter / np.maximum(samples, 1)
        self.variance[runs] = np.where(known, measured, self.variance[runs])
        latest /= np.float32(settings.passes)
        self.error[runs, iteration] = relative_percent(latest, targets)
        if settings.average:
            return mean, self.variance[runs] / passes
        return latest, self.variance[runs] / np.float32(settings.passes)

    def _correct(
        self, runs: np.ndarray, deviation: np.ndarray, variance: np.ndarray, iteration: int
    ) -> np.ndarray:
        """Pulse cells that stand out; returns pulses fired, (n,)."""
        settings = self.settings
        threshold = self.margin[runs] / self._tighten(iteration)
        if settings.noise_threshold > 0:
            noise = np.float32(settings.noise_threshold) * np.sqrt(variance)
            threshold = np.maximum(threshold, noise)
        chosen = self.tunable[runs] & (np.abs(deviation) > threshold)
        step = np.float32(settings.gain / self.g_max) * (deviation * self.tuned.sign[runs])
        if self.rested is not None:
            step = np.where(self.rested[runs], 0, step)
            self.rested[runs] &= ~chosen
        model = self.cores.units.model
        moved = np.clip(self.current[runs] + step, model.lowest, model.highest)
        if settings.opposite:
            too_high = chosen & (deviation * self.tuned.sign[runs] > 0)
            changing = np.flatnonzero(too_high & (self.current[runs] >= model.highest))
            cells = moved[0].size
            own = self.cores.units.kernels.xp.asarray(runs)[changing // cells] * cells
            error = deviation.reshape(-1)[changing]
            moved.reshape(-1)[changing] = self.tuned.change_polarity(own + changing % cells, error)
        self.current[runs] = np.where(chosen, moved, self.current[runs])
        fired = self.cores.pulse(
            np.where(chosen, self.current[runs], 0), self.tuned.device[runs], runs
        )
        self.mean[runs] = np.where(chosen, 0, self.mean[runs])
        self.passes[runs] = np.where(chosen, 0, self.passes[runs])
        return fired

    def _tighten(self, iteration: int) -> np.float32:
        """What the margin is divided by; an estimate settles in one verify, unlike GDP's."""
        if self.settings.schedule == "constant":
            return np.float32(1)
        rounds = max(self.settings.iterations - 2 - iteration, 0)
        return np.float32(1 + STOPPING_RATE * rounds)

    def _judge(self, accepted: np.ndarray) -> None:
        """Status of runs from the share of cells within the margin, and the error's course."""
        self.status = ended(self.error, self.status)
        self.status[accepted >= self.accept] = Status.REACHED
