"""What a change of each thing that is read makes anew, and what it does not; times are nothing."""

import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import numpy_helper

from aimcsim.common.paths import Results
from aimcsim.config.load import from_yaml
from aimcsim.networks.external_data import files_of
from aimcsim.report.site import TEMPLATES
from aimcsim.sweep import made
from aimcsim.sweep.made import Made
from aimcsim.sweep.study import plan_study
from tests.faults import study
from tests.networks import small

RESULTS = Results(f"results/{study.NAME}")
EVERYTHING = {
    "weights", "images", "networks", "shards", "states", "evaluated", "error_budget", "inferred",
    "summary", "accuracy", "claims", "report",
}  # fmt: skip
JUDGED = {"inferred", "networks", "accuracy", "claims", "report"}


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """The inputs of a study with a file of every kind, in the working folder."""
    monkeypatch.chdir(tmp_path)
    study.write(Path("inputs"))
    return Path("inputs")


def wanted() -> dict[str, str]:
    """What each file of the study is to be made from; names of shards aside."""
    config = from_yaml(study.CONFIG)
    parts = {part.case: part for part in plan_study(config, RESULTS)}
    return Made(RESULTS, parts, TEMPLATES).all()


def changed(before: dict[str, str], after: dict[str, str]) -> set[tuple[str, str]]:
    """Stage and weight set (empty: all) of what is to be made anew."""
    found = set()
    for path, made_from in after.items():
        if before.get(path) != made_from:
            parts = path.split("/")
            if parts[0] == "reports" or parts[1] != study.NAME:
                found.add(("report" if parts[0] == "reports" else "laws", ""))
            elif len(parts) == 3:
                found.add((parts[2].split(".")[0], ""))
            else:
                sets = [name for name in study.STUDY["weights"] if name in path]
                found.add((parts[2], sets[0]))
    return found


CHANGES = {
    "matrix.npy": ("matrix", EVERYTHING - {"images", "networks", "inferred"}),
    "net.onnx.data": ("network", EVERYTHING),
    "images.npz": ("network", {"images", *JUDGED}),
    "cell.csv": ("", EVERYTHING - {"weights", "images"}),
    "mine.py": ("", EVERYTHING - {"weights", "images", "networks"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_file_holds_decides_and_not_its_time(inputs, name):
    before = wanted()
    for path in inputs.iterdir():
        os.utime(path)
    assert wanted() == before
    study.write(inputs, 1, name)
    os.utime(inputs / name, (1, 1))
    weight_set, stages = CHANGES[name]
    found = changed(before, wanted())
    assert {stage for stage, _ in found} == stages
    assert {name for _, name in found} - {""} <= (
        {weight_set} if weight_set else {"matrix", "network"}
    )
    study.write(inputs, 0)
    os.utime(inputs / name, (0, 0))
    assert wanted() == before


def test_the_model_itself_is_unchanged_where_its_tensors_lie_beside_it(inputs):
    """As a framework exports a network that was trained again."""
    model = (inputs / "net.onnx").read_bytes()
    study.write(inputs, 1, "net.onnx.data")
    assert (inputs / "net.onnx").read_bytes() == model


@pytest.mark.parametrize("name", [*CHANGES, "folder"])
def test_what_a_link_points_to_counts(inputs, name):
    other = Path("elsewhere")
    if name == "folder":
        inputs.rename(other)
        inputs.symlink_to(other)
        name = "matrix.npy"
    else:
        (inputs / name).rename(other)
        (inputs / name).symlink_to(Path("..") / other)
    before = wanted()
    target = other / name if other.is_dir() else other
    study.write(Path("again"), 1, name)
    shutil.copy(Path("again") / name, target)
    os.utime(target, (1, 1))
    assert wanted() != before


def test_where_files_lie_does_not_count(inputs):
    before = wanted()
    sections = yaml.safe_load(Path(study.CONFIG).read_text())
    (inputs / "deep").mkdir()
    for name in ("matrix.npy", "net.onnx", "net.onnx.data", "images.npz"):
        (inputs / name).rename(inputs / "deep" / name)
    for section, key in (("matrix", "path"), ("network", "path"), ("network", "images")):
        sections["weights"][section][key] = f"deep/{sections['weights'][section][key]}"
    Path(study.CONFIG).write_text(yaml.safe_dump(sections))
    after = wanted()
    assert {path for path in before if before[path] != after[path]} == {
        RESULTS.summary(), RESULTS.accuracy, RESULTS.claims, f"reports/{study.NAME}/index.html",
    }  # fmt: skip  # which show the configuration


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("aimcsim.sweep.aggregate", {"summary", "accuracy", "claims", "report"}),
        ("aimcsim.report.site", {"report"}),
        (
            "aimcsim.evaluation.shard",
            EVERYTHING - {"weights", "images", "networks", "shards", "states", "inferred"},
        ),
        ("aimcsim.weights.dataset", EVERYTHING - {"images"}),
        ("aimcsim.validation.dataset", {"laws", "report"}),
        ("aimcsim.networks.judge", JUDGED),
        ("aimcsim.kernels.cpu", {"kernels"}),
    ],
)
def test_the_code_of_a_stage_counts_from_there_on(inputs, monkeypatch, module, stages):
    before, digest = wanted(), made.provenance.source_digest

    def edited(*sources):
        return digest(*sources) + ("edited" if module in sources else "")

    monkeypatch.setattr(made.provenance, "source_digest", edited)
    assert {stage for stage, _ in changed(before, wanted())} == stages


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"execution": {"runs_per_shard": 3, "keep_conductances": False}}, set()),
        ({"report": {"bootstrap": 200}}, {"summary", "accuracy", "claims", "report"}),
        ({"seed": 2}, {*EVERYTHING, "laws"}),
    ],
    ids=["cut", "report", "seed"],
)
def test_settings_count_where_they_are_used(inputs, change, stages):
    before = wanted()
    Path(study.CONFIG).write_text(yaml.safe_dump(study.STUDY | change))
    assert {stage for stage, _ in changed(before, wanted())} == stages


def test_all_files_that_tensors_lie_in_are_found(tmp_path):
    """Of initialisers, of constants in nodes and in the branches of nodes, of functions."""
    model = small.network()
    onnx.save(model, tmp_path / "one.onnx")
    assert files_of(tmp_path / "one.onnx") == []
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "t")

    def outside(name):
        found = onnx.TensorProto()
        found.CopyFrom(tensor)
        found.ClearField("raw_data")
        found.data_location = onnx.TensorProto.EXTERNAL
        found.external_data.add(key="location", value=name)
        return found

    def constant(name):
        return onnx.helper.make_node("Constant", [], ["c"], value=outside(name))

    model.graph.initializer.append(outside("a.bin"))
    model.graph.node.append(constant("b/c.bin"))
    branch = onnx.helper.make_graph([constant("d.bin")], "branch", [], [])
    model.graph.node.append(onnx.helper.make_node("If", ["x"], ["y"], then_branch=branch))
    opset = [onnx.helper.make_opsetid("", 20)]
    model.functions.append(
        onnx.helper.make_function(
            "own", "f", [], ["c"], [constant("a.bin"), constant("e.bin")], opset
        )
    )
    (tmp_path / "many.onnx").write_bytes(model.SerializeToString())
    names = [path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path / "many.onnx")]
    assert names == ["a.bin", "b/c.bin", "d.bin", "e.bin"]
    (tmp_path / "bad.onnx").write_bytes(b"\x08")
    assert files_of(tmp_path / "bad.onnx") == files_of(tmp_path / "missing.onnx") == []
