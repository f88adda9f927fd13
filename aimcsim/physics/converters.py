"""Data converters: what a DAC and an ADC make of a value, in plain NumPy.

The compiled kernels state the same once each: ``_dac_code`` and ``_adc_code`` of
``kernels/cpu.py``, ``adc_code`` of ``kernels/cuda/ports.cu``.
"""

from typing import NamedTuple

import numpy as np


class Adc(NamedTuple):
    """An ADC, the same in every column. Codes go from ``-half`` to ``half - 1``."""

    half: int  # half of its levels, 2 ** (bits - 1): the full scale, either sign, is so many steps
    noise: float  # standard deviation of one conversion, full scales


def adc_codes(steps: np.ndarray, adc: Adc) -> np.ndarray:
    """Codes of values in steps of the ADC: the nearest, or the last at either end."""
    return np.clip(np.rint(steps), -adc.half, adc.half - 1)


def saturated(codes: np.ndarray, adc: Adc) -> np.ndarray:
    """Whether a code is one of the last at either end, bool: its value may lie beyond."""
    return (codes == -adc.half) | (codes == adc.half - 1)


def dac_codes(steps: np.ndarray, top: float | np.floating) -> np.ndarray:
    """Codes of values in steps of the DAC, from ``-top`` to ``top``; values beyond are clipped."""
    return np.clip(np.rint(steps), -top, top)
