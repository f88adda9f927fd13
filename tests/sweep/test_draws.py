"""Several draws of a weight set from the plan of a study to its summary, report and check."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from aimcsim.cli import app
from aimcsim.common.storage import write_dataset
from aimcsim.config.load import from_mapping
from aimcsim.report import site
from aimcsim.study.claims import claims
from aimcsim.sweep.cut import cut
from tests.sweep.test_methods import TEMPLATES, TINY, summary_of

WEIGHTS = {
    "drawn": {"kind": "laplace", "rows": 40, "columns": 16, "draws": 4},
    "fixed": {"kind": "laplace", "rows": 40, "columns": 16},
}


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """Three chips, in shards of one chip."""
    return summary_of(tmp_path_factory.mktemp("draws"), weights=WEIGHTS)


def test_the_summary_says_how_many_and_what_intervals_are_over(summary):
    assert dict(zip(summary["weight_set"].values, summary["draws"].values, strict=True)) == {
        "drawn": 4, "fixed": 1,
    }  # fmt: skip
    assert summary.attrs["sample"].startswith("Of drawn every chip holds a draw of the matrix")
    for name in ("scale", "target_rms", "strongest_column"):
        values = summary[name].transpose("weight_set", "core", "tile").values
        assert len(np.unique(values[0, :, 0])) == 3
        assert len(np.unique(values[1, :, 0])) == 1


def test_it_does_not_depend_on_the_cut(summary, tmp_path):
    whole = summary_of(tmp_path, weights=WEIGHTS, execution={"runs_per_shard": 100})
    for name in ("mvm_error", "error_over_time", "open_loop_error", "error_budget_alone", "scale"):
        np.testing.assert_array_equal(whole[name], summary[name], err_msg=name)


def test_the_report_says_it_beside_the_claims(summary, tmp_path):
    write_dataset(summary, tmp_path / "summary.nc")
    (tmp_path / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    site.build(tmp_path / "summary.nc", tmp_path / "claims.json", TEMPLATES, tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert page.count(summary.attrs["sample"]) >= 2


def test_chips_up_to_the_number_of_draws_leave_shards_as_they_are(tmp_path):
    (before,) = cut([from_mapping(TINY | {"weights": WEIGHTS})], tmp_path)
    for shard in before:
        (tmp_path / f"{shard.name}.nc").touch()
    (after,) = cut([from_mapping(TINY | {"weights": WEIGHTS, "cores": 4})], tmp_path)
    assert {shard.name for shard in before} < {shard.name for shard in after}


def test_check_shows_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"cores": 3, "weights": WEIGHTS}))
    done = CliRunner().invoke(app, ["check", str(path)])
    assert done.exit_code == 0
    assert "draws together. Of fixed all chips hold the same weights" in done.output
    path.write_text(json.dumps({"cores": 5, "weights": WEIGHTS}))
    assert "draws 4 are fewer" in str(CliRunner().invoke(app, ["check", str(path)]).exception)
