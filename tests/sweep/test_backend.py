"""Which back end programs a study, and that none is mixed with another."""

import json

import pytest

from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_dataset
from aimcsim.config.load import cases, from_mapping
from aimcsim.evaluation.judge import evaluate
from aimcsim.shards.spec import parse_spec
from aimcsim.sweep import resolve
from aimcsim.sweep.aggregate import summarise
from aimcsim.sweep.plan import study_shards
from aimcsim.sweep.resolve import settled_backend
from aimcsim.sweep.shard import run
from aimcsim.sweep.study import plan_study
from aimcsim.weights.dataset import build

STUDY = {
    "cores": 2,
    "core": {"rows": 16, "columns": 12},
    "weights": {"a": {"kind": "gaussian", "rows": 16, "columns": 12}},
    "gdp": {"iterations": 4, "batch_size": 16},
    "iterative": {"iterations": 4},
    "evaluation": {"times": [], "inputs": 64, "split": False},
}


def study(asked="auto", **changes):
    return from_mapping(STUDY | {"execution": {"backend": asked, "runs_per_shard": 1}} | changes)


@pytest.fixture(params=[True, False], ids=["device", "no device"])
def device(request, monkeypatch):
    monkeypatch.setattr(resolve, "available", lambda: request.param)
    return request.param


def test_auto_is_a_gpu_where_there_is_one_that_can_do_the_study(device):
    assert settled_backend([study()]) == ("gpu" if device else "cpu")
    for unable in ({"wires": {"row": 1.0}}, {"device": {"model": "set_accumulation"},
                    "evaluation": {"statistics": "pcm_90nm", "times": []}}):  # fmt: skip
        assert settled_backend([study(**unable)]) == "cpu"
        assert settled_backend([study(), study(**unable)]) == "cpu"


def test_what_is_asked_for_is_taken(device):
    for name in ("cpu", "gpu", "reference"):
        assert settled_backend([study(name)]) == name


@pytest.mark.parametrize(
    ("unable", "named"),
    [
        ({"wires": {"row": 1.0}}, r"wires of 1 and 0 Ohm"),
        (
            {
                "device": {"model": "set_accumulation"},
                "evaluation": {"statistics": "pcm_90nm", "times": []},
            },
            "device.model set_accumulation",
        ),
    ],
)
def test_what_a_gpu_cannot_do_is_a_message(tmp_path, unable, named):
    with pytest.raises(UserError, match=f"gpu has no kernels for {named}.*backend: cpu"):
        plan_study(study("gpu", **unable), tmp_path)


def test_the_plan_settles_it_for_the_study_and_its_cases(tmp_path, device):
    comparison = {"bits": {"keys": ["periphery.adc_bits"], "values": [6, 8]}}
    whole = study(compare=comparison)
    assert len(cases(whole)) == 2
    found = {
        json.loads(path.read_text())["backend"]
        for part in plan_study(whole, tmp_path)
        for path in (tmp_path / "shards" / f"{shard.name}.json" for shard in part.shards)
    }
    assert found == {"gpu" if device else "cpu"}


@pytest.mark.parametrize("planned", [True, False], ids=["device", "no device"])
def test_a_job_on_another_machine_keeps_to_the_plan(tmp_path, monkeypatch, planned):
    monkeypatch.setattr(resolve, "available", lambda: planned)
    (first,) = plan_study(study(), tmp_path)
    text = (tmp_path / "plan.json").read_text()
    monkeypatch.setattr(resolve, "available", lambda: not planned)
    (job,) = plan_study(study(), tmp_path, again=True)
    names = [shard.name for shard in first.shards]
    assert [shard.name for shard in job.shards] == names
    assert (tmp_path / "plan.json").read_text() == text
    (settled_anew,) = plan_study(study(), tmp_path)
    assert not {shard.name for shard in settled_anew.shards} & set(names)


def test_shards_of_the_cpu_keep_their_names(tmp_path, monkeypatch):
    """auto was cpu before there were kernels for a GPU."""
    monkeypatch.setattr(resolve, "available", lambda: False)
    names = [
        sorted(shard.name for part in plan_study(study(asked), tmp_path) for shard in part.shards)
        for asked in ("auto", "cpu")
    ]
    assert names[0] == names[1]
    assert all(shard.content["backend"] == "cpu" for shard in study_shards(study(), tmp_path))


@pytest.fixture
def computed(tmp_path):
    """Two shards, programmed and judged, and the arguments to summarise them."""
    config = study("cpu")
    plan_study(config, tmp_path)
    plan = json.loads((tmp_path / "plan.json").read_text())
    weights = build("a", config.weights["a"], config.seed)
    write_dataset(weights, tmp_path / "weights" / "a.nc")
    records = {}
    for name in plan["shards"]:
        spec = parse_spec((tmp_path / "shards" / f"{name}.json").read_text())
        records[name], states = run(spec, weights)
        write_dataset(evaluate(states, weights, 64), tmp_path / "evaluated" / f"{name}.nc")

    def summary(**ran):
        for name, record in records.items():
            copy, noted = record.copy(), ran.get(name.replace("-", "_"), "cpu")
            copy.attrs = {key: value for key, value in record.attrs.items() if key != "backend"}
            copy.attrs |= {"backend": noted} if noted else {}
            write_dataset(copy, tmp_path / "shards" / f"{name}.nc")
        folders = (tmp_path / part for part in ("shards", "evaluated", "weights"))
        return summarise(plan, *folders)

    return [name.replace("-", "_") for name in records], summary


class TestTheSummary:
    def test_it_names_what_programmed(self, computed):
        (first, second), summary = computed
        assert summary().attrs["backend"] == summary().attrs["judged_by"] == "cpu"
        found = summary(**{first: "gpu: NVIDIA A, CuPy 14", second: "gpu: NVIDIA B, CuPy 14"})
        assert found.attrs["backend"] == "gpu: NVIDIA A, CuPy 14; gpu: NVIDIA B, CuPy 14"

    def test_records_from_before_it_was_noted_are_what_they_asked_for(self, computed):
        (first, _), summary = computed
        assert summary(**{first: ""}).attrs["backend"] == "cpu"

    def test_a_mix_is_refused_by_name(self, computed):
        (_, second), summary = computed
        name = second.replace("_", "-")
        with pytest.raises(UserError, match=rf"different back ends: cpu .*; gpu: A .*{name}.nc"):
            summary(**{second: "gpu: A"})
