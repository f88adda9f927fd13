"""Whole programming runs by the GPU back end: what its arrays touch above the kernels."""

import numpy as np
import pytest

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.common.arrays import to_host
from aimcsim.programming import iterative
from aimcsim.programming.iterative import Iterative
from tests.descending import descend, hyperparameters
from tests.samples import uniform_targets


def units_on(back_end, targets, **values):
    chips = np.arange(len(targets))
    return manufacture(
        1, chips, np.zeros_like(chips), targets, MeltQuench(), Periphery(), back_end, **values
    )


def settings_of(runs, inputs="uniform"):
    """Every second run of each estimator, and of each rule on polarity."""
    every = np.arange(runs) % 2 == 0
    return hyperparameters(
        runs, batch_size=256, inputs=inputs, iterations=8, running=every, opposite=every
    )


def programmed(back_end, unit_cell="odp", inputs="uniform"):
    """Iterative programming, then GDP at two points; outcomes and conductances on the host."""
    targets = uniform_targets(3, 40, 24, seed=1)
    units = units_on(back_end, targets, unit_cell=unit_cell)
    ours = back_end.xp.asarray(targets)
    cores = Cores(units, np.arange(3))
    first = iterative.program(cores, ours, Iterative(iterations=8))
    second = cores.branch(2)
    repeated = (
        np.repeat(array, 2, axis=0) for array in (first.current, first.device, first.tunable)
    )
    current, device, tunable = repeated
    third = descend(second, ours, current, settings_of(6, inputs), device, tunable)
    found = [cores.true_conductances(), second.true_conductances()]
    for outcome in (first, third):
        found += [outcome.error, outcome.status, outcome.current, outcome.device, outcome.spent]
    return [to_host(array) for array in found]


@pytest.mark.parametrize("inputs", ["uniform", "orthogonal"])
def test_a_run_does_not_depend_on_the_others_in_its_batch(gpu, inputs):
    """GDP of forty runs, and of three of them alone: the same bits."""
    targets = uniform_targets(40, 40, 24, seed=1)
    units, ours = units_on(gpu, targets), gpu.xp.asarray(targets)

    def descended(unit):
        cores = Cores(units, unit)
        current = gpu.xp.full((len(unit), 40, 24), 0.5, np.float32)
        outcome = descend(cores, ours, current, settings_of(len(unit), inputs))
        return to_host(cores.true_conductances()), outcome.error, outcome.spent

    whole, some = descended(np.arange(40)), np.array([0, 18, 36])  # even: the same estimator
    for part, every in zip(descended(some), whole, strict=True):
        np.testing.assert_array_equal(part[[0, 2]], every[some[[0, 2]]])


@pytest.mark.parametrize("unit_cell", ["odp", "tdp", "max_fill"])
@pytest.mark.parametrize("inputs", ["uniform", "orthogonal"])
def test_runs_of_both_methods_go_as_on_the_cpu(gpu, unit_cell, inputs):
    """Draw for draw the same runs; a code that rounding moves makes single devices differ."""
    ours = programmed(gpu, unit_cell, inputs)
    for name in ("cpu", "reference"):
        others = programmed(kernels.backend(name), unit_cell, inputs)
        for mine, theirs in zip(ours, others, strict=True):
            assert mine.shape == theirs.shape
            assert mine.dtype == theirs.dtype
            if mine.size > 1000:  # cells
                same = np.isclose(mine, theirs, rtol=1e-4, atol=1e-4)
                assert same.mean() > 0.98
            else:  # errors, percent, and what was spent
                np.testing.assert_allclose(mine, theirs, rtol=0.02, equal_nan=True)
