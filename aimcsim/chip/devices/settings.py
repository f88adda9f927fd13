"""Memory devices that a study can choose from, told apart by the key ``model``."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from aimcsim.chip.settings import MeltQuench
from aimcsim.common.section import OURS, Section, key

NANDAKUMAR = "Nandakumar et al., J. Appl. Phys. 124, 152135, 2018"


class SetAccumulation(Section):
    """Phase-change device (90 nm) whose SET pulses add up until the next RESET."""

    # The schema asks for the model: an object without one is a melt-quench device alone.
    model_config = ConfigDict(json_schema_extra={"required": ["model"]})

    model: Literal["set_accumulation"] = key(
        "set_accumulation", "Device law. set_accumulation: each SET pulse adds a random step."
    )
    g_max: float = key(
        8.0,
        "Conductance that a normalised weight of 1 is mapped to; 99 % of the devices reach the "
        "default within 30 SET pulses.",
        unit="uS",
        gt=0,
        le=1000,
        source=OURS,
    )
    mean_g: float = key(-0.084, "Mean step per conductance.", unit="1", ge=-1, le=1,
                        source=NANDAKUMAR)  # fmt: skip
    mean_0: float = key(0.880, "Mean step at G = 0 and memory P = 0.", unit="uS", ge=-100, le=100,
                        source=NANDAKUMAR)  # fmt: skip
    mean_p: float = key(1.40, "Mean step per memory.", unit="uS", ge=-100, le=100,
                        source=NANDAKUMAR)  # fmt: skip
    std_g: float = key(0.091, "Spread of the step per conductance.", unit="1", ge=0, le=10,
                       source=NANDAKUMAR)  # fmt: skip
    std_0: float = key(0.260, "Spread of the step at G = 0 and P = 0.", unit="uS", ge=0, le=100,
                       source=NANDAKUMAR)  # fmt: skip
    std_p: float = key(2.15, "Spread of the step per memory.", unit="uS", ge=0, le=100,
                       source=NANDAKUMAR)  # fmt: skip
    memory_pulses: float = key(
        2.6,
        "SET pulses over which the memory P, 1 after RESET, falls by e.",
        unit="pulses",
        gt=0,
        le=1000,
        source=NANDAKUMAR,
    )
    g_min: float = key(
        0.1,
        "No SET pulse leaves a device below this; also the mean RESET conductance.",
        unit="uS",
        ge=0,
        le=100,
        source=NANDAKUMAR,
    )
    reset_spread: float = key(
        0.1,
        "Relative spread of the RESET conductance; over devices, the same at every RESET.",
        unit="1",
        ge=0,
        le=1,
        source=f"{NANDAKUMAR}; over devices is our reading",
    )
    g_max_low: float = key(12.0, "Smallest maximum conductance of a device.", unit="uS", gt=0,
                           le=1000, source=NANDAKUMAR)  # fmt: skip
    g_max_high: float = key(
        20.0,
        "Largest maximum conductance of a device; devices fill the range evenly.",
        unit="uS",
        gt=0,
        le=1000,
        source=f"{NANDAKUMAR}; evenly is {OURS}",
    )
    read_noise: float = key(0.03, "Read noise of a device per conductance.", unit="1", ge=0, le=1,
                            source=NANDAKUMAR)  # fmt: skip
    read_floor: float = key(0.13, "Read noise of a device at G = 0.", unit="uS", ge=0, le=100,
                            source=NANDAKUMAR)  # fmt: skip

    @model_validator(mode="after")
    def _range(self) -> "SetAccumulation":
        if not self.g_min < self.g_max_low <= self.g_max_high:
            raise ValueError(
                f"g_min ({self.g_min:g}) must lie below g_max_low ({self.g_max_low:g}), and that "
                f"not above g_max_high ({self.g_max_high:g})"
            )
        if self.mean_0 + self.mean_p <= 0:
            raise ValueError("mean_0 + mean_p must be above 0: no SET pulse would leave RESET")
        return self


class Curve(Section):
    """A device table in place of its file: the file's columns, one list each."""

    current: tuple[float, ...] | None = key(
        None, "Pulse current; it sets the state alone.", unit="RESET currents"
    )
    pulse: tuple[float, ...] | None = key(
        None, "In place of the current: equal SET pulses since RESET.", unit="pulses"
    )
    mean: tuple[float, ...] = key(..., "Mean conductance.", unit="uS")
    std: tuple[float, ...] = key(..., "Standard deviation from pulse to pulse.", unit="uS")
    device_std: tuple[float, ...] | None = key(
        None, "Standard deviation over devices of their own means; null: 0.", unit="uS"
    )

    @model_validator(mode="after")
    def _equal_lengths(self) -> "Curve":
        lengths = {name: len(values) for name, values in self if values is not None}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"the columns differ in length ({found}); give one number per row")
        return self


class Table(Section):
    """A device measured by the user: conductance over pulse current or over SET pulses."""

    model_config = ConfigDict(json_schema_extra={"required": ["model", "g_max"]})

    model: Literal["table"] = key("table", "Device law. table: interpolated in the user's rows.")
    path: str | None = key(
        None,
        "CSV file with the columns current (or pulse), mean, std and, if measured, device_std; "
        "see aimcsim/chip/devices/table.py.",
        min_length=1,
    )
    columns: Curve | None = key(None, "The same columns here, in place of path.")
    g_max: float = key(
        ...,
        "Conductance that a normalised weight of 1 is mapped to; at most the table's highest mean.",
        unit="uS",
        gt=0,
        le=1000,
    )
    read_noise: float = key(
        0.04, "Read noise of a device per conductance.", unit="1", ge=0, le=1,
        source=f"{OURS}, as for melt_quench",
    )  # fmt: skip
    read_floor: float = key(0.0, "Read noise of a device at G = 0.", unit="uS", ge=0, le=100,
                            source=OURS)  # fmt: skip

    @field_validator("path")
    @classmethod
    def _no_braces(cls, path: str | None) -> str | None:
        if path and set(path) & set("{}"):
            raise ValueError("Snakemake takes { and } in a path for wildcards; rename the file")
        return path

    @model_validator(mode="after")
    def _one_source(self) -> "Table":
        if (self.path is None) == (self.columns is None):
            raise ValueError("give either path (a CSV file) or columns (its numbers), one of them")
        return self


def _melt_quench_unless_said(value: Any) -> Any:
    """Studies from before there was a choice name no model."""
    if isinstance(value, dict) and "model" not in value:
        return {"model": MeltQuench.model_fields["model"].default, **value}
    return value


Device = Annotated[
    MeltQuench | SetAccumulation | Table,
    Field(discriminator="model"),
    BeforeValidator(_melt_quench_unless_said),
]
DEVICES = (MeltQuench, SetAccumulation, Table)
