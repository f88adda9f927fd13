"""The melt-quench model, fitted to the chip's published programming error, against the chip."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.drift import age
from aimcsim.chip.inputs import inputs
from aimcsim.common.random import Phase
from aimcsim.config.load import from_yaml
from aimcsim.evaluation.mvm_error import mvm_errors
from aimcsim.programming import iterative
from aimcsim.validation.fit_device import CURVES, distance, fit, published, spread

FITTED = from_yaml(Path(__file__).resolve().parents[2] / "config" / "fitted.yaml")
DEFAULT = from_yaml(Path(__file__).resolve().parents[2] / "config" / "default.yaml")


def method_of(study):
    """Settings of its iterative programming."""
    (settings,) = study.methods["iterative"].points()
    return settings


def ours(unit_cell, study=FITTED, seed=1):
    return spread(unit_cell, study.device, study.periphery, method_of(study), seed)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("unit_cell", ["odp", "tdp"])
def test_programming_error_lies_within_a_quarter_of_the_published_curve(unit_cell, seed):
    """Root mean square over 0.1 to 1 of g_max; seed 2 took no part in the fit."""
    theirs = published(unit_cell, FITTED.device)
    assert distance(ours(unit_cell, seed=seed), theirs) < 0.25


def test_the_default_device_does_not():
    """Known shortcoming of the starting values: stated in the report of the default study."""
    assert distance(ours("odp", DEFAULT), published("odp", DEFAULT.device)) > 0.25


def test_distance_is_zero_on_the_curve_and_its_scale_off_it():
    theirs = published("odp", FITTED.device)
    assert distance(theirs, theirs) == 0
    assert distance(1.2 * theirs, theirs) == pytest.approx(0.2)


def test_a_short_fit_moves_towards_the_curve():
    settings = (DEFAULT.device, DEFAULT.periphery, method_of(FITTED))
    before = distance(spread("odp", *settings), published("odp", DEFAULT.device))
    found = fit(("odp",), *settings, evaluations=12)
    assert found.distance["odp"] < 0.8 * before
    assert set(found.distance) == set(CURVES)


def programmed(unit_cell):
    """MVM errors on uniform weights with 30 % zeros: right after programming, and at t0, percent.

    Means over 3 cores; at t0 with the published slow read noise in place of the white one.
    """
    rng = np.random.default_rng(5)
    weights = rng.uniform(-1, 1, (256, 256))
    weights[rng.random((256, 256)) < 0.3] = 0
    devices = 1 if unit_cell == "odp" else 2
    targets = np.repeat(FITTED.device.g_max * devices * weights[None], 3, 0).astype(np.float32)
    chips = np.arange(3)
    units = manufacture(
        1, chips, np.zeros(3), targets, FITTED.device, FITTED.periphery, kernels.backend("cpu"),
        unit_cell,
    )  # fmt: skip
    cores = Cores(units, chips)
    iterative.program(cores, targets, method_of(FITTED))
    laws = CURVES["odp" if unit_cell == "odp" else "tdp"]
    x = inputs(units, "uniform", 1024, 0, Phase.EVALUATION)
    aged = age(units, cores.true_conductances()[:, None], laws, laws.t0, 0).read[:, 0]
    quiet = dataclasses.replace(units, device=FITTED.device.model_copy(update={"read_noise": 0.0}))
    errors = []
    for chip, conductances in ((units, cores.true_conductances()), (quiet, aged)):
        judged = Cores(chip, chips, conductances, Phase.EVALUATION)
        errors.append(mvm_errors(judged.mvm(x, chips), x @ targets, chips)[:, 1].mean())
    return errors


def test_levels_and_order_of_the_unit_cells_are_the_chips():
    """16 % with one device, 10 % with two, each within 1.5 points; TDP below max fill below ODP."""
    odp, tdp, max_fill = (programmed(name) for name in ("odp", "tdp", "max_fill"))
    assert odp[1] == pytest.approx(16.0, abs=1.5)
    assert tdp[1] == pytest.approx(10.0, abs=1.5)
    for best, middle, worst in zip(tdp, max_fill, odp, strict=True):
        assert best < middle < worst
