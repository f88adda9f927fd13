"""The multiplex advantage: what is expected against what the ports of simulated cores give."""

import numpy as np
import pytest

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import patterns
from aimcsim.chip.periphery import UNIFORM_MEAN_SQUARE, Periphery
from aimcsim.programming.hadamard import decode
from aimcsim.study.multiplex import Weights, variance_ratio

ROWS, COLUMNS, PASSES = 64, 48, 60


def weights(kind: str) -> np.ndarray:
    generator = np.random.default_rng(3)
    drawn = generator.standard_normal((ROWS, COLUMNS))
    return np.sign(drawn) if kind == "signs" else drawn / np.abs(drawn).max()


@pytest.mark.parametrize("kind", ["gaussian", "signs"])
@pytest.mark.parametrize("range_by", ["inputs", "gain"])
@pytest.mark.parametrize(("adc_noise", "read_noise"), [(0.3, 0.0), (0.3, 0.05), (0.02, 0.05)])
def test_expected_variances_are_those_of_the_ports(kind, range_by, adc_noise, read_noise):
    """Ratio of the variances over repeated reads, mean over the cells of a core.

    A variance from 60 repeats has a relative standard error of sqrt(2 / 59), the mean over 3,072
    cells (of which the columns' share of conversions is common to 48) one below 2 %; column gains,
    which the expectation leaves out, are off.
    """
    settings = Periphery(
        adc_bits=16, adc_noise=adc_noise, range_by=range_by, column_gain=0.0, column_offset=0.0
    )
    device = MeltQuench(read_noise=read_noise)
    g = (device.g_max * weights(kind)).astype(np.float32)[None]
    zero = np.zeros(1, np.uint32)
    units = manufacture(5, zero, zero, g, device, settings, kernels.backend("cpu"))
    cores = Cores(units, zero, np.stack([np.maximum(g, 0), np.maximum(-g, 0)], axis=1))
    runs, level = np.zeros(1, int), np.sqrt(UNIFORM_MEAN_SQUARE)
    reads, decoded = [], []
    for index in range(PASSES):
        reads.append(cores.read_cells(runs)[0])
        x = patterns(units, level, index, cores.phase)
        decoded.append(decode(units, x, runs, cores.mvm(x, runs))[0])
    found = np.var(decoded, axis=0, ddof=1).mean() / np.var(reads, axis=0, ddof=1).mean()
    strongest = float(np.sqrt(np.square(g).mean(axis=1).max()))
    about = Weights(ROWS, float(np.sqrt(np.square(g).mean())), strongest, device.g_max)
    assert found == pytest.approx(variance_ratio(settings, read_noise, about), rel=0.08)


def test_strong_columns_lose_what_many_rows_gain():
    """Signs fill the range: MVMs read less exactly than cells do, weak weights far more exactly."""
    settings = Periphery()
    strong = variance_ratio(settings, 0.0, Weights(256, 10.35, 10.35, 10.35))
    weak = variance_ratio(settings, 0.0, Weights(256, 1.0, 1.5, 10.35))
    assert strong > 1 > 0.1 > weak
    assert variance_ratio(settings, 0.5, Weights(256, 1.0, 1.5, 10.35)) > 0.4
