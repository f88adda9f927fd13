"""The configuration as typed models: every key with its unit, range, effect and source.

The models are the only statement of the keys. The JSON schema in ``workflow/schemas`` and the
comments of ``config/default.yaml`` are generated from them (``aimcsim config --write``); a test
keeps all three in step.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


def key(default: Any, effect: str, *, unit: str = "", source: str = "", **bounds: Any) -> Any:
    """A config key: its default, what it does, its unit and the source of its default."""
    extra = {name: text for name, text in (("unit", unit), ("source", source)) if text}
    return Field(default, description=effect, json_schema_extra=extra or None, **bounds)


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


def swept(kind: Any) -> Any:
    """The type of a hyperparameter: one value, or a non-empty list of values to sweep."""
    return Annotated[tuple[kind, ...], BeforeValidator(_as_list), Field(min_length=1)]


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
# Largest extents for which every random draw still has a 32-bit address of its own.
MatrixExtent = Annotated[int, Field(ge=1, le=65536)]
JSSC = "Khaddam-Aljameh et al., JSSC 57(4), 2022, doi 10.1109/JSSC.2022.3140414"
NATEL = "Le Gallo et al., Nat. Electron. 6, 2023, arXiv 2212.02872"
OURS = "our model"


class Core(Section):
    """Geometry of one AIMC core."""

    rows: int = key(
        256, "Input lines of one core (unit cells per column).", unit="cells", ge=1, le=4096,
        source=JSSC,
    )
    columns: int = key(
        256, "Output lines of one core, each with its own ADC.", unit="cells", ge=1, le=4096,
        source=JSSC,
    )  # fmt: skip


class MeltQuench(Section):
    """Melt-quench phase-change device: a RESET pulse's current sets the conductance."""

    model: Literal["melt_quench"] = key(
        "melt_quench", "Device law. melt_quench: conductance follows the current of the last pulse."
    )
    g_max: float = key(
        10.35, "Conductance that a normalised weight of 1 is mapped to (one device).",
        unit="uS", gt=0, le=1000, source=NATEL,
    )
    g_reset: float = key(
        0.1, "Conductance of a fully RESET device (mean).", unit="uS", ge=0, le=100, source=NATEL
    )
    g_reset_spread: float = key(
        0.1, "Relative spread of the RESET conductance over devices.", unit="1", ge=0, le=1,
        source="Nandakumar et al., J. Appl. Phys. 124, 152135, 2018",
    )
    g_set_mean: float = key(
        19.35, "SET conductance, mean over devices (150 counts of 0.129 uS).", unit="uS",
        gt=0, le=1000, source=f"{OURS}, inside the spread reported by {NATEL}",
    )
    g_set_spread: float = key(
        5.16, "SET conductance, standard deviation over devices (40 counts).", unit="uS",
        ge=0, le=1000, source=OURS,
    )
    g_set_min: float = key(
        5.805, "SET conductance, lower clip (45 counts): such devices cannot reach g_max.",
        unit="uS", gt=0, le=1000, source=OURS,
    )
    g_set_max: float = key(
        41.28, "SET conductance, upper clip (320 counts).", unit="uS", gt=0, le=1000, source=OURS
    )
    i_half_mean: float = key(
        0.5, "Pulse current that halves the SET conductance, mean over devices.",
        unit="RESET currents", gt=0, le=1, source=OURS,
    )
    i_half_spread: float = key(
        0.05, "The same, standard deviation over devices.", unit="RESET currents", ge=0, le=1,
        source=OURS,
    )
    i_width_mean: float = key(
        0.08, "Width of the programming curve in current, mean over devices.",
        unit="RESET currents", gt=0, le=1, source=OURS,
    )
    i_width_spread: float = key(
        0.01, "The same, standard deviation over devices (clipped at a quarter of the mean).",
        unit="RESET currents", ge=0, le=1, source=OURS,
    )
    i_melt: float = key(
        0.25, "Current below which nothing melts: such a pulse changes nothing.",
        unit="RESET currents", ge=0, le=1, source=OURS,
    )
    current_jitter: float = key(
        0.03, "Pulse-to-pulse standard deviation of the effective current.",
        unit="RESET currents", ge=0, le=1, source=OURS,
    )
    quench_noise: float = key(
        0.02, "Pulse-to-pulse relative standard deviation of the resulting conductance.",
        unit="1", ge=0, le=1, source=OURS,
    )
    read_noise: float = key(
        0.04, "Read noise of a device at each read and each MVM, relative to its conductance.",
        unit="1", ge=0, le=1, source=OURS,
    )  # fmt: skip


class Periphery(Section):
    """Converters around the core."""

    dac_bits: int = key(
        8, "Resolution of the signed pulse-width inputs.", unit="bits", ge=2, le=16, source=JSSC
    )
    adc_bits: int = key(
        8, "Resolution of the column ADCs during an MVM.", unit="bits", ge=2, le=16, source=JSSC
    )
    adc_range_sigmas: float = key(
        4.0,
        "ADC full scale, in standard deviations of the strongest column's ideal output under "
        "uniform inputs; set once per core from its target weights.",
        unit="standard deviations", gt=0, le=100, source=OURS,
    )
    cell_bits: int = key(
        8, "Resolution of a unit-cell read.", unit="bits", ge=2, le=16, source=JSSC
    )
    cell_range: float = key(
        16.512,
        "Full scale of a unit-cell read, either sign (128 counts: one count is 0.129 uS at 8 bits).",
        unit="uS", gt=0, le=1000, source=NATEL,
    )
    adc_noise: float = key(
        0.6, "Noise of one conversion, in least significant bits of an 8-bit range.",
        unit="LSB at 8 bits", ge=0, le=100, source=OURS,
    )
    column_gain: float = key(
        0.0709, "Half-width of the uniform spread of the column gains, after calibration.",
        unit="1", ge=0, lt=1,
        source=f"{JSSC}: within +/-21 % before, 7.09 % after; uniform is our reading",
    )
    column_offset: float = key(
        0.002, "Standard deviation of the column offsets.", unit="full scales", ge=0, le=1,
        source=OURS,
    )  # fmt: skip


InputDistribution = Literal["uniform", "gaussian", "binary"]


class Iterative(Section):
    """Conventional program-and-verify, unit cell by unit cell."""

    iterations: int = key(
        30, "Reads and pulses at most per unit cell.", unit="iterations", ge=1, le=10000,
        source=NATEL,
    )
    margin: float = key(
        5.0, "A cell is accepted once it reads within this distance of its target.",
        unit="counts", ge=0, le=1000, source=NATEL,
    )
    count: float = key(
        0.129, "Conductance of one count.", unit="uS", gt=0, le=100, source=NATEL
    )
    gain: float = key(
        0.001, "Move of the pulse current per count of read error.",
        unit="RESET currents per count", gt=0, le=1,
        source=f"{OURS}; the scheme is Papandreou et al., ISCAS 2011",
    )
    reverify: bool = key(
        True, "true: every iteration reads all cells and corrects each that reads outside the "
        "margin, also one accepted before. false: a cell accepted once is never read again.",
        source=f"{OURS}: true lands where the chip's published residual statistics are, false "
        "well below them",
    )
    accept: float = key(
        0.99, "Share of accepted cells at which a core's status is 'reached'.", unit="1",
        gt=0, le=1, source=OURS,
    )  # fmt: skip


class Gdp(Section):
    """Gradient-descent programming. Every key takes one value or a list of values to sweep."""

    start: swept(Literal["iterative", "reset"]) = key(
        ("iterative",), "State to start from: where iterative programming ended, or all RESET."
    )
    batch_size: swept(Annotated[int, Field(ge=1, le=65536)]) = key(
        (1024,), "Random inputs per iteration.", unit="MVMs"
    )
    iterations: swept(Annotated[int, Field(ge=1, le=10000)]) = key(
        (40,), "Iterations at most; each is one batch of MVMs and one round of pulses.",
        unit="iterations",
    )
    learning_rate: swept(Annotated[float, Field(gt=0, le=1)]) = key(
        (0.0006,), "Move of the pulse current per count of estimated conductance error.",
        unit="RESET currents per count",
    )
    noise_threshold: swept(Annotated[float, Field(ge=0, le=100)]) = key(
        (2.0,), "A device is pulsed only if its estimated error exceeds this many standard "
        "deviations of the estimate.", unit="standard deviations",
    )
    floor: swept(Annotated[float, Field(ge=0, le=1000)]) = key(
        (2.0,), "The threshold never falls below this error, for a target of zero conductance.",
        unit="counts",
    )
    floor_slope: swept(Annotated[float, Field(ge=0, le=10)]) = key(
        (0.2,), "Growth of that floor with the target: pulses scatter more at high conductance.",
        unit="1",
    )
    floor_schedule: swept(Literal["constant", "stopping"]) = key(
        ("stopping",), "constant: the floor stays. stopping: the floor is the scatter of a pulse, "
        "tightened by the rounds still to come (optimal stopping).",
    )
    estimator: swept(Literal["batch", "running"]) = key(
        ("running",), "batch: each iteration trusts its own gradient alone. running: gradients "
        "of all iterations are combined, weighted by their noise.",
    )
    prior: swept(Annotated[float, Field(gt=0, le=1000)]) = key(
        (6.0,), "running: assumed error of a device after a pulse.", unit="counts",
    )
    target_error: swept(Annotated[float, Field(ge=0, le=100)]) = key(
        (0.0,), "Stop a run once its measured MVM error is at most this; 0: use the budget.",
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


class Evaluation(Section):
    """How a programmed core is judged."""

    inputs: int = key(
        2048, "Fresh random inputs per core, uniform on [-1, 1].", unit="MVMs", ge=16, le=1_000_000
    )
    adc_bits: int | None = key(
        None, "ADC resolution while judging; null: the same as while programming.", unit="bits",
        ge=2, le=16,
    )  # fmt: skip


class Execution(Section):
    """How the work is cut into jobs. Nothing here changes a result."""

    runs_per_shard: int = key(
        36, "Programming runs (core x hyperparameter point) in one job, at most.", unit="runs",
        ge=1, le=100_000,
    )
    backend: Literal["auto", "cpu", "reference"] = key(
        "auto", "cpu: compiled kernels. reference: plain NumPy, slow, for checking. auto: cpu."
    )
    keep_conductances: bool = key(
        True, "Keep every programmed state (0.5 MB per run on 256 x 256), so that a change of the "
        "evaluation does not program again; false for large sweeps.",
    )  # fmt: skip


class Report(Section):
    """Statistics of the report."""

    confidence: float = key(0.95, "Level of all intervals.", unit="1", gt=0.5, lt=1)
    bootstrap: int = key(
        2000, "Bootstrap resamples of the cores.", unit="resamples", ge=100, le=1_000_000
    )


class SyntheticWeights(Section):
    """Random matrices of a stated distribution."""

    kind: Literal["gaussian", "uniform", "laplace", "ternary", "sparse", "low_rank"] = key(
        ..., "Distribution of the entries."
    )
    rows: MatrixExtent = key(256, "Rows (inputs) of the matrix.", unit="cells")
    columns: MatrixExtent = key(256, "Columns (outputs) of the matrix.", unit="cells")
    zeros: float | None = key(
        None, "Share of exact zeros; null: 0.3 for uniform, 1/3 for ternary, 0.9 for sparse, 0 "
        "for the others.", unit="1", ge=0, lt=1,
    )
    rank: int = key(16, "Rank, for low_rank.", unit="1", ge=1, le=65536)
    clip_sigmas: float | None = key(
        None, "Clip entries at this many standard deviations before mapping; null: no clipping.",
        unit="standard deviations", gt=0, le=100,
    )  # fmt: skip


class DigitsWeights(Section):
    """Layers of a perceptron that the workflow trains on scikit-learn's digits images."""

    kind: Literal["digits"] = key(..., "A trained network and its test images.")
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)] = key(
        (128, 64), "Units of the hidden layers.", unit="units"
    )
    clip_sigmas: float | None = key(
        None, "Clip weights of each layer at this many standard deviations; null: no clipping.",
        unit="standard deviations", gt=0, le=100,
    )  # fmt: skip


class FileWeights(Section):
    """The user's own matrices."""

    kind: Literal["file"] = key(..., "Matrices read from a file.")
    path: str = key(..., "File to read: .npy, .npz, .safetensors or .nc.", min_length=1)
    select: tuple[str, ...] | None = key(
        None, "Names of the arrays to take; null: every array of two or more dimensions.",
        min_length=1,
    )
    transpose: bool = key(
        False, "true where the file's matrices are (outputs, inputs), as in PyTorch; rows are "
        "inputs here.",
    )
    clip_sigmas: float | None = key(
        None, "Clip each matrix at this many standard deviations; null: no clipping.",
        unit="standard deviations", gt=0, le=100,
    )  # fmt: skip


WeightSet = Annotated[SyntheticWeights | DigitsWeights | FileWeights, Field(discriminator="kind")]


class Config(Section):
    """A whole study."""

    study: Name = key(
        "default", "Name of the study: results/<study>/ and reports/<study>/ carry it."
    )
    seed: int = key(1, "Seed of every random draw.", ge=0, le=2**32 - 1)
    cores: int = key(
        6, "Chip instances: each weight set is programmed on this many, all different.",
        unit="cores", ge=1, le=100_000,
    )
    core: Core = key(Core(), "Geometry of one core.")
    device: MeltQuench = key(MeltQuench(), "Memory device: law and parameters.")
    periphery: Periphery = key(Periphery(), "Converters around the core.")
    weights: dict[Name, WeightSet] = key(
        {}, "Weight sets by name; each is split into tiles of the core's size.", min_length=1
    )
    iterative: Iterative = key(Iterative(), "Conventional programming, the baseline.")
    gdp: Gdp = key(
        Gdp(), "Gradient-descent programming; keys with several values span the sweep."
    )
    evaluation: Evaluation = key(Evaluation(), "How a programmed core is judged.")
    execution: Execution = key(
        Execution(), "How the work is cut into jobs; changes no result."
    )
    report: Report = key(Report(), "Statistics of the report.")  # fmt: skip

    @field_validator("study")
    @classmethod
    def _not_the_sources(cls, study: str) -> str:
        if study == "source":
            raise ValueError("reports/source holds the page templates; choose another study name")
        return study
