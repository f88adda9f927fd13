"""The real pipeline on a device that the user has measured."""

import json

import pytest

from aimcsim.common.storage import read_dataset

pytestmark = pytest.mark.workflow

TABLE = "pulse,mean,std,device_std\n0,0.1,0.01,0.01\n4,6,0.3,0.6\n16,16,0.5,1\n"


def test_a_study_of_a_device_table(project):
    """Runs to its report; an edit of a number programs again, one of the layout does nothing, and
    with the first numbers back their results are still there."""
    table = project.path / "cell.csv"
    table.write_text(TABLE)
    config = project.config(
        "measured",
        device={"model": "table", "path": "../cell.csv", "g_max": 12.0},
        weights={"uniform": {"kind": "uniform", "rows": 32, "columns": 24}},
        methods={"iterative": {"iterations": 10}, "gdp": {"batch_size": 128, "iterations": 12}},
    )
    project.snakemake("--configfile", config)
    summary = read_dataset(project.results("measured") / "summary.nc")
    error = summary["held_error"].mean(("core", "tile")).sel(weight_set="uniform")
    assert summary["method"].values.tolist() == ["iterative", "gdp"]
    assert error[1] < error[0] < 60
    effects = {name: on for name, on, _ in json.loads(summary.attrs["effects"])}
    assert effects["Spread over devices"] == effects["Pulse-to-pulse noise"] == "on"
    assert json.loads(summary.attrs["config"])["device"]["columns"]["mean"] == [0.1, 6, 16]

    table.write_text(TABLE.replace("16,16,", "16, 16.0,"))
    assert project.planned("--configfile", config) == {}
    table.write_text(TABLE.replace("16,16,", "16,17,"))
    planned = project.planned("--configfile", config)
    assert planned["program"] == planned["evaluate"] == 1
    assert "weights" not in planned
    table.write_text(TABLE)
    assert not {"program", "evaluate"} & set(project.planned("--configfile", config))


@pytest.mark.parametrize("text", [None, "pulse,mean,std\n0,1,0\n"], ids=["missing", "one row"])
def test_a_bad_table_stops_the_workflow_with_one_message(project, text):
    table = project.path / "bad.csv"
    if text:
        table.write_text(text)
    config = project.config("bad", device={"model": "table", "path": "../bad.csv", "g_max": 5.0})
    done = project.snakemake("--configfile", config, check=False)
    assert done.returncode != 0
    where = "bad.csv: " if text else "config/bad.yaml: device.path: '../bad.csv' is not there"
    assert f"aimcsim: error: {where}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not project.results("bad").exists()
