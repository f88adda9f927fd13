"""Several draws of a weight set: each chip its own in every stage, and what intervals cover."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

import aimcsim
from aimcsim.config.load import from_mapping
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import draws_of, matrices, matrix_variables
from aimcsim.shards.groups import tile_groups
from aimcsim.shards.spec import RefreshSettings
from aimcsim.study.intervals import mean_interval
from aimcsim.sweep.shard import run
from aimcsim.weights.dataset import build
from tests.shards_of import runs_of, shard_of

DRAWS = 3
STUDY = from_mapping(
    {
        "seed": 2,
        "cores": DRAWS,
        "core": {"rows": 32, "columns": 16},
        "weights": {"g": {"kind": "laplace", "rows": 40, "columns": 16, "draws": DRAWS}},
        "methods": {
            "iterative": {"iterations": 5},
            "gdp": {"batch_size": 32, "iterations": 3},
            "published": {"algorithm": "open_loop"},
        },
    }
)
JUDGED = Evaluation(inputs=128, times=(200.0, 86400.0))
REFRESH = RefreshSettings(times=(86400.0,), statistics="hermes_odp", inputs=64)


@pytest.fixture(scope="module")
def weights() -> xr.Dataset:
    return build("g", STUDY.weights["g"], STUDY.seed)


def only(weights: xr.Dataset, draw: int) -> xr.Dataset:
    """A weight set of one draw alone."""
    return xr.Dataset(matrix_variables(matrices(weights, draw)))


def everything(cores, weights) -> xr.Dataset:
    """What all stages find: record, states, errors, open loop, budget."""
    record, states = run(shard_of(STUDY, cores, refresh=REFRESH), weights)
    found = evaluate(states, weights, JUDGED)
    parts = [record, states, found.errors, found.budget]
    return xr.merge(parts, compat="override", combine_attrs="drop")


def test_every_stage_takes_the_draw_of_the_chip(weights):
    """Chips 0 to 4 of 3 draws: bit for bit what each has with its draw as the only matrix."""
    whole = everything(range(5), weights)
    assert {"open_loop_error", "error_budget_of_state", "refreshed_error"} <= set(whole)
    for chip in range(5):
        alone = everything([chip], only(weights, chip % DRAWS))
        assert set(alone) == set(whole)
        for name, expected in alone.items():
            found = whole[name].sel(core=[chip]) if "core" in expected.dims else whole[name]
            np.testing.assert_array_equal(found, expected, err_msg=f"{name} of chip {chip}")
    other = everything([1], only(weights, 0))
    assert (whole["mvm_error"].sel(core=[1]) != other["mvm_error"]).any()
    assert (whole["scale"].sel(core=[1]) != other["scale"]).all()


def test_a_shard_stays_one_batch_of_all_its_chips(weights):
    spec = shard_of(STUDY, range(9))
    groups = tile_groups(spec, weights, spec.periphery)
    assert [(len(group.tiles), len(group.units.chip)) for group in groups] == [(1, 9), (1, 9)]
    for group in groups:
        targets = group.targets
        np.testing.assert_array_equal(targets[:3], targets[3:6])  # chips 0 to 2, and 3 to 5
        assert (np.abs(targets).max(axis=(1, 2)) == spec.device.g_max).all()
        assert (targets[0] != targets[1]).mean() > 0.9


def test_products_are_those_of_each_chips_own_matrix(weights):
    x = np.random.default_rng(0).uniform(-1, 1, (400, 40))
    cores = aimcsim.program(weights, "iterative", chips=[4, 0], core={"rows": 32, "columns": 16})
    y = x @ cores
    for found, chip in zip(y, (4, 0), strict=True):
        off = {
            draw: np.linalg.norm(found - x @ matrices(weights, draw)[0][1]) for draw in range(DRAWS)
        }
        assert off[chip % DRAWS] < 0.5 * min(off[draw] for draw in off if draw != chip % DRAWS)


CHIPS, SEEDS = 6, 60


def errors_of(seed: int, draws: int) -> np.ndarray:
    """MVM errors of six chips, percent: 32 x 32 weights with heavy tails, program-and-verify."""
    study = from_mapping(
        {
            "seed": seed,
            "cores": CHIPS,
            "core": {"rows": 32, "columns": 32},
            "weights": {"g": {"kind": "laplace", "rows": 32, "columns": 32, "draws": draws}},
            "methods": {"iterative": {"iterations": 5}, "gdp": {}},
        }
    )
    weights = build("g", study.weights["g"], seed)
    assert draws_of(weights) == draws
    _, states = run(shard_of(study, runs=runs_of(study, "iterative")), weights)
    found = evaluate(states, weights, Evaluation(inputs=128, times=())).errors
    return found["mvm_error"].values.ravel()


def covered(draws: int) -> int:
    """Studies of ``SEEDS`` whose 95 % interval of the mean holds the mean of all studies."""
    errors = np.stack([errors_of(seed, draws) for seed in range(SEEDS)])
    mean, low, high = mean_interval(errors, 0.95)
    return int(((low < mean.mean()) & (mean.mean() < high)).sum())


def test_intervals_over_chips_cover_draws_where_each_chip_has_its_own():
    """The mean that they should cover is that of all 360 chips, known to a tenth of half an
    interval. 60 true 95 % intervals cover it 53 times or more with a probability of 99 %."""
    assert covered(CHIPS) >= binom.ppf(0.01, SEEDS, 0.95)


def test_of_one_matrix_they_cover_that_matrix_alone():
    """The mean over matrices lies in so few that true 95 % intervals of it would do that once in
    10,000 times, or less: in two thirds."""
    assert covered(1) < binom.ppf(1e-4, SEEDS, 0.95)
