"""Results do not depend on how a study is cut into shards, nor on the history of the cut."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from aimcsim.config.models import Config
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.shards.runs import Run
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.cut import cut
from aimcsim.sweep.shard import run
from tests.shards_of import runs_of, shard_of

CORES = (0, 1, 2)
GDP = {"algorithm": "gdp", "start": "baseline", "batch_size": 100, "iterations": 8}
STUDY = Config(
    seed=5,
    cores=len(CORES),
    core={"rows": 16, "columns": 12},
    weights={"w": {"kind": "gaussian", "rows": 20, "columns": 12}},
    methods={
        # A margin so wide that some cores are done early, and others are not.
        "iterative": {"iterations": 20, "margin": 0.15},
        "open_loop": {},
        # Longer than GDP's budget; a margin wide enough that some runs have nothing left to
        # correct.
        "hadamard": {"passes": 2, "iterations": 11, "margin": 0.1, "schedule": "constant"},
        "gdp": GDP | {"noise_threshold": [1.0, 3.0]},
        # Starts from RESET and may stop early; a batch holds runs of one start.
        "from_reset": GDP | {"noise_threshold": 3.0, "start": "reset", "target_error": 25.0},
        # Shares its batch with those of gdp, and has a digital correction beside it.
        "corrected": GDP | {"noise_threshold": 1.0, "affine": "column"},
        # Each run draws up its plans from what it has measured itself.
        "reads": {"iterations": 14, "plan": "rising", "target_error": [0.0, 20.0]},
    },
)
RUNS = STUDY.runs()
OF = {run.method: run for run in reversed(RUNS)}  # the first of each method


@functools.cache
def weights() -> xr.Dataset:
    """Two tiles: a whole core, and the four rows left."""
    matrix = np.random.default_rng(13).uniform(-1, 1, (20, 12))
    return xr.Dataset(matrix_variables([("layer", matrix)]))


def description(cores, runs, backend="cpu") -> str:
    return shard_of(STUDY, cores, runs, backend=backend).text


@functools.lru_cache(maxsize=256)
def compute(shard: str) -> xr.Dataset:
    """Record, conductances and judgement of a shard."""
    record, states = run(ShardSpec.parse(shard), weights())
    judged = evaluate(states, weights(), Evaluation(inputs=64, times=())).errors
    geometry = ["rows", "columns", "matrix", "scale"]
    return xr.merge(
        [record, states, judged.drop_vars(geometry)], compat="override", combine_attrs="drop"
    )


def whole() -> xr.Dataset:
    return compute(description(CORES, RUNS))


def assert_same_bits(part: xr.Dataset) -> None:
    """Every run of ``part`` is the same run of the whole study."""
    expected = whole().sel(core=part["core"], run=part["run"])
    corrected = {"affine_0000", "affine_0001"}  # stored where a run has a correction
    missing = set(expected.data_vars) - set(part.data_vars)
    assert missing == (set() if OF["corrected"].id in part["run"] else corrected)
    assert set(part.data_vars) <= set(expected.data_vars)
    for name, values in part.data_vars.items():
        other = expected[name]
        if "iteration" in values.dims:  # a shard's record is as long as its longest run
            length = min(values.sizes["iteration"], other.sizes["iteration"])
            assert np.isnan(other.isel(iteration=slice(length, None))).all()
            values, other = (a.isel(iteration=slice(length)) for a in (values, other))
        np.testing.assert_array_equal(values.values, other.values, err_msg=name)


def test_the_study_has_runs_that_end_differently():
    """Otherwise the property below would be an easy one."""
    used = np.isfinite(whole()["error_per_iteration"]).sum("iteration")
    assert len(np.unique(used.sel(run=OF["iterative"].id))) > 2
    assert len(np.unique(used.sel(run=OF["from_reset"].id))) > 1
    assert len(np.unique(used.sel(run=OF["hadamard"].id))) > 1


@st.composite
def cuts(draw):
    """Shards (cores, runs), in any order, that cover every core and run at least once."""
    shards = []
    for group in draw(partitions(CORES)):
        for chosen in draw(partitions(range(len(RUNS)))):
            shards.append((group, [RUNS[i] for i in chosen]))
    return shards


@st.composite
def partitions(draw, items):
    """A partition of ``items`` into ordered blocks."""
    order = draw(st.permutations(list(items)))
    blocks = [[order[0]]]
    for item in order[1:]:
        if draw(st.booleans()):
            blocks.append([])
        blocks[-1].append(item)
    return blocks


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cuts())
def test_any_cut_gives_the_same_bits(shards):
    seen = set()
    for cores, chosen in shards:
        part = compute(description(cores, chosen))
        assert_same_bits(part)
        seen |= {(core, one.id) for core in cores for one in chosen}
    assert seen == {(core, one.id) for core in CORES for one in RUNS}


@pytest.mark.parametrize("runs_per_shard", [1, 2, 3, 4, 100])
def test_the_cuts_of_the_plan_give_the_same_bits(tmp_path, runs_per_shard):
    """The shards that a study is really cut into."""
    config = STUDY.model_copy(
        update={"execution": STUDY.execution.model_copy(update={"runs_per_shard": runs_per_shard})}
    )
    (shards,) = cut([config], tmp_path)
    together = functools.reduce(lambda a, b: a | b, (shard.pairs() for shard in shards))
    assert together == {(core, one.id) for core in CORES for one in RUNS}
    for shard in shards:
        part = compute(description(shard.cores, shard.runs))
        for name in ("status", "pulses", "conductance_0000", "conductance_0001", "mvm_error"):
            np.testing.assert_array_equal(
                part[name], whole()[name].sel(core=part["core"], run=part["run"])
            )


def test_another_setting_or_core_in_the_study_changes_no_run():
    more = [
        OF["gdp"], but(OF["from_reset"], floor=5.0), but(OF["gdp"], iterations=12),
        *(run for run in RUNS if run is not OF["gdp"]),
    ]  # fmt: skip
    part = compute(description((7, 2, 0, 1), more))
    assert_same_bits(part.sel(core=[2, 0, 1], run=[one.id for one in RUNS]))


def but(one: Run, **changes) -> Run:
    """The same method at another setting."""
    return replace(one, settings=one.settings.model_copy(update=changes))


def test_another_method_in_the_study_changes_no_run():
    for further in ((), ("hadamard",)):
        chosen = runs_of(STUDY, "iterative", "gdp", "from_reset", "corrected", *further)
        part = compute(description(CORES, chosen))
        assert part.sizes["run"] == len(RUNS) - 4 + len(further)
        assert_same_bits(part)


def test_the_reference_back_end_agrees_statistically():
    """Rounding parts their runs; mean MVM errors over 24 cores agree within 4 %, the scatter of
    such a mean being below 1 % for the same cores."""
    means = []
    for backend in ("cpu", "reference"):
        _, states = run(shard_of(STUDY, range(24), backend=backend), weights())
        judged = evaluate(states, weights(), Evaluation(inputs=256, times=())).errors
        means.append(judged["mvm_error"].mean("core"))
    assert ((means[0] > 1) & (means[0] < 50)).all()
    np.testing.assert_allclose(means[0], means[1], rtol=0.04)
