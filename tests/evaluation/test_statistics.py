"""Published statistics on a chip's own range: one rule, by shares of g_max, wherever used."""

import dataclasses

import numpy as np
import pytest

import aimcsim
from aimcsim.chip.statistics import laws_on
from aimcsim.common.errors import UserError
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.programmed import programmed_cores
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming import open_loop
from aimcsim.shards.groups import tile_groups
from aimcsim.shards.spec import RefreshSettings
from aimcsim.sweep.shard import run

DEVICE = {
    "g_max": 10.35, "g_reset": 0.1, "g_set_mean": 19.35, "g_set_spread": 5.16, "g_set_min": 5.805,
    "g_set_max": 41.28,
}  # fmt: skip
CONVERTERS = {"adc_range": 27.09, "adc_noise": 0.0774}
CORE = {"rows": 64, "columns": 32}
T0 = {name: laws.t0 for name, laws in BY_NAME.items()}
UNIFORM = np.random.default_rng(0).uniform(-1, 1, (64, 32))


def programmed(method="open_loop", g_max=10.35, unit_cell="odp", defects=None, **settings):
    """Cores of the default chip with every conductance scaled to ``g_max``, uS."""
    by = g_max / DEVICE["g_max"]
    return aimcsim.program(
        UNIFORM, method, 2, core=CORE | {"unit_cell": unit_cell}, defects=defects,
        device={name: value * by for name, value in DEVICE.items()},
        periphery={name: value * by for name, value in CONVERTERS.items()}, **settings,
    )  # fmt: skip


def judged(cores, statistics, *times):
    settings = Evaluation(inputs=512, times=times, statistics=statistics)
    return evaluate(cores.states, cores.weights, settings).errors


@pytest.mark.parametrize("g_max", [10.35, 25.0, 80.0])
@pytest.mark.parametrize(
    ("statistics", "unit_cell"), [("hermes_odp", "odp"), ("pcm_90nm", "odp"), ("hermes_tdp", "tdp")]
)
def test_drawn_states_are_those_that_open_loop_errors_start_from(statistics, unit_cell, g_max):
    """One value for the same thing: the method's own error over time, and ``open_loop_error``."""
    cores = programmed(g_max=g_max, unit_cell=unit_cell, statistics=statistics)
    errors = judged(cores, statistics, T0[statistics], 1e6)
    np.testing.assert_array_equal(errors["error_over_time"].isel(run=0), errors["open_loop_error"])


def test_so_they_are_with_stuck_devices():
    cores = programmed(statistics="pcm_90nm", defects={"stuck_anywhere": 0.05})
    errors = judged(cores, "pcm_90nm", 20.0)
    np.testing.assert_array_equal(errors["error_over_time"].isel(run=0), errors["open_loop_error"])
    healthy = judged(programmed(statistics="pcm_90nm"), "pcm_90nm", 20.0)
    assert (errors["open_loop_error"] > 1.2 * healthy["open_loop_error"]).all()


@pytest.mark.parametrize("g_max", [25.0, 80.0])
@pytest.mark.parametrize("how", ["open_loop", "iterative"])
def test_a_chip_of_another_range_has_the_same_errors(how, g_max):
    """Everything in uS scaled alike: only rounding differs, and what it tips over."""
    settings = {"statistics": "pcm_90nm"} if how == "open_loop" else {"iterations": 6}
    ours, theirs = (
        judged(programmed(how, g, **settings), "pcm_90nm", 20.0, 1e6) for g in (10.35, g_max)
    )
    for name in ("mvm_error", "held_error", "error_over_time", "held_over_time", "open_loop_error"):
        np.testing.assert_allclose(theirs[name], ours[name], rtol=2e-3, err_msg=name)


def test_on_their_own_range_published_laws_are_as_published():
    shares = np.linspace(0, 1, 50)
    for name, cell in (("hermes_odp", "odp"), ("hermes_tdp", "tdp"), ("pcm_90nm", "odp")):
        published = BY_NAME[name]
        cores = programmed(g_max=published.g_max / published.devices, unit_cell=cell,
                           statistics=name)  # fmt: skip
        laws = laws_on(name, cores.spec.device, cell)
        np.testing.assert_array_equal(laws.sigma_prog(shares), published.sigma_prog(shares))
        assert (laws.g_max, laws.t0) == (published.g_max, published.t0)


@pytest.mark.parametrize(
    ("unit_cell", "wrong", "remedy"),
    [("odp", "hermes_tdp", "use hermes_odp"), ("tdp", "hermes_odp", "use hermes_tdp"),
     ("tdp", "pcm_90nm", "use hermes_tdp")],
)  # fmt: skip
def test_statistics_of_other_cells_are_refused_wherever_they_are_named(unit_cell, wrong, remedy):
    cores = programmed("iterative", unit_cell=unit_cell, iterations=2)
    spec, time = cores.spec, 1000.0
    (group,) = tile_groups(spec, cores.weights, spec.periphery)
    again = dataclasses.replace(
        spec, refresh=RefreshSettings(times=(time,), statistics=wrong, inputs=64)
    )
    moment = EvaluationTime.after(time, 0)
    used = [
        lambda: cores.at(time, wrong),
        lambda: judged(cores, wrong, time),
        lambda: run(again, cores.weights),
        lambda: programmed_cores(spec, cores.weights, cores.states, 0, moment, wrong),
        lambda: open_loop.program(group.units, group.targets, open_loop.OpenLoop(statistics=wrong)),
    ]
    for use in used:
        with pytest.raises(UserError, match=f"statistics {wrong} is of .*{remedy}"):
            use()


def test_drawn_states_age_by_the_statistics_they_are_drawn_by():
    cores = programmed(statistics="pcm_90nm")
    assert cores.at(20.0).statistics == "pcm_90nm"
    with pytest.raises(UserError, match=r"pcm_90nm draws states of 20 s .*hermes_odp begins"):
        cores.at(1000.0, "hermes_odp")
    assert programmed("iterative", iterations=2).at(1000.0, "hermes_odp").statistics == "hermes_odp"
