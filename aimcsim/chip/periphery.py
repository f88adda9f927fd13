"""Converters around a core: DAC grid, ADC range, column gain and offset."""

from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from aimcsim.common.random import Address, Quantity
from aimcsim.common.section import JSSC, NATEL, OURS, Section, key
from aimcsim.kernels.interface import Kernels
from aimcsim.physics.converters import Adc, dac_codes

UNIFORM_MEAN_SQUARE = 1 / 3  # of an input uniform on [-1, 1]
_LEVELS_AT_8_BITS = 256


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


def adc_range(settings: Periphery, targets: np.ndarray) -> np.ndarray:
    """Full scale of each core's MVM conversion, float32 (U,), uS x input.

    ``adc_range_sigmas`` standard deviations of the strongest column's ideal output under uniform
    inputs. ``targets`` is (U, R, C), uS. A core without any weight gets 1 uS.
    """
    strongest = np.sqrt(np.square(targets, dtype=np.float64).sum(axis=1).max(axis=1))
    full_scale = settings.adc_range_sigmas * np.sqrt(UNIFORM_MEAN_SQUARE) * strongest
    return np.where(full_scale > 0, full_scale, 1.0).astype(np.float32)


def mvm_adc(settings: Periphery) -> Adc:
    """The converter of MVMs; ``adc_noise`` is in steps of 8 bits, 256 over two full scales."""
    return Adc(2 ** (settings.adc_bits - 1), settings.adc_noise * 2 / _LEVELS_AT_8_BITS)


def cell_adc(settings: Periphery, full_scale: float) -> Adc:
    """The converter of unit-cell reads with the range ``full_scale``, uS."""
    return Adc(2 ** (settings.cell_bits - 1), settings.cell_noise / full_scale)


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
