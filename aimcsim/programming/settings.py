"""Programming methods and their settings."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from aimcsim.common.section import NATEL, OURS, Section, key, swept

InputDistribution = Literal["uniform", "gaussian", "binary", "orthogonal"]
HARP = "Choi et al., arXiv 2604.12420, 2026"
METHODS = ("iterative", "open_loop", "hadamard", "gdp")  # every method, in the order of results


class Iterative(Section):
    """Conventional program-and-verify, unit cell by unit cell."""

    iterations: int = key(
        30,
        "Reads and pulses at most per unit cell.",
        unit="iterations",
        ge=1,
        le=10000,
        source=NATEL,
    )
    margin: float = key(
        5.0,
        "A cell is accepted once it reads within this distance of its target.",
        unit="counts",
        ge=0,
        le=1000,
        source=NATEL,
    )
    count: float = key(0.129, "Conductance of one count.", unit="uS", gt=0, le=100, source=NATEL)
    gain: float = key(
        0.001,
        "Move of the pulse current per count of read error.",
        unit="RESET currents per count",
        gt=0,
        le=1,
        source=f"{OURS}; the scheme is Papandreou et al., ISCAS 2011",
    )
    reverify: bool = key(
        True,
        "true: every iteration reads all cells and corrects each that reads outside the "
        "margin, also one accepted before. false: a cell accepted once is never read again.",
        source=f"{OURS}: on uniform weights, true lands where the chip's published residual "
        "statistics are, false well below",
    )
    accept: float = key(
        0.99, "Share of accepted cells at which a core's status is 'reached'.", unit="1",
        gt=0, le=1, source=OURS,
    )  # fmt: skip


class OpenLoop(Section):
    """Targets drawn with a published residue: no loop, no pulses, nothing read."""

    statistics: Literal["hermes_odp", "hermes_tdp", "pcm_90nm"] = key(
        "hermes_odp",
        "Published residue of iterative programming that targets are drawn with, at the same "
        "share of the largest conductance.",
        source="aihwkit's HermesNoiseModel; Joshi et al., Nat. Commun. 11, 2473, 2020",
    )


class Hadamard(Section):
    """Program-and-verify whose verify reads all cells at once through Hadamard-coded inputs."""

    start: Literal["iterative", "reset"] = key(
        "iterative",
        "State to start from: where iterative programming ended, or as the unit-cell scheme "
        "prepares cells (odp: all RESET).",
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
        2.0,
        "A cell is corrected only if its estimated error exceeds this, for a target of zero "
        "conductance.",
        unit="counts",
        ge=0,
        le=1000,
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
        "the rule of gdp.floor_schedule.",
        source=OURS,
    )
    noise_threshold: float = key(
        3.0,
        "Nor is a cell corrected unless its estimated error exceeds this many standard "
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
        0.001,
        "Move of the pulse current per count of estimated error.",
        unit="RESET currents per count",
        gt=0,
        le=1,
        source=f"{OURS}; the scheme is Papandreou et al., ISCAS 2011",
    )
    opposite: bool = key(
        True,
        "true: a cell that conducts too much with its device at full RESET goes on with the "
        "device of the other polarity, as by gdp.opposite.",
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


class Gdp(Section):
    """Gradient-descent programming. Every key takes one value or a list of values to sweep."""

    start: swept(Literal["iterative", "reset"]) = key(
        ("iterative",),
        "State to start from: where iterative programming ended, or as the unit-cell scheme "
        "prepares cells, nothing tuned (odp: all RESET).",
    )
    batch_size: swept(Annotated[int, Field(ge=1, le=65536)]) = key(
        (256,),
        "Random inputs per iteration; of orthogonal ones best as many as the core has rows, "
        "rounded up to a power of two, or a multiple.",
        unit="MVMs",
    )
    iterations: swept(Annotated[int, Field(ge=1, le=10000)]) = key(
        (160,),
        "Iterations at most; each is one batch of MVMs and one round of pulses.",
        unit="iterations",
    )
    learning_rate: swept(Annotated[float, Field(gt=0, le=1)]) = key(
        (0.0006,),
        "Move of the pulse current per count of estimated conductance error.",
        unit="RESET currents per count",
    )
    noise_threshold: swept(Annotated[float, Field(ge=0, le=100)]) = key(
        (2.0,),
        "A device is pulsed only if its estimated error exceeds this many standard "
        "deviations of the estimate.",
        unit="standard deviations",
    )
    floor: swept(Annotated[float, Field(ge=0, le=1000)]) = key(
        (2.0,),
        "The threshold never falls below this error, for a target of zero conductance.",
        unit="counts",
    )
    floor_slope: swept(Annotated[float, Field(ge=0, le=10)]) = key(
        (0.2,),
        "Growth of that floor with the target: pulses scatter more at high conductance.",
        unit="1",
    )
    floor_schedule: swept(Literal["constant", "stopping"]) = key(
        ("stopping",),
        "constant: the floor stays. stopping: the floor is the scatter of a pulse, "
        "tightened by the rounds still to come (optimal stopping).",
    )
    estimator: swept(Literal["batch", "running"]) = key(
        ("running",),
        "batch: each iteration trusts its own gradient alone. running: gradients "
        "of all iterations are combined, weighted by their noise.",
    )
    opposite: swept(bool) = key(
        (True,),
        "true: a cell that conducts too much with its device at full RESET goes on with "
        "the device of the other polarity, which subtracts.",
    )
    prior: swept(Annotated[float, Field(gt=0, le=1000)]) = key(
        (6.0,),
        "running: assumed error of a device after a pulse.",
        unit="counts",
    )
    target_error: swept(Annotated[float, Field(ge=0, le=100)]) = key(
        (0.0,),
        "Stop a run once its measured MVM error is at most this; 0: use the budget.",
        unit="percent",
    )
    inputs: swept(InputDistribution) = key(
        ("orthogonal",),
        "Distribution of the random programming inputs on [-1, 1]. orthogonal: Hadamard patterns "
        "with random signs, one pass is a pattern per row (rows rounded up to a power of two); "
        "batches of whole passes have no cross-talk between rows, and are simulated some six times "
        "faster.",
    )
    affine: swept(Literal["none", "column"]) = key(
        ("none",),
        "column: a digital scale and offset per column are adapted in each iteration together "
        "with the conductances, and stay with the core.",
        source="US 12,417,124, claim 3; how they are adapted is our design",
    )

    @field_validator("*")
    @classmethod
    def _distinct(cls, values: tuple) -> tuple:
        if len(set(values)) != len(values):
            raise ValueError("the list names a value twice; name each once")
        return values
