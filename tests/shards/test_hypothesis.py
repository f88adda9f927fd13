"""Results do not depend on how a study is cut into shards, nor on the history of the cut."""

import functools
import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.config.models import Config
from aimcsim.evaluation.judge import evaluate
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.shards.points import point_id, points
from aimcsim.shards.spec import parse_spec
from aimcsim.sweep.plan import study_shards
from aimcsim.sweep.shard import run

CORES = (0, 1, 2)
STUDY = Config(
    cores=len(CORES),
    core={"rows": 16, "columns": 12},
    weights={"w": {"kind": "gaussian", "rows": 20, "columns": 12}},
    # A margin so wide that some cores are done early, and others are not.
    iterative={"iterations": 20, "margin": 12},
    gdp={"batch_size": 100, "iterations": 8, "noise_threshold": [1.0, 3.0]},
    methods=["iterative", "open_loop", "hadamard", "gdp"],
    # Longer than GDP's budget; a margin wide enough that some runs have nothing left to correct.
    hadamard={"passes": 2, "iterations": 11, "margin": 8, "schedule": "constant"},
)
POINTS = points(STUDY.gdp)
# The second point starts from RESET and may stop early; a batch holds points of one start.
# The third shares its batch with the first, and has a digital correction beside it.
POINTS = [
    POINTS[0],
    POINTS[1] | {"start": "reset", "target_error": 30.0},
    POINTS[0] | {"affine": "column"},
]


@functools.cache
def weights() -> xr.Dataset:
    """Two tiles: a whole core, and the four rows left."""
    matrix = np.random.default_rng(13).uniform(-1, 1, (20, 12))
    return xr.Dataset(matrix_variables([("layer", matrix)]))


def description(cores, chosen, backend="cpu", methods=STUDY.extra_methods) -> str:
    content = {
        "weight_set": "w",
        "seed": 5,
        "cores": list(cores),
        "points": list(chosen),
        "core": STUDY.core.model_dump(),
        "device": MeltQuench().model_dump(),
        "periphery": Periphery().model_dump(),
        "iterative": STUDY.iterative.model_dump(),
        "backend": backend,
        "methods": list(methods),
        "hadamard": STUDY.hadamard.model_dump(),
        "open_loop": STUDY.open_loop.model_dump(),
    }
    return json.dumps(content)


@functools.lru_cache(maxsize=256)
def compute(shard: str) -> xr.Dataset:
    """Record, conductances and judgement of a shard."""
    record, states = run(parse_spec(shard), weights())
    judged = evaluate(states, weights(), 64)
    geometry = ["rows", "columns", "matrix", "scale"]
    return xr.merge(
        [record, states, judged.drop_vars(geometry)], compat="override", combine_attrs="drop"
    )


def whole() -> xr.Dataset:
    return compute(description(CORES, POINTS))


def assert_same_bits(part: xr.Dataset) -> None:
    """Every run of ``part`` is the same run of the whole study."""
    expected = whole().sel(core=part["core"], state=part["state"])
    corrected = {"affine_0000", "affine_0001"}  # stored where a point has a correction
    missing = set(expected.data_vars) - set(part.data_vars)
    assert missing <= (set() if point_id(POINTS[2]) in part["state"] else corrected)
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
    assert len(np.unique(used.sel(state="iterative"))) > 2
    assert len(np.unique(used.sel(state=point_id(POINTS[1])))) > 1
    assert len(np.unique(used.sel(state="hadamard"))) > 1


@st.composite
def cuts(draw):
    """Shards (cores, points), in any order, that cover every core and point at least once."""
    shards = []
    for group in draw(partitions(CORES)):
        for chosen in draw(partitions(range(len(POINTS)))):
            shards.append((group, [POINTS[i] for i in chosen]))
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
        seen |= {(core, point_id(point)) for core in cores for point in chosen}
    assert seen == {(core, point_id(point)) for core in CORES for point in POINTS}


@pytest.mark.parametrize("runs_per_shard", [1, 2, 3, 4, 100])
def test_the_cuts_of_the_plan_give_the_same_bits(tmp_path, runs_per_shard):
    """The shards that a study of two points is really cut into."""
    config = STUDY.model_copy(
        update={"execution": STUDY.execution.model_copy(update={"runs_per_shard": runs_per_shard})}
    )
    together = functools.reduce(
        lambda a, b: a | b, (shard.pairs() for shard in study_shards(config, tmp_path))
    )
    assert together == {(core, point_id(p)) for core in CORES for p in points(config.gdp)}
    reference = compute(description(CORES, points(config.gdp)))
    for shard in study_shards(config, tmp_path):
        part = compute(description(shard.content["cores"], shard.content["points"]))
        for name in ("status", "pulses", "conductance_0000", "conductance_0001", "mvm_error"):
            np.testing.assert_array_equal(
                part[name], reference[name].sel(core=part["core"], state=part["state"])
            )


def test_another_point_or_core_in_the_study_changes_no_run():
    more = [POINTS[0], POINTS[1] | {"floor": 5.0}, POINTS[0] | {"iterations": 12}, *POINTS[1:]]
    part = compute(description((7, 2, 0, 1), more))
    assert_same_bits(part.sel(core=[2, 0, 1], state=[point_id(p) for p in POINTS]))


def test_another_method_in_the_study_changes_no_run():
    for methods in ((), ("hadamard",)):
        part = compute(description(CORES, POINTS, methods=methods))
        assert part.sizes["state"] == 1 + len(methods) + len(POINTS)
        assert_same_bits(part)


def test_the_reference_back_end_agrees_statistically():
    """Rounding parts their runs; mean MVM errors over 24 cores agree within 4 %, the scatter of
    such a mean being below 1 % for the same cores."""
    means = []
    for backend in ("cpu", "reference"):
        _, states = run(parse_spec(description(range(24), POINTS, backend)), weights())
        judged = evaluate(states, weights(), 256)
        means.append(judged["mvm_error"].mean("core"))
    assert ((means[0] > 1) & (means[0] < 50)).all()
    np.testing.assert_allclose(means[0], means[1], rtol=0.04)
