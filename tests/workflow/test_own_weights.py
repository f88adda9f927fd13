"""Matrices from the user's own file, in the real workflow."""

import os

import numpy as np
import pytest

from aimcsim.common.storage import read_dataset

pytestmark = pytest.mark.workflow


def test_own_weights_become_a_study(project):
    rng = np.random.default_rng(1)
    np.savez(
        project.path / "mine.npz", a=rng.normal(size=(20, 30)), conv=rng.normal(size=(3, 3, 2, 5))
    )
    weights = {"mine": {"kind": "file", "path": "../mine.npz"}}
    config = project.config("own", weights=weights, cores=2)
    project.snakemake("--configfile", config)
    assert (project.path / "reports" / "own" / "index.html").is_file()
    summary = read_dataset(project.results("own") / "summary.nc")
    # 20 x 30 on cores of 32 x 24: two tiles; 18 x 5: one.
    assert summary["cells"].values.tolist() == [[20 * 24, 20 * 6, 18 * 5]]
    assert np.isfinite(summary["mvm_error"]).all()
    np.savez(project.path / "mine.npz", a=rng.normal(size=(20, 30)))
    os.utime(project.path / "mine.npz", (1, 1))  # as from an archive
    assert project.planned("--configfile", config)["weights"] == 1
