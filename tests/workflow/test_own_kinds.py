"""A method, a device and a kind of weights, each from one file outside the package, in the real
workflow. The method and the weights are those that docs/extending.md shows."""

import re
from pathlib import Path

import numpy as np
import pytest

from aimcsim.common.storage import read_dataset
from tests.chip.devices.test_own_device import LINEAR

pytestmark = pytest.mark.workflow

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
METHOD, WEIGHTS = (
    next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if name in block)
    for name in ("class OneCorrection", "class Circulant")
)


@pytest.fixture(scope="module")
def config(project) -> str:
    for name, text in (("method", METHOD), ("device", LINEAR), ("weights", WEIGHTS)):
        (project.path / f"my_{name}.py").write_text(text)
    return project.config(
        "own",
        cores=2,
        weights={"shifted": {"kind": "../my_weights.py:Circulant", "size": 24}},
        device={"model": "../my_device.py:Linear", "spread": 0.2},
        methods={
            "iterative": {"iterations": 10},
            "once": {"algorithm": "../my_method.py:OneCorrection", "gain": [0.02, 0.04]},
        },
        subject="once",
    )


def test_they_run_to_the_report_and_an_edit_reruns_what_it_feeds(project, config):
    project.snakemake("--configfile", config)
    summary = read_dataset(project.results("own") / "summary.nc")
    assert summary["method"].values.tolist() == ["iterative", "once", "once"]
    assert summary["algorithm"].values[1] == "my_method.py:OneCorrection"
    np.testing.assert_array_equal(summary["gain"], [0.08, 0.02, 0.04])
    assert summary["gain"].attrs["units"] == "RESET currents per g_max"
    assert np.isfinite(summary["mvm_error"]).all()
    # It reads every cell once more than the method that it goes on from, and fires fewer pulses.
    reads = summary["cell_reads"].isel(weight_set=0, tile=0)
    assert (reads[:, 1] < reads[:, 0] + 24 * 24 + 1).all()
    page = (project.path / "reports" / "own" / "index.html").read_text()
    assert "One correction" in page
    assert "Nothing to be done" in project.snakemake("--configfile", config).stderr

    method = project.path / "my_method.py"
    method.write_text(METHOD + "\n# edited\n")
    planned = project.planned("--configfile", config)
    assert {"program", "evaluate", "aggregate"} <= set(planned)
    assert "weights" not in planned
    method.write_text(METHOD)
    assert project.planned("--configfile", config) == {}
