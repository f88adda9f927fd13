"""What a read, an MVM and a pulse take: from counts to time and energy, when results are merged."""

from aimcsim.config.base import JSSC, Section, key

ASSUMED = "assumed"


class Cost(Section):
    """Time and energy of one core's operations. A change here programs nothing again."""

    mvm_time: float = key(
        130.0, "One MVM: 128 ns of integration and the converters' end.", unit="ns", gt=0, le=1e6,
        source=JSSC,
    )  # fmt: skip
    mvm_efficiency: float = key(
        10.5,
        "Operations per joule of an MVM, two per unit cell (multiply and add): 12.5 nJ for "
        "256 x 256 cells. A smaller tile costs in proportion.",
        unit="TOPS/W",
        gt=0,
        le=1e6,
        source=f"{JSSC}; the 64-core chip: 9.76 in its one-phase mode",
    )
    read_time: float = key(
        130.0,
        "One slot of cell reads: an MVM whose only input is one row's.",
        unit="ns",
        gt=0,
        le=1e6,
        source=f"{ASSUMED}: as long as an MVM",
    )
    read_energy: float = key(
        1.0,
        "Energy of a slot of cell reads.",
        unit="MVMs",
        gt=0,
        le=1000,
        source=f"{ASSUMED}: the converters work as in an MVM",
    )
    reads_at_once: int = key(
        256,
        "Cells of one row read in one slot, at most: every column has its ADC.",
        unit="cells",
        ge=1,
        le=4096,
        source=f"{ASSUMED}; rows are filled, also where few of their cells are wanted",
    )
    pulses_at_once: int = key(
        1,
        "Devices pulsed at the same time.",
        unit="devices",
        ge=1,
        le=4096,
        source=f"{ASSUMED}: hundreds of microamperes each; time is inversely proportional",
    )
    reset_time: float = key(
        100.0, "Length of a melt-quench pulse.", unit="ns", gt=0, le=1e6, source=ASSUMED
    )
    reset_current: float = key(
        300.0, "Current of a full RESET pulse.", unit="uA", gt=0, le=1e5, source=ASSUMED
    )
    set_time: float = key(
        1000.0, "Length of a full SET pulse, a falling ramp.", unit="ns", gt=0, le=1e7,
        source=ASSUMED,
    )  # fmt: skip
    set_current: float = key(
        150.0,
        "Mean current of a full SET pulse.",
        unit="uA",
        gt=0,
        le=1e5,
        source=f"{ASSUMED}: a ramp from the full RESET current to zero",
    )
    supply: float = key(
        2.0,
        "Voltage that pulse currents are drawn from; a pulse's energy is voltage x current x time.",
        unit="V",
        gt=0,
        le=100,
        source=ASSUMED,
    )
