"""Programming methods and their settings."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from aimcsim.config.base import NATEL, OURS, Section, key, swept

InputDistribution = Literal["uniform", "gaussian", "binary"]


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


class Gdp(Section):
    """Gradient-descent programming. Every key takes one value or a list of values to sweep."""

    start: swept(Literal["iterative", "reset"]) = key(
        ("iterative",),
        "State to start from: where iterative programming ended, or as the unit-cell scheme "
        "prepares cells, nothing tuned (odp: all RESET).",
    )
    batch_size: swept(Annotated[int, Field(ge=1, le=65536)]) = key(
        (1024,), "Random inputs per iteration.", unit="MVMs"
    )
    iterations: swept(Annotated[int, Field(ge=1, le=10000)]) = key(
        (40,),
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
        ("uniform",), "Distribution of the random programming inputs on [-1, 1]."
    )  # fmt: skip

    @field_validator("*")
    @classmethod
    def _distinct(cls, values: tuple) -> tuple:
        if len(set(values)) != len(values):
            raise ValueError("the list names a value twice; name each once")
        return values
