"""A copy of the project in which the real workflow runs, away from the developer's results."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "aimcsim", "config", "envs", "reports/source", "workflow")


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


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    """One copy for all tests, so that the kernels are compiled once; tests use own studies."""
    path = tmp_path_factory.mktemp("project")
    for part in PARTS:
        source, target = ROOT / part, path / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return Project(path)


@pytest.fixture(scope="session")
def finished(project) -> str:
    """Path of the config of a study that has run undisturbed."""
    config = project.config("base")
    project.snakemake("--configfile", config)
    return config
