"""Tiles, columns and layers that hold nothing have no relative error, in every mean there is."""

import json

import numpy as np
import pytest

from aimcsim import program
from aimcsim.common.storage import read_dataset, write_dataset
from aimcsim.report import site
from aimcsim.study.cautions import cautions
from aimcsim.study.claims import claims
from aimcsim.study.error_budget import later, parts
from aimcsim.study.measures import all_zero, per_core
from tests.sweep.test_methods import TEMPLATES, summary_of

DENSE = np.random.default_rng(0).normal(0, 0.1, (32, 16)).astype(np.float32)
PADDED = np.concatenate([DENSE, np.zeros((96, 16), np.float32)])


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """The matrix, and the same above three tiles of zeros."""
    folder = tmp_path_factory.mktemp("zeros")
    np.save(folder / "dense.npy", DENSE)
    np.save(folder / "padded.npy", PADDED)
    weights = {
        name: {"kind": "file", "path": str(folder / f"{name}.npy")} for name in ("dense", "padded")
    }
    return summary_of(folder, weights=weights, cores=2)


ERRORS = (
    "mvm_error", "held_error", "weight_error", "error_over_time", "held_over_time",
    "open_loop_error",
)  # fmt: skip


@pytest.mark.parametrize("variable", ERRORS)
def test_padding_changes_no_error(summary, variable):
    """Tile 0 has the same weights on the same devices."""
    errors = per_core(summary, variable)
    assert (errors > 1).all()
    np.testing.assert_array_equal(errors.sel(weight_set="padded"), errors.sel(weight_set="dense"))
    empty = summary[variable].sel(weight_set="padded", tile=[1, 2, 3])
    assert empty.isnull().all()


def test_nor_the_error_budget(summary):
    for values in (parts(summary), later(summary)):
        np.testing.assert_array_equal(
            values.sel(weight_set="padded"), values.sel(weight_set="dense")
        )


def test_the_summary_counts_them_and_their_cost(summary):
    assert all_zero(summary).sel(weight_set="padded").sum("tile").values.tolist() == [3, 3]
    assert not all_zero(summary).sel(weight_set="dense").any()
    assert (summary["zero_columns"].sel(weight_set="padded", tile=[0, 1]) == [[0], [16]]).all()
    assert (summary["cell_reads"].sel(weight_set="padded", tile=2) > 0).any()
    assert summary["error_per_iteration"].sel(weight_set="padded", tile=2).isnull().all()


def test_they_are_named_and_no_reason_for_another_warning(summary):
    told = cautions(summary)
    assert told == [
        "Weight set 'padded': 3 of 4 tiles hold nothing but zeros (numbers 1, 2, 3). They have no "
        "relative error and are left out of its means; what they cost is counted."
    ]


def test_the_report_has_them(summary, tmp_path):
    write_dataset(summary, tmp_path / "summary.nc")
    (tmp_path / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    site.build(tmp_path / "summary.nc", tmp_path / "claims.json", TEMPLATES, tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "3 of 4 tiles hold nothing but zeros" in page
    assert "tiles of zeros" in page
    compared = set()
    for path in sorted((tmp_path / "report" / "data").glob("*.nc")):
        data = read_dataset(path)
        if "weight_set" in data.dims and path.name != "summary.nc":
            for name, values in data.data_vars.items():
                if values.attrs.get("units") == "percent" and "weight_set" in values.dims:
                    dense, padded = (values.sel(weight_set=one) for one in ("dense", "padded"))
                    np.testing.assert_array_equal(dense, padded, err_msg=f"{path.name}: {name}")
                    compared.add(path.stem)
    assert {"mvm_error", "convergence", "over_time", "error_budget"} <= compared


def test_draws_are_counted_by_chip(tmp_path):
    weights = {"w": {"kind": "sparse", "rows": 33, "columns": 2, "draws": 2, "zeros": 0.8}}
    found = summary_of(tmp_path, weights=weights, cores=2, seed=2)
    empty = all_zero(found).sel(weight_set="w")
    assert int(empty.sum()) == 1
    assert np.isfinite(per_core(found, "mvm_error")).all()
    assert "1 of 4 tiles (tile x chip) holds nothing but zeros (number 1)" in cautions(found)[0]


def test_programmed_cores_leave_them_out_too():
    core = {"rows": 32, "columns": 16}
    dense, padded = (program(w, chips=2, seed=1, core=core) for w in (DENSE, PADDED))
    np.testing.assert_array_equal(dense.error().values, padded.error().values)
    x = np.random.default_rng(1).uniform(-1, 1, (5, 128))
    np.testing.assert_array_equal(x @ padded, x[:, :32] @ dense)  # what holds nothing adds nothing


def test_a_matrix_of_zeros_beside_others_is_no_mistake():
    cores = program({"one": DENSE, "branch": np.zeros((8, 4))}, chips=1)
    assert cores.error().values == program({"one": DENSE}, chips=1).error().values
    np.testing.assert_array_equal(cores.mvm(np.ones(8), "branch"), np.zeros((1, 4)))
