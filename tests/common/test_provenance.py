"""The source files that a rule depends on are the ones that its stage executes."""

import hashlib
import json
import subprocess
import sys

import pytest

from aimcsim.common import provenance

# The modules named by `sources(...)` in workflow/rules.
STAGES = (
    "aimcsim.weights.dataset",
    "aimcsim.networks.images",
    "aimcsim.sweep.shard",
    "aimcsim.evaluation.error_budget",
    "aimcsim.sweep.aggregate",
    "aimcsim.study.claims",
    "aimcsim.study.comparison",
    "aimcsim.networks.judge",
    "aimcsim.study.accuracy",
    "aimcsim.validation.dataset",
    "aimcsim.report.site",
)
WATCH = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
own = [module for name, module in sys.modules.items() if name.split(".")[0] == "aimcsim"]
print(json.dumps([module.__file__ for module in own]))
"""


@pytest.mark.parametrize("stage", STAGES)
def test_every_imported_module_is_listed(stage):
    done = subprocess.run(
        [sys.executable, "-c", WATCH, stage], capture_output=True, text=True, check=True
    )
    imported = set(json.loads(done.stdout))
    listed = {str(path) for path in provenance.sources_of(stage)}
    assert imported <= listed


def test_rules_name_these_stages():
    rules = provenance.PACKAGE.parent / "workflow" / "rules"
    named = {
        part.split('"')[1]
        for path in rules.glob("*.smk")
        for part in path.read_text().split("sources(")[1:]
        if part.startswith('"')
    }
    assert named == set(STAGES)


def test_imports_inside_functions_count():
    listed = {path.name for path in provenance.sources_of("aimcsim.kernels")}
    assert {"cpu.py", "reference.py", "gpu.py"} <= listed


def test_cuda_source_counts():
    listed = [path.name for path in provenance.sources_of("aimcsim.sweep.shard")]
    assert listed.count("draws.cu") == 1
    assert "draws.cu" not in {
        path.name for path in provenance.sources_of("aimcsim.weights.dataset")
    }


def test_programming_does_not_depend_on_statistics_report_or_training():
    listed = {
        str(path.relative_to(provenance.PACKAGE))
        for path in provenance.sources_of("aimcsim.sweep.shard")
    }
    assert "programming/gdp.py" in listed
    assert "devices/melt_quench.py" in listed
    for absent in (
        "cli.py",
        "config/models.py",
        "weights/digits.py",
        "evaluate.py",
        "sweep/plan.py",
    ):
        assert absent not in listed
    assert not any(path.startswith(("report/", "study/", "networks/")) for path in listed)


def test_weights_of_networks_need_the_door_and_not_what_runs_them_on_cores():
    listed = {
        str(path.relative_to(provenance.PACKAGE))
        for path in provenance.sources_of("aimcsim.weights.dataset")
    }
    assert {"networks/dataset.py", "networks/door.py", "networks/resnet9.py"} <= listed
    inferring = ("chip", "execute", "full_scale", "judge", "patches", "programmed", "ranges")
    for name in inferring:
        assert (provenance.PACKAGE / "networks" / f"{name}.py").is_file()
        assert f"networks/{name}.py" not in listed
    assert not any(path.startswith(("kernels/", "sweep/", "programming/")) for path in listed)


def test_data_that_comes_with_a_module_count():
    """Another trained network is another weight set, but the same law of programming."""
    trained = provenance.PACKAGE / "networks" / "data" / "resnet9.nc"
    assert trained.is_file()
    assert trained in provenance.sources_of("aimcsim.weights.dataset")
    assert trained not in provenance.sources_of("aimcsim.sweep.shard")


@pytest.mark.parametrize(
    "stage",
    [
        "aimcsim.evaluation.judge",
        "aimcsim.evaluation.error_budget",
        "aimcsim.networks.judge",
        "aimcsim.sweep.aggregate",
    ],
)
def test_what_comes_after_programming_does_not_depend_on_how_it_is_done(stage):
    listed = {str(path.relative_to(provenance.PACKAGE)) for path in provenance.sources_of(stage)}
    assert "sweep/spec.py" in listed
    assert not {"sweep/shard.py", "sweep/methods.py", "programming/gdp.py"} & listed


@pytest.fixture
def package(tmp_path, monkeypatch):
    path = tmp_path / "aimcsim"
    path.mkdir()
    for name in ("__init__", "law", "page"):
        (path / f"{name}.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "PACKAGE", path)
    return path


@pytest.mark.parametrize("digest", [provenance.source_digest, provenance.source_list])
def test_digests_change_with_a_byte(package, digest):
    law, page = digest("aimcsim.law"), digest("aimcsim.page")
    (package / "law.py").write_text("x = 2\n")
    assert digest("aimcsim.law") != law
    assert digest("aimcsim.page") == page


def test_the_list_of_sources_names_files_within_the_package(package):
    lines = [line.split("  ") for line in provenance.source_list("aimcsim.law").splitlines()]
    assert [path for _, path in lines] == ["__init__.py", "law.py"]
    assert lines[0][0] == hashlib.sha256(b"x = 1\n").hexdigest()
