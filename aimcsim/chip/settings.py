"""The chip: core geometry, memory device, converters."""

from typing import Literal

from pydantic import model_validator

from aimcsim.common.section import JSSC, NATEL, OURS, Section, key


class Core(Section):
    """Geometry of one AIMC core."""

    rows: int = key(
        256,
        "Input lines of one core (unit cells per column).",
        unit="cells",
        ge=1,
        le=4096,
        source=JSSC,
    )
    columns: int = key(
        256,
        "Output lines of one core, each with its own ADC.",
        unit="cells",
        ge=1,
        le=4096,
        source=JSSC,
    )
    unit_cell: Literal["odp", "tdp", "max_fill"] = key(
        "odp",
        "Devices of a cell in use. odp: one per polarity. tdp: two, by Max SET Fill (what a device "
        "cannot reach in SET, its neighbour adds). max_fill: two, filled one after the other.",
        source="Vasilopoulos et al., IEEE TED 2023, doi 10.1109/TED.2023.3321014",
    )  # fmt: skip

    @property
    def devices_per_polarity(self) -> int:
        return 1 if self.unit_cell == "odp" else 2


class MeltQuench(Section):
    """Melt-quench phase-change device: a RESET pulse's current sets the conductance."""

    model: Literal["melt_quench"] = key(
        "melt_quench", "Device law. melt_quench: conductance follows the current of the last pulse."
    )
    g_max: float = key(
        10.35,
        "Conductance that a normalised weight of 1 is mapped to (one device).",
        unit="uS",
        gt=0,
        le=1000,
        source=NATEL,
    )
    g_reset: float = key(
        0.1, "Conductance of a fully RESET device (mean).", unit="uS", ge=0, le=100, source=NATEL
    )
    g_reset_spread: float = key(
        0.1,
        "Relative spread of the RESET conductance over devices.",
        unit="1",
        ge=0,
        le=1,
        source="Nandakumar et al., J. Appl. Phys. 124, 152135, 2018",
    )
    g_set_mean: float = key(
        19.35,
        "SET conductance, mean over devices (150 counts of 0.129 uS).",
        unit="uS",
        gt=0,
        le=1000,
        source=f"{OURS}, inside the spread reported by {NATEL}",
    )
    g_set_spread: float = key(
        5.16,
        "SET conductance, standard deviation over devices (40 counts).",
        unit="uS",
        ge=0,
        le=1000,
        source=OURS,
    )
    g_set_min: float = key(
        5.805,
        "SET conductance, lower clip (45 counts): such devices cannot reach g_max.",
        unit="uS",
        gt=0,
        le=1000,
        source=OURS,
    )
    g_set_max: float = key(
        41.28, "SET conductance, upper clip (320 counts).", unit="uS", gt=0, le=1000, source=OURS
    )
    i_half_mean: float = key(
        0.5,
        "Pulse current that halves the SET conductance, mean over devices.",
        unit="RESET currents",
        gt=0,
        le=1,
        source=OURS,
    )
    i_half_spread: float = key(
        0.05,
        "The same, standard deviation over devices.",
        unit="RESET currents",
        ge=0,
        le=1,
        source=OURS,
    )
    i_width_mean: float = key(
        0.08,
        "Width of the programming curve in current, mean over devices.",
        unit="RESET currents",
        gt=0,
        le=1,
        source=OURS,
    )
    i_width_spread: float = key(
        0.01,
        "The same, standard deviation over devices (clipped at a quarter of the mean).",
        unit="RESET currents",
        ge=0,
        le=1,
        source=OURS,
    )
    i_melt: float = key(
        0.25,
        "Current below which nothing melts: such a pulse changes nothing.",
        unit="RESET currents",
        ge=0,
        le=1,
        source=OURS,
    )
    current_jitter: float = key(
        0.03,
        "Pulse-to-pulse standard deviation of the effective current.",
        unit="RESET currents",
        ge=0,
        le=1,
        source=OURS,
    )
    quench_noise: float = key(
        0.02,
        "Pulse-to-pulse relative standard deviation of the resulting conductance.",
        unit="1",
        ge=0,
        le=1,
        source=OURS,
    )
    read_noise: float = key(
        0.04, "Read noise of a device at each read and each MVM, relative to its conductance.",
        unit="1", ge=0, le=1, source=OURS,
    )  # fmt: skip

    @model_validator(mode="after")
    def _reset_below_set(self) -> "MeltQuench":
        if not self.g_reset < self.g_set_min <= self.g_set_max:
            raise ValueError(
                f"g_reset ({self.g_reset:g}) must lie below g_set_min ({self.g_set_min:g}), and "
                f"that not above g_set_max ({self.g_set_max:g})"
            )
        return self


class Periphery(Section):
    """Converters around the core."""

    count: float = key(
        0.129,
        "Conductance of one count, in which programming methods take margins and thresholds: 80 "
        "counts are 10.35 uS.",
        unit="uS",
        gt=0,
        le=100,
        source=NATEL,
    )
    dac_bits: int = key(
        8, "Resolution of the signed pulse-width inputs.", unit="bits", ge=2, le=16, source=JSSC
    )
    dac_range: float = key(
        1.0,
        "Longest pulse of the inputs: larger inputs are clipped, and the resolution is that of "
        "this range. Judging counts what is clipped as error.",
        unit="full-scale inputs",
        gt=0,
        le=100,
        source=OURS,
    )
    adc_bits: int = key(
        8, "Resolution of the column ADCs during an MVM.", unit="bits", ge=2, le=16, source=JSSC
    )
    adc_range_sigmas: float = key(
        4.0,
        "ADC full scale, in standard deviations of the strongest column's ideal output under "
        "uniform inputs; set once per core from its target weights.",
        unit="standard deviations",
        gt=0,
        le=100,
        source=OURS,
    )
    cell_bits: int = key(
        8, "Resolution of a unit-cell read.", unit="bits", ge=2, le=16, source=JSSC
    )
    cell_range: float = key(
        16.512,
        "Full scale of a unit-cell read, either sign: 128 counts of 0.129 uS at 8 bits.",
        unit="uS",
        gt=0,
        le=1000,
        source=NATEL,
    )
    cell_noise: float = key(
        0.0774,
        "Read-out noise of one unit-cell read, beside that of its devices (0.6 counts).",
        unit="uS",
        ge=0,
        le=100,
        source=OURS,
    )
    adc_noise: float = key(
        0.6,
        "Noise of one conversion of an MVM, in least significant bits of an 8-bit range.",
        unit="LSB at 8 bits",
        ge=0,
        le=100,
        source=OURS,
    )
    calibrated: bool = key(
        True, "Whether the columns' gains are calibrated: chooses which of the two spreads acts."
    )
    column_gain: float = key(
        0.0709,
        "Half-width of the uniform spread of the column gains, after calibration.",
        unit="1",
        ge=0,
        lt=1,
        source=f"{JSSC}: within +/-21 % before, 7.09 % after; uniform is our reading",
    )
    column_gain_before: float = key(
        0.21, "The same before calibration.", unit="1", ge=0, lt=1, source=JSSC
    )
    column_offset: float = key(
        0.002, "Standard deviation of the column offsets.", unit="full scales", ge=0, le=1,
        source=OURS,
    )  # fmt: skip

    @property
    def gain_spread(self) -> float:
        """Half-width of the column gains' spread that acts, 1."""
        return self.column_gain if self.calibrated else self.column_gain_before


class Wires(Section):
    """Resistance of the crossbar's wires."""

    row: float = key(
        0.0,
        "Wire resistance along rows, per cell. Each polarity is an array with wires of its own. "
        "Reads of cells, MVMs and judging see it.",
        unit="Ohm",
        ge=0,
        le=10,
        source=OURS,
    )
    column: float = key(
        0.0, "The same along columns, to the ADC.", unit="Ohm", ge=0, le=10, source=OURS
    )

    @property
    def on(self) -> bool:
        return max(self.row, self.column) > 0


class Defects(Section):
    """Devices that no pulse changes, as shares of all devices."""

    stuck_reset: float = key(
        0.0, "Share of devices stuck at their RESET conductance.", unit="1", ge=0, le=1
    )
    stuck_set: float = key(
        0.0, "Share of devices stuck at their SET conductance.", unit="1", ge=0, le=1
    )
    stuck_anywhere: float = key(
        0.0, "Share of devices stuck at a conductance uniform between the two.", unit="1",
        ge=0, le=1, source=OURS,
    )  # fmt: skip

    @property
    def total(self) -> float:
        return self.stuck_reset + self.stuck_set + self.stuck_anywhere

    @model_validator(mode="after")
    def _at_most_all(self) -> "Defects":
        if self.total > 1:
            raise ValueError(f"the shares add up to {self.total:g}, more than all devices")
        return self
