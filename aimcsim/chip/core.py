"""A batch of AIMC cores as hardware shows itself: three ports and a ledger.

A programming algorithm gets a :class:`Cores` and may call ``read_cells``, ``mvm`` and ``pulse``,
no more. True conductances are hidden; ``true_conductances`` is there for evaluation alone.

The batch axis has N runs. A run is one programming attempt on one *unit core*: a core of a chip
instance with its own devices and converters. Runs on the same unit core (another hyperparameter
point) meet the same devices and, access for access, the same noise.

Wires. Each polarity of a core is an array with wires of its own (our model; the chip's four-phase
MVM). Where they have a resistance, reads and MVMs meet the effective conductances of
:mod:`aimcsim.physics.crossbar` in place of the devices' own, for MVMs and for reads of one cell
alike: a read is an MVM with one row driven. A read of one device takes the scale of its polarity.
The read noise of a device scales with it.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from aimcsim.chip import periphery
from aimcsim.chip.devices import defects
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.interface import RESET_CURRENT, Device, DeviceModel, Law
from aimcsim.chip.periphery import Columns, Periphery
from aimcsim.chip.settings import Wires, devices_per_polarity
from aimcsim.common.arrays import to_host
from aimcsim.common.errors import UserError
from aimcsim.common.random import Address, Phase, Quantity
from aimcsim.kernels.interface import Cells, Converter, Kernels, Pulses
from aimcsim.kernels.patterns import SignPatterns
from aimcsim.physics.crossbar import seen_from_outside

if TYPE_CHECKING:
    from aimcsim.chip.cost import Cost

COUNTERS = ("cell_reads", "mvms", "pulses", "set_pulses", "pulse_current")  # of a ledger
POLARITIES = np.array([1, -1], np.float32)
IDEAL_WIRES = Wires()


@dataclass(frozen=True)
class UnitCores:
    """Fixed properties of U unit cores, drawn once."""

    seed: int
    chip: np.ndarray  # uint32 (U,), chip instance
    tile: np.ndarray  # uint32 (U,), which core of that chip
    rows: int
    columns: int
    unit_cell: str  # how its devices are used, see aimcsim.chip.settings.Core
    polarity: np.ndarray  # float32 (D,), +1 or -1 for each device of a cell
    device: Device
    periphery: Periphery
    law: Law
    stuck: np.ndarray | None  # float32 (U, D, R, C), uS, NaN where healthy; None: no defects
    converters: Columns
    full_scale: np.ndarray  # float32 (U,), range of MVMs, uS x input
    cell_range: np.ndarray  # float32 (U,), range of unit-cell reads, uS
    kernels: Kernels
    wires: Wires = IDEAL_WIRES
    cost: "Cost | None" = None  # of operations, where a method keeps to a limit of time or energy

    @property
    def model(self) -> DeviceModel:
        """Law and data sheet of ``device``."""
        return self.device.law()

    @property
    def devices_per_polarity(self) -> int:
        return len(self.polarity) // len(POLARITIES)

    @property
    def g_max(self) -> float:
        """Conductance that a weight of 1 is mapped to, uS: that of all devices of a polarity."""
        return self.device.g_max * self.devices_per_polarity

    @property
    def step(self) -> np.ndarray:
        """Step of a unit-cell read of each core, float32 (U,), uS."""
        return self.cell_range / np.float32(periphery.adc(self.periphery).half)


def manufacture(
    seed: int,
    chip: np.ndarray,
    tile: np.ndarray,
    targets: np.ndarray,
    device: Device,
    converters: Periphery,
    kernels: Kernels,
    unit_cell: str = "odp",
    stuck: Defects | None = None,
    wires: Wires | None = None,
    cost: "Cost | None" = None,
) -> UnitCores:
    """Draw the devices and converters of U unit cores sized for ``targets`` (U, R, C), uS.

    The targets, a NumPy array, also set each core's ADC range, as the input and output ranges of a
    real core are set for the layer that it holds.
    """
    chip, tile = np.asarray(chip, np.uint32), np.asarray(tile, np.uint32)
    _, rows, columns = targets.shape
    polarity = np.repeat(POLARITIES, devices_per_polarity(unit_cell))
    shape = (len(polarity), rows, columns)
    law = device.law().draw(kernels, seed, chip, tile, shape)
    largest = device.g_max * (len(polarity) // len(POLARITIES))
    ranges = periphery.adc_ranges(converters, targets, largest)
    return UnitCores(
        seed, chip, tile, rows, columns, unit_cell, kernels.xp.asarray(polarity), device,
        converters, law,
        defects.draw(stuck or Defects(), law, kernels, seed, chip, tile),
        periphery.draw_columns(converters, kernels, seed, chip, tile, columns),
        kernels.xp.asarray(ranges.mvm),
        kernels.xp.asarray(ranges.cell),
        kernels,
        wires or IDEAL_WIRES,
        cost,
    )  # fmt: skip


@dataclass
class Ledger:
    """What each run has used of its core, (N,) each; int64 but for the current."""

    cell_reads: np.ndarray  # unit cells read
    mvms: np.ndarray  # matrix-vector products
    pulses: np.ndarray  # pulses fired, of either kind
    set_pulses: np.ndarray  # of these, full SETs
    saturated: np.ndarray  # MVM conversions at an end of the ADC's range
    saturated_reads: np.ndarray  # cell reads at an end of it
    pulse_current: np.ndarray  # float64, currents of all but full SETs added up, RESET currents

    @classmethod
    def empty(cls, runs: int) -> "Ledger":
        kinds = {one.name: np.int64 for one in fields(cls)} | {"pulse_current": np.float64}
        return cls(**{name: np.zeros(runs, kind) for name, kind in kinds.items()})

    def counts(self, runs: np.ndarray) -> np.ndarray:
        """What ``runs`` have used so far, float64 (n, 5) in the order of ``COUNTERS``."""
        return np.stack([getattr(self, name)[runs].astype(float) for name in COUNTERS], axis=1)

    def repeat(self, copies: int) -> "Ledger":
        return Ledger(*(np.repeat(counts, copies) for counts in vars(self).values()))


class Cores:
    """N runs on U unit cores. See the module's docstring.

    Parameters
    ----------
    units : the unit cores
    unit : int (N,), unit core of each run
    conductances : float32 (N, D, R, C), uS; None: every device is RESET by one full pulse
    phase : keeps the draws of programming, evaluation and inference apart
    set_pulses : uint16 (N, D, R, C), SET pulses since RESET that accumulating devices have had;
        None: none
    """

    def __init__(
        self,
        units: UnitCores,
        unit: np.ndarray,
        conductances: np.ndarray | None = None,
        phase: int = Phase.PROGRAMMING,
        set_pulses: np.ndarray | None = None,
    ):
        self.units = units
        self.unit = np.asarray(unit, np.intp)
        self.phase = phase
        self.ledger = Ledger.empty(len(self.unit))
        # Accesses so far per port: with the run's unit core, the address of its next draws.
        self._accesses = np.zeros((3, len(self.unit)), np.uint32)
        # Runs whose conductances have changed since they were last solved with their wires.
        self._outdated = np.full(len(self.unit), units.wires.on)
        shape = (len(self.unit), len(units.polarity), units.rows, units.columns)
        self._set_pulses, xp = None, units.kernels.xp
        if units.model.accumulates:
            self._set_pulses = xp.zeros(shape, np.uint16) if set_pulses is None else set_pulses
        if conductances is None:
            self._g = xp.zeros(shape, np.float32)
            self._reset_all()
        else:
            self._g = xp.array(conductances, np.float32, order="C")  # a copy: pulses change it
        # What the ports meet behind the wires.
        self._seen = np.empty_like(self._g) if units.wires.on else self._g

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.units.rows, self.units.columns

    def branch(self, copies: int) -> "Cores":
        """``copies`` runs for each run, going on from its present state and ledger."""
        other = Cores(
            self.units,
            np.repeat(self.unit, copies),
            np.repeat(self._g, copies, axis=0),
            self.phase,
            None if self._set_pulses is None else np.repeat(self._set_pulses, copies, axis=0),
        )
        other.ledger = self.ledger.repeat(copies)
        other._accesses = np.repeat(self._accesses, copies, axis=1)
        if self.units.wires.on:
            other._seen = np.repeat(self._seen, copies, axis=0)
            other._outdated = np.repeat(self._outdated, copies)
        return other

    def later(self, conductances: np.ndarray, phase: int) -> "Cores":
        """The same devices at conductances (N, D, R, C), uS, they have come to; an empty ledger."""
        pulses = None if self._set_pulses is None else self._set_pulses.copy()
        return Cores(self.units, self.unit, conductances, phase, pulses)

    def read_cells(
        self,
        runs: np.ndarray,
        wanted: np.ndarray | None = None,
        device: np.ndarray | None = None,
        conversions: int = 1,
    ) -> np.ndarray:
        """Read unit cells: conductances as converted, float32 (n, R, C), uS.

        ``device`` (int8 (n, R, C)) selects one device of each cell; None: all at once, which
        gives the net conductance.

        ``wanted`` (bool (n, R, C)) names the cells that are read and counted; None: all. What is
        returned of the others is meaningless.

        ``conversions``: of each cell, whose mean is returned; each is paid for.
        """
        total = self._convert_cells(runs, wanted, device)
        for _ in range(conversions - 1):
            total += self._convert_cells(runs, wanted, device)
        return total if conversions == 1 else total / np.float32(conversions)

    def mvm(
        self, x: np.ndarray | SignPatterns, runs: np.ndarray, x_of: np.ndarray | None = None
    ) -> np.ndarray:
        """Multiply inputs ``x`` (K, B, R), on the DAC's grid, by each run's conductances.

        ``x_of`` (n,) says which of the K batches each run takes; None: that of its unit core.
        Returns what the ADCs report, float32 (n, B, C), uS x input.
        """
        units = self.units
        x_of = self.unit[runs] if x_of is None else x_of
        converter = self._converter(units.full_scale)
        address = self._address(runs, 1, Quantity.MVM_READ)
        y, saturated = units.kernels.mvm(x, x_of, self._cells(runs), runs, converter, address)
        self.ledger.mvms[runs] += y.shape[1]
        self.ledger.saturated[runs] += saturated
        self._accesses[1, runs] += 1
        return y

    def pulse(self, current: np.ndarray, device: np.ndarray, runs: np.ndarray) -> np.ndarray:
        """Fire one pulse at one device of each cell where ``current`` is not zero.

        Parameters
        ----------
        current : float32 (n, R, C), RESET currents; SET_PULSE: a full SET, or one more of those
            that add up; 0: no pulse
        device : int8 (n, R, C), index of the device in its cell: those of G+ first, then of G-

        Returns
        -------
        int64 (n,), pulses fired
        """
        units = self.units
        jitter = self._address(runs, 2, Quantity.PULSE_CURRENT)
        quench = jitter._replace(quantity=int(Quantity.PULSE_QUENCH) + int(self.phase))
        pulses = Pulses(self._g, self._set_pulses, runs, self.unit, current, device, jitter, quench)
        fired, total = units.model.pulse(units.kernels, units.law, pulses)
        if units.stuck is not None:
            pinned = units.stuck[self.unit[runs]]
            self._g[runs] = np.where(np.isnan(pinned), self._g[runs], pinned)
        self._outdated[runs] |= units.wires.on & (fired.sum(axis=1) > 0)
        self.ledger.pulses[runs] += fired.sum(axis=1)
        self.ledger.set_pulses[runs] += fired[:, 1]
        self.ledger.pulse_current[runs] += total
        self._accesses[2, runs] += 1
        return fired.sum(axis=1)

    def true_conductances(self) -> np.ndarray:
        """Device conductances, float32 (N, D, R, C), uS. For evaluation, never for programming."""
        return self._g

    def _convert_cells(
        self, runs: np.ndarray, wanted: np.ndarray | None, device: np.ndarray | None
    ) -> np.ndarray:
        """One conversion of every cell; see :meth:`read_cells`."""
        units, own = self.units, self.unit[runs]
        converter, cells = self._converter(units.cell_range), self._cells(runs)
        address = self._address(runs, 0, Quantity.CELL_READ)
        values = units.kernels.read_cells(cells, runs, converter, address, device)
        end, step = (part[own][:, None, None] for part in (units.cell_range, units.step))
        ends = (values > end - np.float32(1.5) * step) | (values < np.float32(0.5) * step - end)
        counted: int | np.ndarray = units.rows * units.columns
        if wanted is not None:
            ends &= wanted
            counted = to_host(wanted.sum(axis=(1, 2)))
        self.ledger.saturated_reads[runs] += to_host(ends.sum(axis=(1, 2)))
        self.ledger.cell_reads[runs] += counted
        self._accesses[0, runs] += 1
        return values

    def _cells(self, runs: np.ndarray) -> Cells:
        """What reads and MVMs meet, up to date for ``runs``."""
        units, seen = self.units, self._through_wires(runs)
        noise = units.device.read_noise, units.model.read_floor
        return Cells(seen, self.unit, units.polarity, *noise)

    def offsets(self, runs: np.ndarray, conversions: int) -> np.ndarray:
        """What conversions without any input say of the columns' offsets, float32 (n, C).

        Mean of ``conversions``, each paid for as an MVM; in full scales, the same for reads and
        MVMs.
        """
        nothing = self.units.kernels.xp.zeros((1, conversions, self.units.rows), np.float32)
        y = self.mvm(nothing, runs, np.zeros(len(runs), np.intp))
        return y.mean(axis=1) / self.units.full_scale[self.unit[runs]][:, None]

    def _converter(self, full_scale: np.ndarray) -> Converter:
        columns = self.units.converters
        adc = periphery.adc(self.units.periphery)
        return Converter(columns.gain, columns.offset, full_scale, adc)

    def _through_wires(self, runs: np.ndarray) -> np.ndarray:
        """Conductances (N, D, R, C), uS, as the ports meet them, up to date for ``runs``."""
        wires = self.units.wires
        # One run at a time: a solve of all would need its memory many times over.
        for run in runs[self._outdated[runs]]:
            try:
                seen = seen_from_outside(to_host(self._g[run]), wires.row, wires.column)
            except ValueError as error:
                raise UserError(
                    f"wires.row {wires.row:g} and wires.column {wires.column:g} Ohm are too much "
                    f"for these conductances ({error}). Lower them."
                ) from None
            self._seen[run] = self.units.kernels.xp.asarray(seen)
        self._outdated[runs] = False
        return self._seen

    def _reset_all(self) -> None:
        runs, xp = np.arange(len(self.unit)), self.units.kernels.xp
        current = xp.full((len(self.unit), *self.shape), RESET_CURRENT, np.float32)
        for device in range(len(self.units.polarity)):
            self.pulse(current, xp.full(current.shape, device, np.int8), runs)

    def _address(self, runs: np.ndarray, port: int, quantity: Quantity) -> Address:
        own = self.unit[runs]
        return Address(
            self.units.seed,
            self.units.chip[own],
            self.units.tile[own],
            int(quantity) + int(self.phase),
            self._accesses[port, runs],
        )


MOST_RUNS = 1 << 14  # a grid of CUDA has 65,535 rows


def blocks(cores: Cores) -> list[np.ndarray]:
    """All runs, neighbours together, as many at a time as the back end works on best.

    What a run does depends on no other, so this changes no result.
    """
    rows, columns = cores.shape
    at_once = cores.units.kernels.CELLS_AT_ONCE // (rows * columns)
    at_once = max(1, min(at_once, MOST_RUNS))
    runs = np.arange(len(cores))
    return np.split(runs, runs[at_once::at_once])
