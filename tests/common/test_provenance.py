"""The source files that a rule depends on are the ones that its stage executes."""

import json
import re
import subprocess
import sys

import pytest

from aimcsim.chip.devices.registry import DEVICES
from aimcsim.common import provenance
from aimcsim.config.load import from_mapping
from aimcsim.programming.method import METHODS
from aimcsim.sweep.plan import PROGRAM, sources_of_shard
from aimcsim.weights.registry import WEIGHTS

# The modules whose source a file of the workflow is made from, see aimcsim/sweep/made.py.
STAGES = (
    "aimcsim.weights.dataset",
    PROGRAM,
    "aimcsim.evaluation.shard",
    "aimcsim.kernels.cpu",
    "aimcsim.sweep.aggregate",
    "aimcsim.study.comparison",
    "aimcsim.networks.judge",
    "aimcsim.study.accuracy",
    "aimcsim.validation.dataset",
    "aimcsim.report.site",
)
# The packages whose every module counts, as a registry imports them.
PACKAGES = ("aimcsim.study.claims", "aimcsim.report.pages")
WATCH = """
import importlib, json, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
own = [module for name, module in sys.modules.items() if name.split(".")[0] == "aimcsim"]
print(json.dumps([module.__file__ for module in own]))
"""


def names_of(*modules: str) -> set[str]:
    """Paths within the package of the files that a stage depends on."""
    return {
        path.relative_to(provenance.PACKAGE).as_posix() for path in provenance.sources_of(*modules)
    }


def imported(*modules: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", WATCH, *modules], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def sources_of_kinds() -> set[str]:
    """What registries import as a configuration is read.

    A stage names those that its work uses; see the tests of shards and weights below.
    """
    kinds = [registry.source(name) for registry in (METHODS, DEVICES, WEIGHTS) for name in registry]
    packages = ("aimcsim.programming", "aimcsim.chip.devices", "aimcsim.weights")
    beside = [module for package in packages for module in provenance.modules_in(package)]
    own = [kind for kind in kinds if isinstance(kind, str)]
    assert set(own) <= set(beside)
    return {str(path) for path in provenance.sources_of(*beside)}


@pytest.mark.parametrize("stage", STAGES)
def test_every_imported_module_is_listed(stage):
    listed = {str(path) for path in provenance.sources_of(stage)}
    reads_configurations = "config/models.py" in names_of(stage)
    of_kinds = sources_of_kinds() if reads_configurations else set()
    assert imported(stage) <= listed | of_kinds


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_of_a_registry_is_listed(package):
    modules = provenance.modules_in(package)
    assert package in modules
    assert len(modules) > 5
    listed = {str(path) for path in provenance.sources_of(*modules)}
    assert imported(*modules) <= listed | sources_of_kinds()


def test_files_are_made_from_these_stages():
    text = (provenance.PACKAGE / "sweep" / "made.py").read_text()
    named = set(re.findall(r'"(aimcsim(?:\.\w+)+)"', text))
    assert named | {PROGRAM} == {*STAGES, *PACKAGES}
    assert "sources_of_shard(shard.runs, shard.device)" in text


def test_a_shard_depends_on_its_own_methods_and_device_alone():
    methods = {"first": {"algorithm": "iterative"}, "second": {"algorithm": "hadamard"}}
    methods |= {"gdp": {"start": "second"}}
    roles = {"baseline": "first", "subject": "gdp"}
    study = from_mapping({"weights": {"g": {"kind": "gaussian"}}, "methods": methods, **roles})
    first, second, gdp = study.runs()
    iterative, hadamard = "aimcsim.programming.iterative", "aimcsim.programming.hadamard"
    device = "aimcsim.chip.devices.melt_quench"
    assert sources_of_shard([first], study.device) == [PROGRAM, device, iterative]
    assert set(sources_of_shard([second], study.device)) == {PROGRAM, device, iterative, hadamard}
    assert set(sources_of_shard([gdp], study.device)) == {
        PROGRAM, device, iterative, hadamard, "aimcsim.programming.gdp",
    }  # fmt: skip


def test_a_shard_depends_on_all_that_its_modules_import():
    study = from_mapping({"weights": {"g": {"kind": "gaussian"}}})
    modules = sources_of_shard(study.runs(), study.device)
    assert imported(*modules) <= {str(path) for path in provenance.sources_of(*modules)}


def test_what_only_a_type_checker_imports_does_not_count(package):
    (package / "law.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import aimcsim.page\nelse:\n    import aimcsim.other\n"
    )
    (package / "other.py").write_text("x = 1\n")
    names = [path.name for path in provenance.sources_of("aimcsim.law")]
    assert names == ["__init__.py", "law.py", "other.py"]


def test_imports_inside_functions_count():
    listed = {path.name for path in provenance.sources_of("aimcsim.kernels")}
    assert {"cpu.py", "reference.py", "gpu.py"} <= listed


def test_cuda_source_counts():
    listed = [path.name for path in provenance.sources_of(PROGRAM)]
    assert listed.count("draws.cu") == 1
    assert "draws.cu" not in {
        path.name for path in provenance.sources_of("aimcsim.weights.dataset")
    }


def test_programming_does_not_depend_on_statistics_report_or_training():
    study = from_mapping({"weights": {"g": {"kind": "gaussian"}}})
    listed = names_of(*sources_of_shard(study.runs(), study.device))
    assert {"programming/gdp.py", "chip/devices/melt_quench.py"} <= listed
    for absent in (
        "api.py",
        "cli.py",
        "config/models.py",
        "weights/digits.py",
        "evaluation/judge.py",
        "evaluation/shard.py",
        "sweep/plan.py",
        "sweep/cut.py",
        "programming/hadamard.py",
        "chip/devices/table.py",
    ):
        assert (provenance.PACKAGE / absent).is_file()
        assert absent not in listed
    assert not any(path.startswith(("report/", "study/", "networks/")) for path in listed)


def test_weights_of_networks_need_the_reader_and_not_what_runs_them_on_cores():
    listed = names_of("aimcsim.weights.dataset", WEIGHTS.source("network"))
    assert {"networks/dataset.py", "networks/onnx_reader.py", "networks/resnet9.py"} <= listed
    inferring = ("chip", "full_scale", "judge", "patches", "programmed", "ranges")
    for name in inferring:
        assert (provenance.PACKAGE / "networks" / f"{name}.py").is_file()
        assert f"networks/{name}.py" not in listed
    assert not any(path.startswith(("kernels/", "sweep/", "programming/")) for path in listed)


def test_other_weights_do_not_need_the_reader_of_networks():
    for kind in ("gaussian", "file"):
        listed = names_of("aimcsim.weights.dataset", WEIGHTS.source(kind))
        assert not any(path.startswith("networks/") for path in listed)


def test_data_that_comes_with_a_module_count():
    """Another trained network is another weight set, but the same law of programming."""
    trained = provenance.PACKAGE / "networks" / "data" / "resnet9.nc"
    assert trained.is_file()
    assert trained in provenance.sources_of(WEIGHTS.source("network"))
    assert trained not in provenance.sources_of("aimcsim.weights.dataset", PROGRAM)


@pytest.mark.parametrize(
    "stage",
    [
        "aimcsim.evaluation.shard",
        "aimcsim.evaluation.error_budget",
        "aimcsim.networks.judge",
        "aimcsim.sweep.aggregate",
    ],
)
def test_what_comes_after_programming_does_not_depend_on_how_it_is_done(stage):
    listed = names_of(stage)
    assert "shards/spec.py" in listed
    assert not {"sweep/shard.py", "sweep/methods.py", "programming/gdp.py"} & listed


@pytest.fixture
def package(tmp_path, monkeypatch):
    path = tmp_path / "aimcsim"
    path.mkdir()
    for name in ("__init__", "law", "page"):
        (path / f"{name}.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "PACKAGE", path)
    return path


def test_the_digest_changes_with_a_byte(package):
    digest = provenance.source_digest
    law, page = digest("aimcsim.law"), digest("aimcsim.page")
    (package / "law.py").write_text("x = 2\n")
    assert digest("aimcsim.law") != law
    assert digest("aimcsim.page") == page


def test_a_users_file_counts_beside_the_modules_wherever_it_lies(package, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("x = 1\n")
    before = provenance.source_digest("aimcsim.law", mine)
    assert before != provenance.source_digest("aimcsim.law")
    assert provenance.source_digest("aimcsim.law", mine.rename(tmp_path / "a.py")) == before
    mine.write_text("x = 2\n")
    assert provenance.source_digest("aimcsim.law", mine) != before


def test_what_a_users_file_imports_counts(package, tmp_path):
    """Modules of the package, and files beside it."""
    mine, gains = tmp_path / "mine.py", tmp_path / "gains" / "low.py"
    gains.parent.mkdir()
    gains.write_text("x = 1\n")
    mine.write_text("import numpy\nfrom aimcsim.law import x\n\ndef f():\n    import gains.low\n")
    names = [path.name for path in provenance.sources_of(mine)]
    assert sorted(names) == ["__init__.py", "law.py", "low.py", "mine.py"]
    before = provenance.source_digest(mine)
    gains.write_text("x = 2\n")
    assert provenance.source_digest(mine) != before
