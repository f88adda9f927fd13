"""A device measured by the user: conductance over pulse current or pulse number, as a CSV file.

    current,mean,std,device_std
    0.30,19.2,0.4,5.1
    0.50,9.8,1.1,3.0
    1.00,0.1,0.01,0.01

============== ============== ==================================================================
column         unit           meaning
============== ============== ==================================================================
``current``    RESET currents of a pulse that sets the state alone, whatever was before; 0 to 1
``pulse``      1              instead of ``current``: equal pulses since RESET; 0, 1, 2, ...
``mean``       uS             mean conductance over devices and repetitions
``std``        uS             standard deviation of one device from pulse to pulse
``device_std`` uS             standard deviation over devices of their own means; optional, 0
============== ============== ==================================================================

The abscissa must rise from row to row. ``mean`` must rise or fall throughout, with plateaus where
need be: a curve that turns has no inverse, and no programming rule could follow it. A
measurement that rises (partial SET) before it falls (melting) is to be cut at its top.

A table of currents must fall and is that of a melt-quench device; one of pulses must rise and is
that of an accumulating device, whose conductance is drawn anew about the row of its number of
pulses at each of them. Here too ``std`` scatters from pulse to pulse and ``device_std`` stays.

Between rows everything is interpolated linearly. Beyond the ends the end row holds: a jittered
current just outside the measured range is no reason to stop a run, and melt-quench curves are
flat there, as they are in nature below melting and above full RESET.
"""

import csv
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ConfigDict, model_validator

from aimcsim.chip.devices.interface import Device, DeviceModel, Effect, count_pulses, fire
from aimcsim.chip.devices.registry import DEVICES
from aimcsim.common.errors import UserError
from aimcsim.common.input_files import InputFile
from aimcsim.common.random import Address, Quantity
from aimcsim.common.section import OURS, Section, key
from aimcsim.kernels.interface import Pulses

_ABSCISSAS = ("current", "pulse")
_REQUIRED = ("mean", "std")
_OPTIONAL = ("device_std",)
_LAYOUT = "the columns are current (or pulse), mean, std and, if measured, device_std"


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


@DEVICES.register("table")
class Table(Device):
    """A device measured by the user: conductance over pulse current or over SET pulses."""

    model_config = ConfigDict(json_schema_extra={"required": ["model", "g_max"]})

    model: Literal["table"] = key("table", "Device law. table: interpolated in the user's rows.")
    path: InputFile | None = key(
        None,
        "CSV file with the columns current (or pulse), mean, std and, if measured, device_std; "
        "see aimcsim/chip/devices/table.py.",
    )
    columns: Curve | None = key(
        None,
        "Columns current (or pulse), mean, std and device_std as lists, in place of path.",
    )
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
    read_floor: float = key(
        0.0,
        "Read noise of a device at conductance 0, beside that of read_noise.",
        unit="uS",
        ge=0,
        le=100,
        source=OURS,
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Table":
        if (self.path is None) == (self.columns is None):
            raise ValueError("give either path (a CSV file) or columns (its numbers), one of them")
        return self

    def make_law(self) -> "CurrentTableModel | PulseTableModel":
        columns = self.resolved().columns
        assert columns is not None
        table = from_columns(columns)
        kind = CurrentTableModel if table.abscissa == "current" else PulseTableModel
        return kind(self, table)

    def files(self) -> tuple[Path, ...]:
        return (Path(self.path),) if self.path else ()

    def resolved(self) -> "Table":
        """The same table with its numbers in place of its path, checked; free of any file.

        Raises
        ------
        UserError
            The table is unusable, see :func:`read_table`; a table of currents rises or one of
            pulses falls; one of pulses does not begin at 0; ``g_max`` is above the highest mean.
        """
        origin = self.path or "device.columns"
        table = read_table(origin) if self.columns is None else from_columns(self.columns)
        if table.abscissa == "current" and table.rising:
            raise UserError(
                f"{origin}: column 'mean' rises with the current. A device is programmed here on "
                "the falling (melting) branch of its curve: cut the table there, or give SET "
                "pulses."
            )
        if table.abscissa == "pulse" and not table.rising:
            raise UserError(
                f"{origin}: column 'mean' falls with the pulses. Give SET pulses, which raise it."
            )
        if table.abscissa == "pulse" and table.at[0] != 0:
            raise UserError(
                f"{origin}, column 'pulse': begins at {table.at[0]:g}. Add the row of pulse 0, the "
                "RESET state."
            )
        if self.g_max > table.mean.max():
            raise UserError(
                f"{origin}: the highest mean is {table.mean.max():g} uS, and device.g_max is "
                f"{self.g_max:g} uS. Lower device.g_max: devices could not reach it."
            )
        columns = {name: getattr(table, name).tolist() for name in (*_REQUIRED, *_OPTIONAL)}
        columns[table.abscissa] = table.at.tolist()
        return self.model_copy(update={"path": None, "columns": Curve(**columns)})

    def nonidealities(self) -> list[Effect]:
        columns = self.columns
        spread = columns is None or max(columns.device_std or (0.0,)) > 0
        scatter = columns is None or max(columns.std) > 0
        own = "device_std of the user's table, kept at every pulse"
        drawn = "std of the user's table, drawn anew at every pulse"
        return [
            Effect("Spread over devices", spread, own),
            Effect("Pulse-to-pulse noise", scatter, drawn),
            *super().nonidealities(),
        ]


@dataclass(frozen=True, eq=False)
class DeviceTable:
    """A measured curve, float64 (rows,) each."""

    abscissa: str
    """``current`` or ``pulse``."""
    at: np.ndarray
    """Strictly rising; RESET currents, or a number of pulses."""
    mean: np.ndarray  # uS
    std: np.ndarray  # uS
    device_std: np.ndarray  # uS

    @property
    def rising(self) -> bool:
        """Whether the conductance grows with the abscissa (False: it falls)."""
        return bool(self.mean[-1] > self.mean[0])


def conductance(
    table: DeviceTable,
    current: np.ndarray,
    device_normals: np.ndarray,
    pulse_normals: np.ndarray,
) -> np.ndarray:
    """Conductance of devices after a pulse, uS: mean + device_std n_device + std n_pulse, >= 0.

    Parameters
    ----------
    current : the table's abscissa (RESET currents, or number of pulses), any shape
    device_normals : one draw per device, the same at every pulse: a device that is above the
        mean by so many ``device_std`` stays so along the whole curve
    pulse_normals : fresh draws
    """
    mean, std, device_std = (
        np.interp(current, table.at, values) for values in (table.mean, table.std, table.device_std)
    )
    return np.maximum(mean + device_std * device_normals + std * pulse_normals, 0.0)


def read_table(path: str | Path) -> DeviceTable:
    """Read and check a table; see the module for its columns.

    Raises
    ------
    UserError
        The file is missing or no text; a column is missing, unknown or named twice; a row has
        too few or too many cells; a cell is no finite number; fewer than two rows; the abscissa
        repeats, falls, or has values that it cannot have; ``mean``, ``std`` or ``device_std`` is
        negative; ``mean`` turns, or never changes.
    """
    path = Path(path)
    rows = _rows(path)
    if not rows:
        raise UserError(f"{path}: is empty. Give a header and two rows or more: {_LAYOUT}.")
    header, *body = rows
    names = _columns(path, header)
    lines = [line for line, _ in body]
    values = [_numbers(path, line, names, cells) for line, cells in body]
    columns = dict(zip(names, np.array(values).T, strict=True)) if values else {}
    return _checked(path, lines, columns)


def from_columns(curve: Curve, origin: str = "device.columns") -> DeviceTable:
    """The same from numbers given in the configuration; rows count as lines from 1 on."""
    given = {name: np.array(values, np.float64) for name, values in curve if values is not None}
    if len([name for name in given if name in _ABSCISSAS]) != 1:
        raise UserError(f"{origin}: give one of the columns 'current' and 'pulse'; {_LAYOUT}.")
    return _checked(origin, list(range(1, len(curve.mean) + 1)), given)


def _checked(path: Path | str, lines: list[int], columns: dict[str, np.ndarray]) -> DeviceTable:
    if len(lines) < 2:
        raise UserError(
            f"{path}: {len(lines)} row(s) of numbers; a curve needs two or more. Add the "
            "measurement at other currents or pulses."
        )
    abscissa = next(name for name in columns if name in _ABSCISSAS)
    for name, column in columns.items():
        if name != abscissa:
            _check_not_negative(path, lines, name, column)
    _check_abscissa(path, lines, abscissa, columns[abscissa])
    _check_monotone(path, lines, columns["mean"])
    zero = np.zeros_like(columns["mean"])
    return DeviceTable(
        abscissa, columns[abscissa], columns["mean"], columns["std"],
        columns.get("device_std", zero),
    )  # fmt: skip


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of every line that is not blank."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder. Give the path of one CSV file.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file. Correct the path, or put the table there."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path}: not readable as CSV ({error}). Save the table as comma-separated UTF-8 text."
        ) from error
    return [(line, cells) for line, cells in rows if any(cells)]


def _columns(path: Path, header: tuple[int, list[str]]) -> list[str]:
    line, names = header
    where = f"{path}, line {line}"
    known = (*_ABSCISSAS, *_REQUIRED, *_OPTIONAL)
    for name in names:
        if name not in known:
            raise UserError(
                f"{where}: unknown column '{name}'. Rename or remove it: {_LAYOUT}, separated "
                "by commas."
            )
        if names.count(name) > 1:
            raise UserError(f"{where}: column '{name}' is there twice. Keep one.")
    if all(name in names for name in _ABSCISSAS):
        raise UserError(
            f"{where}: has both columns 'current' and 'pulse'. Keep the one that was varied."
        )
    if not any(name in names for name in _ABSCISSAS):
        raise UserError(f"{where}: no column 'current' or 'pulse'. Add one: {_LAYOUT}.")
    for name in _REQUIRED:
        if name not in names:
            raise UserError(f"{where}: no column '{name}'. Add it: {_LAYOUT}.")
    return names


def _numbers(path: Path, line: int, names: list[str], cells: list[str]) -> list[float]:
    if len(cells) != len(names):
        raise UserError(
            f"{path}, line {line}: {len(cells)} cell(s) under {len(names)} columns. Give one "
            "number per column, with a point as the decimal sign."
        )
    values = []
    for name, cell in zip(names, cells, strict=True):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UserError(
                f"{path}, line {line}, column '{name}': '{cell}' is not a finite number. Correct "
                "the cell, or remove the row."
            )
        values.append(value)
    return values


def _check_not_negative(path: Path | str, lines: list[int], name: str, column: np.ndarray) -> None:
    for line, value in zip(lines, column, strict=True):
        if value < 0:
            raise UserError(
                f"{path}, line {line}, column '{name}': {value:g} is negative. Give uS, 0 or more."
            )


def _check_abscissa(path: Path | str, lines: list[int], name: str, column: np.ndarray) -> None:
    for line, value in zip(lines, column, strict=True):
        where = f"{path}, line {line}, column '{name}': {value:g}"
        if name == "current" and not 0 <= value <= 1:
            raise UserError(
                f"{where} is not within 0 to 1. Divide the currents by that of a full RESET."
            )
        if name == "pulse" and (value < 0 or value != round(value)):
            raise UserError(
                f"{where} is not a number of pulses. Give whole numbers, 0 for the RESET state."
            )
    for row in range(1, len(column)):
        if column[row] <= column[row - 1]:
            what = "repeats" if column[row] == column[row - 1] else "is below"
            remedy = "Merge the two rows" if column[row] == column[row - 1] else "Sort the rows"
            raise UserError(
                f"{path}, line {lines[row]}, column '{name}': {column[row]:g} {what} "
                f"{column[row - 1]:g} of line {lines[row - 1]}. {remedy} so that '{name}' rises "
                "from row to row."
            )


def _check_monotone(path: Path | str, lines: list[int], mean: np.ndarray) -> None:
    steps = np.sign(np.diff(mean))
    moving = np.flatnonzero(steps)
    if not len(moving):
        raise UserError(
            f"{path}, lines {lines[0]} to {lines[-1]}, column 'mean': {mean[0]:g} throughout. Give "
            "a curve whose conductance changes."
        )
    for step in moving:
        if steps[step] != steps[moving[0]]:
            raise UserError(
                f"{path}, line {lines[step + 1]}, column 'mean': {mean[step + 1]:g} turns against "
                f"the course of the rows before ({mean[step]:g} in line {lines[step]}). Smooth the "
                "measurement, or cut the table where the curve turns."
            )


@dataclass(frozen=True)
class DeviceLaw:
    """A population of devices; each array is float32 (U, D, R, C)."""

    g_reset: np.ndarray  # uS, without the scatter of pulses
    g_set: np.ndarray  # uS, at the highest mean, without the scatter of pulses
    deviation: np.ndarray  # from the mean curve, device_std


@dataclass(frozen=True)
class _TableModel(DeviceModel):
    """What both kinds of table share. Pulses are plain NumPy on every back end."""

    settings: Table
    table: DeviceTable

    @property
    def g_reset(self) -> float:
        return float(self.table.mean.min())

    @property
    def read_floor(self) -> float:
        return self.settings.read_floor

    def read_silently(self) -> Table:
        return self.settings.model_copy(update={"read_noise": 0.0, "read_floor": 0.0})

    def draw(self, kernels, seed, chip, tile, shape) -> DeviceLaw:
        address = Address(seed, chip, tile, int(Quantity.G_SET), np.zeros_like(chip))
        deviation = kernels.normals(address, int(np.prod(shape))).reshape(len(chip), *shape)
        ends = (self.table.at[[0, -1]] if self.table.rising else self.table.at[[-1, 0]]).tolist()
        reset, most = (self._conductance(np.float64(end), deviation, 0.0) for end in ends)
        return DeviceLaw(reset, most, deviation)

    def _conductance(self, at, deviation, noise) -> np.ndarray:
        return conductance(self.table, at, deviation, noise).astype(np.float32)


@dataclass(frozen=True)
class CurrentTableModel(_TableModel):
    """Melt-quench device as measured; a SET takes it to the row of the lowest current."""

    accumulates = False

    @property
    def lowest(self) -> float:
        return float(self.table.at[0])

    @property
    def highest(self) -> float:
        return float(self.table.at[-1])

    def pulse(self, kernels, law: DeviceLaw, pulses: Pulses) -> tuple[np.ndarray, np.ndarray]:
        def after(own, _state, is_set, noise, current):
            at = np.where(is_set, self.lowest, current)
            return self._conductance(at, law.deviation[own], noise)

        return fire(kernels, pulses, after)

    def nominal_current(self, conductance: np.ndarray) -> np.ndarray:
        """Plateaus give the current at their end of lower conductance."""
        falling, at = self.table.mean[::-1], self.table.at[::-1]
        return np.interp(conductance, falling, at).astype(np.float32)

    def scatter(self, conductance: np.ndarray) -> np.ndarray:
        falling, std = self.table.mean[::-1], self.table.std[::-1]
        return np.interp(conductance, falling, std).astype(np.float32)


@dataclass(frozen=True)
class PulseTableModel(_TableModel):
    """Accumulating device as measured; beyond the last row a SET draws about that row again."""

    accumulates = True

    def pulse(self, kernels, law: DeviceLaw, pulses: Pulses) -> tuple[np.ndarray, np.ndarray]:
        """Any current is taken for a full RESET: a table of pulses knows no partial one."""

        def after(own, state, is_set, noise, _current):
            before = count_pulses(pulses.set_pulses, state, is_set)
            return self._conductance(np.where(is_set, before + 1, 0), law.deviation[own], noise)

        return fire(kernels, pulses, after)

    @cached_property
    def _by_count(self) -> np.ndarray:
        """Mean, std and device_std after 0, 1, ... pulses, float32 (3, last + 1)."""
        table, counts = self.table, np.arange(self.table.at[-1] + 1)
        columns = (table.mean, table.std, table.device_std)
        return np.array([np.interp(counts, table.at, column) for column in columns], np.float32)

    def _row(self, count: np.ndarray) -> np.ndarray:
        """Mean, std and device_std after ``count`` pulses, (3, ...)."""
        return self._by_count[:, np.minimum(count, self.table.at[-1]).astype(np.intp)]

    def nominal(self, count: np.ndarray) -> np.ndarray:
        return self._row(count)[0]

    def spread(self, count: np.ndarray) -> np.ndarray:
        _, std, device_std = self._row(count)
        return np.hypot(std, device_std)

    def nominal_count(self, conductance: np.ndarray) -> np.ndarray:
        count = np.ceil(np.interp(conductance, self.table.mean, self.table.at))
        reached = conductance <= self.table.mean[-1]
        return np.where(reached, count, np.inf).astype(np.float32)

    def after_set(self, g: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, ...]:
        """By regression on the present conductance.

        Of a deviation from the mean curve now, device_std^2 / (device_std^2 + std^2) is expected
        to be the device's own and to stay, in units of ``device_std``; the rest was the last
        pulse's.
        """
        mean, scatter, own = self._row(count)
        mean_next, scatter_next, own_next = self._row(count + 1)
        total = np.square(own) + np.square(scatter)
        known = np.where(total > 0, own / np.where(total > 0, total, 1), 0)  # own share / own
        left = own_next * known
        unknown = np.square(own_next) * (1 - own * known)
        return mean_next + left * (g - mean), np.sqrt(unknown + np.square(scatter_next)), left
