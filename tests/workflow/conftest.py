"""A copy of the project in which the real workflow runs, away from the developer's results."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from aimcsim.config.load import from_yaml
from aimcsim.sweep.compiling import compile_kernels
from tests.shards_of import shard_of

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "aimcsim", "config", "envs", "workflow")


@dataclass(frozen=True)
class Project:
    """A project directory; every call of ``snakemake`` is a process of its own."""

    path: Path

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]

    def environment(self) -> dict[str, str]:
        # The copy's package comes before the installed one, so that edits of it count.
        return {**os.environ, "PYTHONPATH": str(self.path)}

    def snakemake(self, *arguments: str, cores: int = 2, check: bool = True):
        done = subprocess.run(
            self.command(*arguments, cores=cores),
            cwd=self.path,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs per rule that a dry run announces."""
        output = self.snakemake("--dry-run", *arguments)
        lines = iter((output.stdout + output.stderr).splitlines())
        jobs = {}
        for line in lines:
            if line.startswith("job ") and "count" in line:
                next(lines)
                for row in lines:
                    if not row.strip() or row.startswith("total"):
                        return jobs
                    name, count = row.split()
                    jobs[name] = int(count)
        return jobs

    def config(self, name: str, **changes) -> str:
        """Write config/<name>.yaml: the tiny study with ``changes``; returns its path."""
        study = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text())
        study |= {"study": name, **changes}
        path = self.path / "config" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(study, sort_keys=False))
        return str(path.relative_to(self.path))

    def results(self, study: str) -> Path:
        return self.path / "results" / study


def _of_sources(folder: str, names: list[str]) -> Iterable[str]:
    """What is not copied: all that compilers leave, but kernels that numba has finished."""
    if Path(folder).name == "__pycache__":
        return [name for name in names if not name.endswith((".nbi", ".nbc"))]
    return []


def copy_of_sources(path: Path) -> None:
    for part in PARTS:
        source, target = ROOT / part, path / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=_of_sources)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Project:
    """A copy in which the study "base" has run undisturbed, once for all workers of pytest-xdist.

    No test works in it: each has a copy, with results, compiled kernels and dates of files.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    project = Project(shared / "original")
    with open(shared / "original.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = shared / "original.finished"
        if not finished.exists():
            shutil.rmtree(project.path, ignore_errors=True)
            project.path.mkdir()
            # Here and not in the copy, so that all tests are spared it, not only these.
            study = from_yaml(ROOT / "config" / "tiny.yaml")
            compile_kernels(shard_of(study), study.evaluation)
            copy_of_sources(project.path)
            project.snakemake("--configfile", project.config("base"))
            finished.touch()
    return project


def _copy(original: Project, path: Path) -> Project:
    shutil.copytree(original.path, path)
    return Project(path)


@pytest.fixture(scope="session")
def project(original, tmp_path_factory) -> Project:
    """One copy for all tests of a worker; they use studies of their own."""
    return _copy(original, tmp_path_factory.mktemp("project") / "copy")


@pytest.fixture
def own_project(original, tmp_path) -> Project:
    """A copy for a test that goes on with the study "base"."""
    return _copy(original, tmp_path / "copy")


@pytest.fixture(scope="session")
def finished() -> str:
    """Path of the config of a study that has run undisturbed, in every copy."""
    return "config/base.yaml"
