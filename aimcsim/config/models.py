"""The configuration as typed models: every key with its unit, range, effect and source.

The models are the only statement of the keys. The JSON schema in ``workflow/schemas`` and
``config/default.yaml`` with its comments are generated from them (``aimcsim config --write``); a
test keeps all three in step. Sections live in files of their own, so that a stage depends on the
source of those that it uses and on no other.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Field, field_validator, model_validator

from aimcsim.chip.cost import Cost
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.registry import DEFAULT, DEVICES
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core, Wires
from aimcsim.common.section import Name, Section, key
from aimcsim.config.compare import Comparison
from aimcsim.networks.settings import Inference
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming.settings import METHODS, Gdp, Hadamard, Iterative, OpenLoop
from aimcsim.weights.settings import (
    DigitsWeights,
    FileWeights,
    NetworkWeights,
    SyntheticWeights,
    WeightSet,
)


def _default_unless_said(value: Any) -> Any:
    """A device section that names no model is of the default one."""
    if isinstance(value, dict) and "model" not in value:
        return {"model": DEFAULT, **value}
    return value


Device = Annotated[
    Union[tuple(DEVICES.values())],  # noqa: UP007
    Field(discriminator="model"),
    BeforeValidator(_default_unless_said),
]


class Refresh(Section):
    """When programmed cores are programmed again, from the state that drift has left them in."""

    times: tuple[Annotated[float, Field(ge=1, le=1e10)], ...] = key(
        (),
        "Times after programming at which, each on its own, every method programs its drifted "
        "cores again within its budget; rising, at least t0 of evaluation.statistics. An empty "
        "list: never.",
        unit="s",
        max_length=1000,
    )


__all__ = [
    "NOT_SCIENCE", "Config", "DigitsWeights", "FileWeights", "NetworkWeights", "SyntheticWeights",
    "WeightSet",
]  # fmt: skip

# Sections that change no result; they stay out of it, whatever way the work was cut.
NOT_SCIENCE = frozenset({"execution"})


class Evaluation(Section):
    """How a programmed core is judged."""

    inputs: int = key(
        2048, "Fresh random inputs per core, uniform on [-1, 1].", unit="MVMs", ge=16, le=1_000_000
    )
    adc_bits: int | None = key(
        None,
        "ADC resolution while judging; null: the same as while programming.",
        unit="bits",
        ge=2,
        le=16,
    )
    times: tuple[Annotated[float, Field(ge=1, le=1e10)], ...] = key(
        (200.0, 86400.0, 31536000.0),
        "Times after programming at which cores are judged again, drifted and with slow read "
        "noise by published statistics; at least the statistics' t0. An empty list: never.",
        unit="s",
    )
    statistics: Literal["hermes_odp", "hermes_tdp", "pcm_90nm"] = key(
        "hermes_odp",
        "Published statistics of drift, 1/f read noise and programming residue.",
        source="aihwkit's HermesNoiseModel; Joshi et al., Nat. Commun. 11, 2473, 2020",
    )
    calibration: int = key(
        0,
        "MVMs that set a digital scale and offset per column after programming, for every method; "
        "the error behind it is judged beside that without. 0: none is set.",
        unit="MVMs",
        ge=0,
        le=1_000_000,
    )

    split: bool = key(
        True, "Whether the report splits the MVM error by effect, each alone and all together."
    )

    @model_validator(mode="after")
    def _after_t0(self) -> "Evaluation":
        t0 = BY_NAME[self.statistics].t0
        early = [time for time in self.times if time < t0]
        if early or list(self.times) != sorted(set(self.times)):
            raise ValueError(f"times must rise and be at least t0 of {self.statistics}, {t0:g} s")
        return self


class Execution(Section):
    """How the work is cut into jobs, and what programs. Nothing here changes a result, but
    ``backend`` its rounding."""

    runs_per_shard: int = key(
        96,
        "Programming runs (core x hyperparameter point) in one job, at most.",
        unit="runs",
        ge=1,
        le=100_000,
    )
    backend: Literal["auto", "cpu", "gpu", "reference"] = key(
        "auto", "What programs: cpu, compiled kernels; gpu, CUDA (pip install 'aimcsim[gpu]'; "
        "melt-quench devices, ideal wires); reference, plain NumPy, slow, for checking. They agree "
        "to rounding. auto: gpu where CuPy and a device are found when the study is planned and "
        "it can do the whole study, else cpu.",
    )  # fmt: skip
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


class Config(Section):
    """A whole study."""

    study: Name = key(
        "default", "Name of the study: results/<study>/ and reports/<study>/ carry it."
    )
    seed: int = key(1, "Seed of every random draw.", ge=0, le=2**32 - 1)
    cores: int = key(
        6,
        "Chip instances: each weight set is programmed on this many, all different.",
        unit="cores",
        ge=1,
        le=100_000,
    )
    core: Core = key(Core(), "Geometry of one core.")
    device: Device = key(DEVICES[DEFAULT](), "Memory device: law and parameters.")
    defects: Defects = key(Defects(), "Stuck devices; programming is not told which.")
    wires: Wires = key(Wires(), "Resistance of the crossbar's wires; 0: ideal.")
    periphery: Periphery = key(Periphery(), "Converters around the core.")
    weights: dict[Name, WeightSet] = key(
        {},
        "Weight sets by name; each is split into tiles of the core's size.",
        min_length=1,
        validate_default=True,
    )
    methods: tuple[Literal["iterative", "open_loop", "hadamard", "gdp"], ...] = key(
        ("iterative", "gdp"),
        "Programming methods compared, on the same cores: iterative and gdp always, beside them "
        "hadamard (verified through Hadamard-coded inputs) and open_loop (published residue).",
    )
    iterative: Iterative = key(Iterative(), "Conventional programming, the baseline.")
    open_loop: OpenLoop = key(OpenLoop(), "Targets with a published residue, no loop.")
    hadamard: Hadamard = key(Hadamard(), "Program-and-verify through Hadamard-coded inputs.")
    gdp: Gdp = key(Gdp(), "Gradient-descent programming; keys with several values span the sweep.")
    evaluation: Evaluation = key(Evaluation(), "How a programmed core is judged.")
    inference: Inference = key(Inference(), "How networks are judged, by their accuracy.")
    refresh: Refresh = key(Refresh(), "Programming again after drift.")
    compare: dict[Name, Comparison] = key(
        {}, "Comparisons by name: cases of the study with some keys changed, side by side."
    )
    cost: Cost = key(Cost(), "Time and energy of reads, MVMs and pulses; programs nothing again.")
    execution: Execution = key(
        Execution(),
        "How the work is cut into jobs, and what programs; changes no result but its rounding.",
    )
    report: Report = key(Report(), "Statistics of the report.")  # fmt: skip

    @property
    def extra_methods(self) -> tuple[str, ...]:
        """Methods beside iterative and GDP, in the order of results."""
        return tuple(name for name in self.methods if name not in ("iterative", "gdp"))

    @field_validator("methods")
    @classmethod
    def _both_and_distinct(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        """In the order of results, so that the order of the list means nothing."""
        missing = {"iterative", "gdp"} - set(methods)
        if missing:
            raise ValueError(f"{' and '.join(sorted(missing))} always runs; add it to the list")
        if len(set(methods)) != len(methods):
            raise ValueError("the list names a method twice; name each once")
        return tuple(name for name in METHODS if name in methods)

    @model_validator(mode="after")
    def _extra_methods_fit(self) -> "Config":
        two = self.core.unit_cell != "odp"
        if "open_loop" in self.methods and two and self.open_loop.statistics == "hermes_odp":
            raise ValueError(
                f"open_loop.statistics hermes_odp is that of one-device cells; with "
                f"core.unit_cell {self.core.unit_cell} use hermes_tdp"
            )
        if "hadamard" not in self.methods:
            return self
        if self.core.unit_cell == "max_fill" and self.hadamard.start == "reset":
            raise ValueError(
                "hadamard.start 'reset' leaves the first device of a max_fill cell empty; use "
                "hadamard.start: iterative, or core.unit_cell: tdp"
            )
        if self.hadamard.amplitude * (2 ** (self.periphery.dac_bits - 1) - 1) <= 0.5:
            raise ValueError(
                f"hadamard.amplitude {self.hadamard.amplitude:g} is 0 on the grid of a DAC of "
                f"{self.periphery.dac_bits} bits; use a larger amplitude"
            )
        return self

    @model_validator(mode="after")
    def _compares_own_weights(self) -> "Config":
        for name, comparison in self.compare.items():
            for wanted in comparison.weights:
                if wanted not in self.weights:
                    known = ", ".join(self.weights)
                    raise ValueError(
                        f"compare.{name}.weights names '{wanted}'; the weight sets are {known}"
                    )
        return self

    @model_validator(mode="after")
    def _one_set_of_images(self) -> "Config":
        for name, comparison in self.compare.items():
            for _, _, change in comparison.changes():
                section = change.get("inference")
                changed = section if isinstance(section, Mapping) else {}
                for field in ("images", "calibration"):
                    own = getattr(self.inference, field)
                    if changed.get(field, own) != own:
                        raise ValueError(
                            f"compare.{name} changes inference.{field} to {changed[field]}; all "
                            "cases share the images of the study. Change it there"
                        )
        return self

    @model_validator(mode="after")
    def _refreshed_after_t0(self) -> "Config":
        times, t0 = self.refresh.times, BY_NAME[self.evaluation.statistics].t0
        if list(times) != sorted(set(times)) or any(time < t0 for time in times):
            raise ValueError(
                f"refresh.times must rise and be at least t0 of evaluation.statistics, {t0:g} s"
            )
        return self

    @model_validator(mode="after")
    def _fits_the_unit_cell(self) -> "Config":
        two, one = self.core.unit_cell != "odp", self.evaluation.statistics == "hermes_odp"
        if two and one:
            raise ValueError(
                f"evaluation.statistics hermes_odp is that of one-device cells; with "
                f"core.unit_cell {self.core.unit_cell} use hermes_tdp (times from 300 s on)"
            )
        return self

    @model_validator(mode="after")
    def _wires_leave_enough(self) -> "Config":
        if not self.wires.on:
            return self
        from aimcsim.physics.crossbar import LARGEST_LOSS, loss_when_even  # brings scipy

        full = self.device.g_max * self.core.devices_per_polarity
        lost = loss_when_even(
            self.core.rows, self.core.columns, full, self.wires.row, self.wires.column
        )
        if lost > LARGEST_LOSS:
            raise ValueError(
                f"wires.row {self.wires.row:g} and wires.column {self.wires.column:g} Ohm swallow "
                f"{lost:.0%} of the current of a core full of devices at g_max; the approximation "
                f"holds up to {LARGEST_LOSS:.0%}. Lower them, or core.rows and core.columns"
            )
        return self

    @model_validator(mode="after")
    def _max_fill_starts_tuned(self) -> "Config":
        if self.core.unit_cell == "max_fill" and "reset" in self.gdp.start:
            raise ValueError(
                "gdp.start 'reset' leaves the first device of a max_fill cell empty; use "
                "gdp.start: iterative, or core.unit_cell: tdp"
            )
        return self

    @model_validator(mode="after")
    def _fits_the_device(self) -> "Config":
        model, scheme = self.device.model, self.core.unit_cell
        if scheme not in self.device.unit_cells:
            raise ValueError(
                f"core.unit_cell {scheme} tunes one of two devices by the current of its pulses; "
                f"with device.model {model} use core.unit_cell: odp"
            )
        if self.evaluation.statistics not in (self.device.statistics or BY_NAME):
            fitting = " or ".join(
                f"{name} (times from {BY_NAME[name].t0:g} s on)" for name in self.device.statistics
            )
            raise ValueError(
                f"evaluation.statistics {self.evaluation.statistics} was measured on other devices "
                f"than those of device.model {model}; use {fitting}"
            )
        return self

    @field_validator("weights", "compare")
    @classmethod
    def _distinct_files(cls, named: dict) -> dict:
        if len({name.casefold() for name in named}) < len(named):
            raise ValueError("two names differ in case alone; their files would be one")
        return named

    @field_validator("study")
    @classmethod
    def _not_the_sources(cls, study: str) -> str:
        if study == "source":
            raise ValueError("reports/source holds the page templates; choose another study name")
        return study
