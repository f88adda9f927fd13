"""Converters around a core: DAC grid, the one ADC of each column, column gain and offset.

A column has one ADC, which serves reads of unit cells and MVMs alike: a read is an MVM whose only
input is one row's, at full length. It converts charge, conductance x length of the input pulse,
in uS x full-scale input; step, noise and offset of a conversion are the same for both.

Many rows together give more charge than one cell. ``range_by`` says how a core's MVMs are brought
into the range: by shorter pulses for all rows (``inputs``), which leaves the converter as it is;
or by a wider range of the converter (``gain``), which widens step and noise of cell reads as well.
Which of both a chip does is not published; the first is our default, as the published 0.129 uS a
count of cell reads is then met on every core.

What is worth more costs more: k conversions of the same, averaged, take k times time and energy,
for a read as for an MVM (:mod:`aimcsim.chip.cost`).
"""

from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np

from aimcsim.common.random import Address, Quantity
from aimcsim.common.section import FITTED, JSSC, NATEL, OURS, Section, key
from aimcsim.kernels.interface import Kernels
from aimcsim.physics.converters import Adc, dac_codes

UNIFORM_MEAN_SQUARE = 1 / 3  # of an input uniform on [-1, 1]
WIDEST_CELL = 1.25  # of its largest target: what a range must hold for a cell to be read


class Periphery(Section):
    """Converters around the core."""

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
    adc_bits: float = key(
        8.714,
        "Resolution of the column ADCs, for unit-cell reads and MVMs alike: log2 of their levels "
        "over both signs, which may be a fraction. The default is 420 levels.",
        unit="bits",
        ge=2,
        le=16,
        source=f"{JSSC}: more than 420 levels",
    )
    adc_range: float = key(
        27.09,
        "Full scale of a conversion, either sign: 210 counts of 0.129 uS. A cell is read with a "
        "full-length input, so this is the largest conductance that can be read.",
        unit="uS x full-scale input",
        gt=0,
        le=10000,
        source=f"{NATEL}: 80 counts are 10.35 uS; {JSSC}: more than 420 levels",
    )
    adc_noise: float = key(
        0.283,
        "Noise of one conversion, of a unit-cell read or of an MVM's column, beside that of the "
        "devices (2.2 counts of 0.129 uS). More bits do not lower it, repeated conversions do.",
        unit="uS x full-scale input",
        ge=0,
        le=1000,
        source=FITTED,
    )
    range_by: Literal["inputs", "gain"] = key(
        "inputs",
        "How the MVMs of a core are brought into the range of its converters. inputs: shorter "
        "input pulses, for MVMs alone, so that a conversion's step stays the same. gain: a wider "
        "range for MVMs and unit-cell reads, step and noise with it.",
        source=OURS,
    )
    adc_range_sigmas: float = key(
        4.0,
        "MVMs are brought into the range so that it holds this many standard deviations of the "
        "strongest column's ideal output under uniform inputs; set once per core from its target "
        "weights. Pulses are never longer than the full length.",
        unit="standard deviations",
        gt=0,
        le=100,
        source=OURS,
    )
    calibrated: bool = key(
        True,
        "Whether the columns' gains are calibrated: column_gain acts; false: column_gain_before.",
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
        0.21,
        "Half-width of the uniform spread of the column gains, before calibration.",
        unit="1",
        ge=0,
        lt=1,
        source=JSSC,
    )
    column_offset: float = key(
        0.002, "Standard deviation of the column offsets.", unit="full scales", ge=0, le=1,
        source=OURS,
    )  # fmt: skip

    @property
    def gain_spread(self) -> float:
        """Half-width of the column gains' spread that acts, 1."""
        return self.column_gain if self.calibrated else self.column_gain_before


@dataclass(frozen=True)
class Columns:
    """Column read-out of U unit cores, float32 (U, C) each."""

    gain: np.ndarray  # 1
    offset: np.ndarray  # full scales


def draw_columns(
    settings: Periphery,
    kernels: Kernels,
    seed: int,
    chip: np.ndarray,
    tile: np.ndarray,
    columns: int,
) -> Columns:
    """Gain (uniform about 1) and offset (normal about 0) of every column ADC."""
    zero = np.zeros_like(chip)
    unit_interval = kernels.uniforms(
        Address(seed, chip, tile, int(Quantity.COLUMN_GAIN), zero), columns
    )
    normal = kernels.normals(Address(seed, chip, tile, int(Quantity.COLUMN_OFFSET), zero), columns)
    gain = 1 + settings.gain_spread * (2 * unit_interval - 1)
    return Columns(
        kernels.xp.ascontiguousarray(gain, np.float32),
        kernels.xp.ascontiguousarray(settings.column_offset * normal, np.float32),
    )


@dataclass(frozen=True)
class Ranges:
    """Full scales of conversions of U unit cores, either sign, float32 (U,), uS x input."""

    mvm: np.ndarray
    """In units of the inputs asked for: with pulses shortened s-fold it is s times the ADC's."""
    cell: np.ndarray
    """Of unit-cell reads, at an input of 1."""


def adc_ranges(settings: Periphery, targets: np.ndarray, g_max: float) -> Ranges:
    """Ranges of the cores that hold ``targets`` (U, R, C), uS; see ``range_by``.

    ``g_max``: largest target of a cell, uS.
    """
    strongest = np.sqrt(np.square(targets, dtype=np.float64).sum(axis=1).max(axis=1))
    asked = settings.adc_range_sigmas * np.sqrt(UNIFORM_MEAN_SQUARE) * strongest
    if settings.range_by == "inputs":
        mvm = np.maximum(asked, settings.adc_range)
        cell = np.full_like(mvm, settings.adc_range)
    else:
        mvm = cell = np.maximum(asked, WIDEST_CELL * g_max)
    return Ranges(mvm.astype(np.float32), cell.astype(np.float32))


def adc(settings: Periphery) -> Adc:
    """The converter, in full scales: the same for unit-cell reads and MVMs."""
    return Adc(round(2 ** (settings.adc_bits - 1)), settings.adc_noise / settings.adc_range)


def conversion_noise(settings: Periphery) -> float:
    """Standard deviation of a conversion, noise and step of the converter, uS x input."""
    one = adc(settings)
    return settings.adc_range * float(np.hypot(one.noise, 1 / (one.half * np.sqrt(12))))


@overload
def to_dac_grid(x: np.ndarray, bits: int, longest: float = 1.0) -> np.ndarray: ...
@overload
def to_dac_grid(x: np.floating, bits: int, longest: float = 1.0) -> np.float32: ...
def to_dac_grid(x: Any, bits: int, longest: float = 1.0) -> Any:
    """Round inputs to the signed grid of the pulse-width DAC on +-``longest``, float32.

    Inputs beyond are clipped. ``longest`` is in full-scale inputs: see ``periphery.dac_range``.
    """
    steps, top = np.float32(2 ** (bits - 1) - 1), np.float32(longest)
    codes = dac_codes(x / top * steps, steps).astype(np.float32)
    return codes / steps * top
