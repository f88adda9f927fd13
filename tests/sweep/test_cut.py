"""Shards cover what is wanted, are named by content, and are never changed by an addition."""

import json
import os

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aimcsim.common.paths import Results
from aimcsim.config.load import from_mapping
from aimcsim.sweep.cut import cut, describe
from aimcsim.sweep.study import plan_study, write_plan


def config(
    cores=3, floors=(1.0, 2.0), thresholds=(1.0,), sets=("a",), size=4, iterative=None, **changes
):
    gdp = {"start": "baseline", "floor": list(floors), "noise_threshold": list(thresholds)}
    return from_mapping(
        {
            "cores": cores,
            "weights": {name: {"kind": "gaussian", "rows": 4, "columns": 4} for name in sets},
            "methods": {"iterative": iterative or {}, "gdp": gdp},
            "execution": {"runs_per_shard": size},
            **changes,
        }
    )


def texts(shards):
    return [shard.text for shard in shards]


def shards_of(study, directory):
    """Shards of one study alone, described."""
    (shards,) = cut([study], directory)
    describe(shards, directory)
    return shards


def test_images_change_nothing_that_is_programmed(tmp_path):
    network = {"kind": "network", "path": "a.onnx"}
    first, second = (
        shards_of(config(weights={"a": network | {"images": name}}), tmp_path)
        for name in ("a.npz", "b.npz")
    )
    assert [shard.name for shard in first] == [shard.name for shard in second]


def wanted(study):
    ids = [run.id for run in study.runs()]
    return {(w, core, i) for w in study.weights for core in range(study.cores) for i in ids}


def runs(shards):
    return [(shard.weight_set, core, run) for shard in shards for core, run in shard.pairs()]


def compute(shards, directory):
    for shard in shards:
        (directory / f"{shard.name}.nc").touch()


studies = st.builds(
    config,
    cores=st.integers(1, 6),
    floors=st.sets(st.sampled_from([0.5, 1.0, 2.0, 4.0, 8.0]), min_size=1).map(sorted),
    thresholds=st.sets(st.sampled_from([1.0, 2.0, 3.0]), min_size=1).map(sorted),
    sets=st.sets(st.sampled_from(["a", "b", "c"]), min_size=1).map(sorted),
    size=st.integers(1, 40),
)


@settings(max_examples=60, deadline=None)
@given(history=st.lists(studies, min_size=1, max_size=4), finish=st.booleans())
def test_any_history_covers_what_is_wanted_without_repeating_work(
    tmp_path_factory, history, finish
):
    directory = tmp_path_factory.mktemp("shards")
    computed = set()
    for study in history:
        shards = shards_of(study, directory)
        assert wanted(study) <= set(runs(shards))
        new = [shard for shard in shards if not (directory / f"{shard.name}.nc").exists()]
        fresh = runs(new)
        assert len(fresh) == len(set(fresh))
        assert not set(fresh) & computed
        assert set(fresh) == wanted(study) - computed
        # Planning is repeatable: a job on a cluster plans the study again.
        assert [s.name for s in shards_of(study, directory)] == [s.name for s in shards]
        if finish:
            compute(shards, directory)
            computed |= set(runs(shards))


@settings(max_examples=60, deadline=None)
@given(study=studies)
def test_no_shard_is_larger_than_asked(tmp_path_factory, study):
    directory = tmp_path_factory.mktemp("shards")
    for shard in shards_of(study, directory):
        assert len(shard.pairs()) <= study.execution.runs_per_shard


def test_descriptions_are_never_rewritten(tmp_path):
    shards_of(config(), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    shards_of(config(floors=(1.0, 2.0, 4.0), cores=5), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_planning_writes_nothing(tmp_path):
    plan_study(config(), Results(str(tmp_path / "results")))
    assert not list(tmp_path.iterdir())


def test_a_damaged_description_is_written_again(tmp_path):
    shards = shards_of(config(), tmp_path)
    path = tmp_path / f"{shards[0].name}.json"
    path.write_bytes(path.read_bytes()[:40] + b"\xff")
    assert texts(shards_of(config(), tmp_path)) == texts(shards)
    assert path.read_text() == shards[0].text


def test_shards_are_of_what_files_hold_wherever_they_lie(tmp_path):
    """An edit of the file makes new ones; with the first numbers back the old ones are there."""
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
        np.save(folder / "mine.npy", np.eye(4))
    here, there = (folder / "mine.npy" for folder in folders)

    def names(path):
        weights = {"a": {"kind": "file", "path": str(path)}}
        return [shard.name for shard in shards_of(config(weights=weights), tmp_path)]

    before = names(here)
    assert names(there) == before
    np.save(here, np.eye(4) * 2)
    os.utime(here, (1, 1))
    assert not set(names(here)) & set(before)
    there.replace(here)
    assert names(here) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"device": {"read_noise": 0.05}},
        {"periphery": {"adc_bits": 7}},
        {"iterative": {"margin": 0.05}},
        {"core": {"rows": 8}},
    ],
    ids=str,
)
def test_other_physics_are_other_shards(tmp_path, changes):
    first = shards_of(config(), tmp_path)
    compute(first, tmp_path)
    second = shards_of(config(**changes), tmp_path)
    assert not {s.name for s in first} & {s.name for s in second}


@pytest.mark.parametrize(
    "changes", [{"report": {"bootstrap": 100}}, {"evaluation": {"inputs": 99}}], ids=str
)
def test_settings_of_later_stages_keep_the_shards(tmp_path, changes):
    first = shards_of(config(), tmp_path)
    assert texts(shards_of(config(**changes), tmp_path)) == texts(first)


def test_a_description_edited_by_hand_is_not_used(tmp_path):
    (shard, *_) = shards_of(config(size=100), tmp_path)
    path = tmp_path / f"{shard.name}.json"
    content = json.loads(path.read_text())
    edited = content["runs"][1]["settings"]
    assert edited["floor"] == 1.0
    edited["floor"] = 3.0
    path.write_text(json.dumps(content))
    again = shards_of(config(size=100), tmp_path)
    assert [s.name for s in again] == [shard.name]
    assert path.read_text() == shard.text
    (tmp_path / "x.json").write_text("not json")
    assert texts(shards_of(config(size=100), tmp_path)) == texts(again)


def test_runs_keep_the_types_and_order_of_values():
    swept = config(floors=(2.0, 1.0), thresholds=(3.0, 1.5)).runs()
    assert [run.method for run in swept] == ["iterative", *["gdp"] * 4]
    assert [(run.settings.noise_threshold, run.settings.floor) for run in swept[1:]] == [
        (3.0, 2.0), (3.0, 1.0), (1.5, 2.0), (1.5, 1.0),
    ]  # fmt: skip
    assert len({run.id for run in swept}) == 5
    one, other = (config(floors=yaml.safe_load(text)).runs() for text in ("[0.1]", "[0.10]"))
    assert [run.id for run in one] == [run.id for run in other]


def test_configs_of_one_plan_share_their_shards(tmp_path):
    whole, part = config(cores=5, floors=(1.0, 2.0, 4.0)), config(cores=2, floors=(2.0,))
    other = config(cores=2, floors=(2.0,), periphery={"adc_bits": 6})
    plans = cut([whole, part, other], tmp_path)
    names = [{shard.name for shard in shards} for shards in plans]
    assert names[1] <= names[0]
    assert not names[2] & names[0]
    again = cut([whole, part, other], tmp_path)
    assert [[shard.name for shard in shards] for shards in again] == [
        [shard.name for shard in shards] for shards in plans
    ]


@settings(max_examples=40, deadline=None)
@given(
    old=studies,
    new=studies,
    fewer=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    order=st.randoms(use_true_random=False),
)
def test_a_study_with_cases_keeps_its_plan_while_shards_get_computed(
    tmp_path_factory, old, new, fewer, order
):
    """Descriptions that an earlier, killed run left behind must not change the plan half-way."""
    folder = tmp_path_factory.mktemp("results")
    results = Results(str(folder))
    write_plan(plan_study(old, results), results)
    comparison = {
        "cases": {"some": {"cores": fewer[0]}, "others": {"cores": fewer[0] + fewer[1]}},
        "weights": [next(iter(new.weights))],
    }
    study = from_mapping(new.model_dump(mode="json") | {"compare": {"cores": comparison}})
    parts = plan_study(study, results)
    write_plan(parts, results)
    described = set((folder / "shards").glob("*.json"))
    planned = [[shard.name for shard in part.shards] for part in parts]
    todo = sorted({name for names in planned for name in names})
    order.shuffle(todo)
    for name in todo:
        (folder / "shards" / f"{name}.nc").touch()
        again = [[shard.name for shard in part.shards] for part in plan_study(study, results)]
        assert again == planned
    assert set((folder / "shards").glob("*.json")) == described


@pytest.mark.parametrize("seed", range(6))  # names, and so the order of shards, differ
def test_a_case_takes_planned_shards_before_leftovers(tmp_path, seed):
    """A leftover that a case alone could use, once computed, would suit the study too."""
    leftover = shards_of(config(cores=1, floors=(1.0, 2.0), seed=seed), tmp_path)
    new = config(cores=1, floors=(2.0, 3.0), seed=seed)
    one, two = (config(cores=1, floors=floors, seed=seed) for floors in ((1.0,), (1.0, 2.0)))
    plans = cut([new, one, two], tmp_path)
    names = [{shard.name for shard in shards} for shards in plans]
    assert not names[2] & {shard.name for shard in leftover}
    assert names[2] <= names[0] | names[1]
