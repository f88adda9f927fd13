"""Both methods under coarse converters and with stuck devices, on the same cores.

Twelve cores of 64 x 48 cells; differences between methods are paired over cores and must exceed
three standard errors.
"""

import numpy as np
import pytest

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.programming import iterative
from aimcsim.programming.iterative import Iterative
from tests.descending import descend, held_error, hyperparameters
from tests.samples import uniform_targets

CORES = 12


def programmed(bits: float = 8.714, stuck: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Held errors in percent after iterative programming and after GDP, (CORES,) each."""
    targets = uniform_targets(CORES, 64, 48, seed=4)
    chips = np.arange(CORES)
    units = manufacture(
        1, chips, np.zeros_like(chips), targets, MeltQuench(),
        Periphery(adc_bits=bits), kernels.backend("cpu"),
        stuck=Defects(stuck_anywhere=stuck),
    )  # fmt: skip
    cores = Cores(units, chips)
    outcome = iterative.program(cores, targets, Iterative())
    further = cores.branch(1)
    settings = hyperparameters(CORES, opposite=True)
    descend(further, targets, outcome.current, settings, outcome.device, outcome.tunable)
    return held_error(cores, targets), held_error(further, targets)


def stands_out(difference: np.ndarray) -> bool:
    """Whether a paired difference lies above zero by three standard errors."""
    return difference.mean() > 3 * difference.std(ddof=1) / np.sqrt(len(difference))


@pytest.fixture(scope="module")
def plain():
    return programmed()


def test_gdp_at_5_bits_is_no_worse_than_iterative_programming_at_10():
    _, coarse = programmed(bits=5)
    fine, _ = programmed(bits=10)
    assert stands_out(fine - coarse)


def test_coarse_converters_cost_the_iterative_method_more(plain):
    at_4_bits = programmed(bits=4)
    assert stands_out((at_4_bits[0] - plain[0]) - (at_4_bits[1] - plain[1]))


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05])
def test_with_stuck_devices_gdp_stays_below_and_loses_fewer_points(plain, share):
    stuck = programmed(stuck=share)
    assert stands_out(stuck[0] - stuck[1])
    if share > 0.001:  # 3 of a core's 6,144 devices or so: lost in the scatter
        assert stands_out((stuck[0] - plain[0]) - (stuck[1] - plain[1]))
