"""Bad input and damaged results: one message, and finished work stays."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import yaml

from aimcsim.common.errors import UserError
from aimcsim.common.paths import Results
from aimcsim.config.load import from_yaml
from aimcsim.sweep.study import plan_study
from aimcsim.weights.check import check_files
from tests.faults.harness import BAD as BAD_OUTCOMES
from tests.faults.harness import WAYS, Bench
from tests.workflow.conftest import ROOT

pytestmark = pytest.mark.workflow


BAD = {
    "unknown key": ({"seeed": 3}, ["config/bad.yaml", "seeed", "unknown key", "'seed'"]),
    "unknown nested key": (
        {"methods": {"iterative": {}, "gdp": {"learnrate": 1}}},
        ["methods.gdp.learnrate", "learning_rate"],
    ),
    "wrong type": ({"cores": "many"}, ["cores", "'many'", "whole number"]),
    "out of range": ({"periphery": {"adc_bits": 99}}, ["periphery.adc_bits", "99", "16"]),
    "empty sweep": (
        {"methods": {"iterative": {}, "gdp": {"floor": []}}},
        ["methods.gdp.floor", "empty"],
    ),
    "no weight sets": ({"weights": {}}, ["weights", "empty"]),
    "of an earlier version": (
        {"gdp": {"floor": [1, 2]}},
        ["config/bad.yaml", "'gdp' at the top level", "floor: [1, 2]"],
    ),
    "unknown method": (
        {"methods": {"iterative": {}, "gdp": {}, "x": {"algorithm": "hadamrd"}}},
        ["methods.x", "hadamrd", "'hadamard'"],
    ),
    "method of no file": (
        {"methods": {"iterative": {}, "gdp": {}, "x": {"algorithm": "no.py:Mine"}}},
        ["config/bad.yaml", "no.py", "not there"],
    ),
    "unknown kind": ({"weights": {"a": {"kind": "gausian"}}}, ["weights.a", "gausian", "gaussian"]),
    "missing file": ({"weights": {"a": {"kind": "file", "path": "no.npy"}}}, ["no.npy"]),
    "NaN": (
        {"weights": {"a": {"kind": "file", "path": "../nan.npy"}}},
        ["nan.npy", "nan", "Repair"],
    ),
    "infinite": ({"weights": {"a": {"kind": "file", "path": "../inf.npy"}}}, ["inf.npy", "inf"]),
    "all zero": ({"weights": {"a": {"kind": "file", "path": "../zero.npy"}}}, ["zero.npy", "zero"]),
    "1-D": (
        {"weights": {"a": {"kind": "file", "path": "../vector.npy"}}},
        ["vector.npy", "(5,)", "two or more axes"],
    ),
    "corrupt netCDF": ({"weights": {"a": {"kind": "file", "path": "../bad.nc"}}}, ["bad.nc"]),
    "corrupt safetensors": (
        {"weights": {"a": {"kind": "file", "path": "../bad.safetensors"}}},
        ["bad.safetensors"],
    ),
}


def write_bad(folder: Path, changes: dict) -> None:
    """``config/bad.yaml``, the tiny study with ``changes``, and the files that these name."""
    study = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text())
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "bad.yaml").write_text(yaml.safe_dump({**study, **changes}))
    for name, value in {"nan": np.nan, "inf": np.inf, "zero": 0.0}.items():
        matrix = np.ones((4, 4)) if name != "zero" else np.zeros((4, 4))
        if name != "zero":
            matrix[1, 2] = value
        np.save(folder / f"{name}.npy", matrix)
    np.save(folder / "vector.npy", np.ones(5))
    rng = np.random.default_rng(0)
    for name in ("bad.nc", "bad.safetensors"):
        (folder / name).write_bytes(rng.bytes(512))


def read_as_the_workflow_does() -> None:
    """See ``workflow/rules/common.smk``."""
    study = from_yaml("config/bad.yaml")
    plan_study(study, Results.of(study.study))
    check_files(study.weights)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_with_its_remedy(tmp_path, monkeypatch, name):
    changes, words = BAD[name]
    write_bad(tmp_path, changes)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as raised:
        read_as_the_workflow_does()
    for word in words:
        assert word in str(raised.value)


# As the configuration is read, as a user's module is, and as files are, by two libraries.
@pytest.mark.parametrize("name", ["unknown key", "method of no file", "NaN", "corrupt netCDF"])
def test_bad_input_is_one_message_and_costs_nothing(project, name):
    changes, words = BAD[name]
    results = project.results("base")
    before = {path: path.read_bytes() for path in sorted(results.rglob("*")) if path.is_file()}
    write_bad(project.path, {**changes, "study": "base"})
    done = project.snakemake("--configfile", "config/bad.yaml", check=False)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in output
    assert output.count("aimcsim: error:") == 1
    for word in words:
        assert word in output
    after = {path: path.read_bytes() for path in sorted(results.rglob("*")) if path.is_file()}
    assert after == before


@pytest.mark.parametrize("text", ["cores: 3\nseed: 010\n", "cores: 3\nstudy: again\n"])
def test_yaml_is_read_strictly(project, text):
    path = project.path / "config" / "strict.yaml"
    path.write_text(f"study: strict\nweights: {{g: {{kind: gaussian}}}}\n{text}")
    done = project.snakemake("--dry-run", "--configfile", "config/strict.yaml", check=False)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    key = text.split("\n")[1].partition(":")[0]
    assert output.startswith(f"aimcsim: error: config/strict.yaml, line 4: {key}: ")
    assert output.count("\n") == 1


def test_files_and_values_of_the_command_line_are_merged(project):
    base = project.config("merged", seed=3)
    more = project.path / "config" / "more.yaml"
    more.write_text("cores: 2\nmethods: {gdp: {floor: 1e-1}}\n")
    values = ["report={confidence: 0.9, bootstrap: 200}", "cores=1"]
    project.planned("--configfile", base, "config/more.yaml", "--config", *values)
    plan = json.loads((project.results("merged") / "plan.json").read_text())["config"]
    assert (plan["study"], plan["seed"], plan["cores"]) == ("merged", 3, 1)
    assert plan["report"] == {"confidence": 0.9, "bootstrap": 200}
    assert plan["methods"]["gdp"]["floor"] == [0.1]
    assert plan["methods"]["gdp"]["batch_size"] == [128]


def test_damaged_files_are_named_and_made_anew_alone(own_project):
    """The short run of tests/faults: a file of every kind, in every way, and one command."""
    bench = Bench(own_project.path, random.Random(3), "base", "config/base.yaml")
    kinds = [kind for kind in bench.kinds if bench.files(kind)]
    assert len(kinds) == len(bench.kinds)
    bench.damage(kinds[::2], list(WAYS))
    assert len(bench.faults) >= len(kinds) // 2
    assert not [str(fault) for fault in bench.faults if fault.outcome in BAD_OUTCOMES]
    assert sum(fault.outcome == "made anew" for fault in bench.faults) >= 6
