"""Targets: clipped, and for a time to come, expected in proportion to the weights then."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import aimcsim
from aimcsim.chip.drift import age
from aimcsim.chip.settings import Core
from aimcsim.chip.targets import expected_shares, targets_for, uncorrected
from aimcsim.common.errors import UserError
from aimcsim.common.paths import Results
from aimcsim.config.load import cases, from_mapping
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.sweep.plan import Plan
from aimcsim.sweep.resolve import core_of
from aimcsim.sweep.study import plan_study
from tests.samples import make_units, mean_and_error

DAY, YEAR = 86400.0, 31536000.0
SIDE = 128
SHARES = np.linspace(0, 1, 4097)


def aimed(name, time):
    return Core(target_time=time, target_statistics=name)


@given(st.sampled_from(sorted(BY_NAME)), st.floats(0, 1))
def test_a_larger_target_for_a_larger_weight(name, position):
    """Of all published statistics at all times that a study may name."""
    laws = BY_NAME[name]
    time = laws.t0 * (1e10 / laws.t0) ** position
    assert (np.diff(expected_shares(laws, SHARES, time)) > 0).all()


@given(st.sampled_from(sorted(BY_NAME)), st.sampled_from([DAY, YEAR]), st.floats(1, 100))
def test_signs_stay_and_so_do_nothing_and_everything(name, time, g_max):
    wanted = (g_max * np.arange(-50, 51) / 50).astype(np.float32)
    targets = targets_for(aimed(name, time), wanted, g_max)
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(np.sign(targets), np.sign(wanted))
    np.testing.assert_allclose(targets, -targets[::-1], rtol=1e-6)
    np.testing.assert_allclose(targets[[0, 50, -1]], wanted[[0, 50, -1]], rtol=1e-6)
    assert (np.diff(targets) > 0).all()


@pytest.mark.parametrize("name", BY_NAME)
def test_at_t0_targets_are_in_proportion(name):
    wanted = np.linspace(-1, 1, 101, dtype=np.float32)
    targets = targets_for(aimed(name, BY_NAME[name].t0), wanted, 1.0)
    np.testing.assert_allclose(targets, wanted, atol=1e-6)


def test_without_a_time_they_are_what_is_wanted():
    wanted = np.ones((1, 2, 3), np.float32)
    assert targets_for(Core(), wanted, 10.0) is wanted


@pytest.mark.parametrize("core", [Core(clip_sigmas=3), aimed("hermes_odp", YEAR)])
def test_what_is_beyond_the_range_is_held_to_it(core):
    wanted = np.array([-25, -10, 0, 10, 11], np.float32)
    np.testing.assert_allclose(targets_for(core, wanted, 10.0), [-10, -10, 0, 10, 10])


@pytest.mark.parametrize("time", [DAY, YEAR])
def test_simulated_devices_come_into_proportion(time):
    """Mean over 32,768 devices of what is left of four targets, within 3 standard errors."""
    name = "hermes_odp"
    laws, shares = BY_NAME[name], np.array([0.1, 0.3, 0.6, 1.0], np.float32)
    targets = targets_for(aimed(name, time), shares * np.float32(laws.g_max), laws.g_max)
    states = np.broadcast_to(targets[None, :, None, None, None], (2, 4, 2, SIDE, SIDE))
    units = make_units(np.ones((2, SIDE, SIDE), np.float32))
    later = age(units, states.copy(), laws, time, 0).drifted[:, :, 0].astype(float)
    found = [mean_and_error(later[:, number] / shares[number]) for number in range(4)]
    (whole, error), *others = found[::-1]
    for mean, own in others:
        assert abs(mean - whole) < 3 * np.hypot(own, error)
    kept = later.mean(axis=(0, 2, 3)) / targets
    assert kept[-1] > 1.2 * kept[0]  # as programmed they were not: smaller ones lose more


def test_outputs_are_scaled_by_what_is_known():
    generator = np.random.default_rng(1)
    wanted, targets = generator.normal(size=(2, 3, 20, 10))
    targets[2] = 0
    slopes = [np.linalg.lstsq(targets[u].reshape(-1, 1), wanted[u].ravel())[0] for u in range(2)]
    np.testing.assert_allclose(uncorrected(wanted, targets), [*np.ravel(slopes), 1])


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(2).uniform(-1, 1, (96, 64))


@pytest.fixture(scope="module")
def cores(weights):
    """By target time, on the same chips."""
    return {
        time: aimcsim.program(weights, chips=4, core={"target_time": time})
        for time in (None, DAY, YEAR)
    }


def test_the_error_is_least_with_targets_for_that_time(cores):
    """On every chip."""
    errors = {
        at: {time: own.error() if at is None else own.at(at).error() for time, own in cores.items()}
        for at in cores
    }
    for at, found in errors.items():
        for time in cores:
            assert time == at or bool((found[at] < found[time]).all()), (at, time)
    assert float((errors[YEAR][YEAR] / errors[YEAR][None]).mean()) < 0.85


def test_products_are_in_units_of_the_weights_right_after_programming(cores, weights):
    x = np.random.default_rng(3).uniform(-1, 1, (256, len(weights)))
    ideal = x @ weights
    for time, own in cores.items():
        y = own.mvm(x)
        slopes = (y * ideal).sum(axis=(1, 2)) / np.square(y).sum(axis=(1, 2))
        np.testing.assert_allclose(slopes, 1, atol=0.02, err_msg=str(time))


@pytest.mark.parametrize("time", [None, YEAR])
def test_so_are_those_of_matrices_that_share_a_core(time):
    """Large and small weights are raised by another share: each matrix has a factor of its own."""
    generator = np.random.default_rng(5)
    normal = generator.normal(size=(32, 16))
    matrices = {"normal": normal, "binary": np.sign(normal)}
    shared = xr.Dataset(matrix_variables(matrices.items()), attrs={"packing": "shared"})
    core = {"rows": 32, "columns": 32, "target_time": time}
    own = aimcsim.program(shared, chips=2, core=core)
    x = generator.uniform(-1, 1, (512, 32))
    for name, matrix in matrices.items():
        y, ideal = own.mvm(x, name), x @ matrix
        slopes = (y * ideal).sum(axis=(1, 2)) / np.square(y).sum(axis=(1, 2))
        np.testing.assert_allclose(slopes, 1, atol=0.05, err_msg=name)


def test_without_compensation_that_factor_is_no_error(cores):
    """It is known when targets are chosen, and stands behind the outputs of a core."""
    found = cores[YEAR].at(BY_NAME["hermes_odp"].t0).to_dataset()["error_over_time"]
    none, best = (found.sel(compensation=kind).values for kind in ("none", "global"))
    np.testing.assert_allclose(none, best, rtol=0.02)


def test_what_is_programmed_is_judged_by_its_targets(cores):
    """Of cells: programming itself is as good for any time."""
    errors = [own.to_dataset()["weight_error"].mean().item() for own in cores.values()]
    assert max(errors) < 1.1 * min(errors)


@pytest.mark.parametrize("unit_cell", ["odp", "tdp"])
def test_what_is_cut_off_is_error_and_noise_is_less(unit_cell):
    """On long tails: without noise the error is that of clipping; iteratively, clipped is better.

    The cores' own error comes on top of that of clipping, in squares, to a twentieth.
    """
    weights = np.random.default_rng(4).laplace(size=(96, 64))
    bound = 3 * np.sqrt(np.square(weights).mean())
    clipped = np.clip(weights, -bound, bound)
    slope = (clipped * weights).sum() / np.square(clipped).sum()
    lost = 100 * np.linalg.norm(slope * clipped - weights) / np.linalg.norm(weights)
    core = {"unit_cell": unit_cell}
    errors = {
        method: [
            aimcsim.program(weights, method, chips=4, core=core | how)
            for how in ({}, {"clip_sigmas": 3.0})
        ]
        for method in ("gdp", "iterative")
    }
    own = aimcsim.program(clipped, "gdp", chips=4, core=core).error()
    found = errors["gdp"][1].error()
    np.testing.assert_allclose(found, np.hypot(own, lost), rtol=0.05)
    whole, cut = (cores.error() for cores in errors["iterative"])
    assert bool((cut < 0.9 * whole).all())
    x = np.random.default_rng(3).uniform(-1, 1, (256, len(weights)))
    y, ideal = errors["gdp"][1].mvm(x), x @ weights
    slopes = (y * ideal).sum(axis=(1, 2)) / np.square(y).sum(axis=(1, 2))
    np.testing.assert_allclose(slopes, 1, atol=0.02)


STUDY = {
    "study": "aimed", "cores": 1, "weights": {"w": {"kind": "gaussian"}},
    "methods": {"iterative": {}, "gdp": {}},
}  # fmt: skip


def cores_of(case=None, **study):
    """Of the shards of a study, or of its case."""
    parts = plan_study(from_mapping(STUDY | study, "study"), Results.of("aimed"))
    (found,) = [part for part in parts if part.case == (f"times/{case}" if case else "")]
    return [shard.core for shard in found.shards]


def test_the_statistics_are_those_that_cores_age_by(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = {"core": {"target_time": DAY}, "evaluation": {"statistics": "pcm_90nm"}}
    assert {core.target_statistics for core in cores_of(**study)} == {"pcm_90nm"}
    named = study | {"core": {"target_time": DAY, "target_statistics": "hermes_odp"}}
    assert {core.target_statistics for core in cores_of(**named)} == {"hermes_odp"}
    assert {core.target_statistics for core in cores_of(**study | {"core": {}})} == {None}


CASES = {
    "now": {"core": {"target_time": None}},
    "other": {"evaluation": {"statistics": "pcm_90nm"}},
    "two": {
        "core": {"unit_cell": "tdp"}, "evaluation": {"statistics": "hermes_tdp", "times": [300]}
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_case_has_statistics_of_its_own(tmp_path, monkeypatch, case):
    """When the study is planned, and when stages read its plan."""
    monkeypatch.chdir(tmp_path)
    study = {"core": {"target_time": DAY}, "compare": {"times": {"cases": CASES}}}
    core, *_ = cores_of(case, **study)
    expected = {"now": None, "other": "pcm_90nm", "two": "hermes_tdp"}
    assert core.target_statistics == expected[case]
    part, *_ = plan_study(from_mapping(STUDY | study, "study"), Results.of("aimed"))
    (tmp_path / "plan.json").write_text(part.plan.text)
    read = Plan.read(tmp_path / "plan.json").config
    (again,) = [one.config for one in cases(read) if one.name == case]
    assert core_of(again) == core


def test_planning_programs_again_exactly_what_has_other_targets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain, aimed_at_day = cores_of(), cores_of(core={"target_time": DAY})
    assert plain != aimed_at_day != cores_of(core={"target_time": YEAR})
    other = {"evaluation": {"statistics": "pcm_90nm"}}
    assert cores_of(**other) == plain
    assert cores_of(core={"target_time": DAY}, **other) != aimed_at_day
    assert cores_of(core={"target_time": DAY}, evaluation={"times": [300]}) == aimed_at_day


def test_a_time_before_the_drift_is_refused():
    with pytest.raises(UserError, match=r"core.target_time 100 s: drift by hermes_odp begins at"):
        aimcsim.program(np.ones((4, 4)), core={"target_time": 100})
