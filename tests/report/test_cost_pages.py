"""The pages of cost and of programming again say what the summary holds."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.cost import PHASES, Cost
from aimcsim.common.storage import write_dataset, write_text
from aimcsim.report.pages.cost import tables as spending
from aimcsim.report.pages.refresh.tables import refreshed
from aimcsim.report.site import build
from aimcsim.report.study import Study
from aimcsim.study.intervals import mean_interval
from aimcsim.study.measures import options
from tests.report.browser import check_links, check_site
from tests.study import example

ROOT = Path(__file__).resolve().parents[2]
DAYS = (86400.0, 31536000.0)


def priced(**sizes) -> xr.Dataset:
    """The example with a cost, with programming again, and with a calibration."""
    summary = example.make(**sizes)
    generator = np.random.default_rng(2)
    error = summary["mvm_error"]
    runs = tuple(error.dims)

    def like(*last: int) -> np.ndarray:
        noise = 1 + 0.02 * generator.standard_normal((*error.shape, *last))
        return np.where(error.notnull().values[(..., *[None] * len(last))], noise, np.nan)

    method = np.where(summary["method"] == "gdp", 2.0, 1.0)[:, None]  # GDP takes twice as much
    step = np.arange(1, summary.sizes["iteration"] + 1) / summary.sizes["iteration"]
    time, energy = (like(3) * method * [0.1, 0.2, 0.7] * unit for unit in (0.05, 2e-4))
    added = {
        "programming_time": ((*runs, "phase"), time, {"units": "s"}),
        "programming_energy": ((*runs, "phase"), energy, {"units": "J"}),
        "time_per_iteration": ((*runs, "iteration"), time.sum(-1)[..., None] * step),
        "energy_per_iteration": ((*runs, "iteration"), energy.sum(-1)[..., None] * step),
        "calibrated_error": (runs, 0.9 * error.values, {"units": "percent"}),
        "refresh_duration": ((*runs, "refresh_time"), 0.03 * like(2)),
        "refresh_energy": ((*runs, "refresh_time"), 1e-4 * like(2)),
        "refresh_cell_reads": ((*runs, "refresh_time"), 30.0 * like(2)),
        "refresh_mvms": ((*runs, "refresh_time"), 1024.0 * like(2)),
        "refresh_pulses": ((*runs, "refresh_time"), 3.0 * like(2)),
    }
    for name, factor in (("drifted_error", 2.0), ("refreshed_error", 1.1)):
        values = factor * error.values[..., None, None] * like(2, 3)
        added[name] = ((*runs, "refresh_time", "compensation"), values)
    config = json.loads(summary.attrs["config"]) | {"cost": Cost(supply=3.3).model_dump()}
    summary = summary.assign(added).assign_attrs(config=json.dumps(config))
    compensations = ["none", "global", "column"]
    return summary.assign_coords(
        phase=list(PHASES), refresh_time=list(DAYS), compensation=compensations
    )


@pytest.fixture(scope="module")
def study():
    return Study.of(priced())


def test_totals_are_sums_of_phases_with_the_interval_over_cores(study):
    data = spending.spending(study)
    parts = data["time"].sel(phase=list(PHASES)).sum("phase")
    np.testing.assert_allclose(data["time"].sel(phase="total"), parts)
    one = data.sel(weight_set="gaussian", programmed_by="gdp", phase="total")
    expected = mean_interval(one["time_cores"].values, options(study.summary).level)
    np.testing.assert_allclose([one["time"], one["time_low"], one["time_high"]], expected)
    run = int(study.result.runs["gdp"][0])
    direct = study.summary["programming_time"].sum("phase").isel(run=run, tile=0)
    direct = direct.sel(weight_set="gaussian")
    np.testing.assert_allclose(one["time_cores"], 1e3 * direct)  # one tile


def test_trajectories_rise_to_the_totals_and_stop_with_their_method(study):
    steps, ends = spending.trajectories(study), spending.spending(study)
    for method in ("iterative", "gdp"):
        at = {"weight_set": "uniform", "programmed_by": method}
        part = steps.sel(at).dropna("iteration")
        assert (np.diff(part["energy"]) >= 0).all()
        total = ends["energy"].sel(at | {"phase": "total"})
        assert float(part["energy"][-1]) <= float(total) * (1 + 1e-9)
        assert float(part["error"][0]) > float(part["error"][-1])


def test_refreshed_ratio_is_paired_by_core(study):
    data = refreshed(study)
    ratio = (data["after_cores"] / data["fresh_cores"]).mean("core")
    np.testing.assert_allclose(data["ratio"], ratio)
    assert ((data["ratio"] > 1.05) & (data["ratio"] < 1.15)).all()
    per_cell = 3.0 / (256 * 256)
    pulses = data["pulses"].sel({"weight_set": "gaussian"})
    np.testing.assert_allclose(pulses, per_cell, rtol=0.05)


def make_site(folder: Path, summary: xr.Dataset) -> Path:
    write_dataset(summary, folder / "summary.nc")
    write_text(folder / "claims.json", "[]")
    sources = ROOT / "reports" / "source"
    build(folder / "summary.nc", folder / "claims.json", sources, folder / "site")
    return folder / "site"


@pytest.mark.parametrize(
    "sizes",
    [{}, {"cores": 1, "weight_sets": 1, "network": False}, {"weight_sets": 12, "network": False}],
)
def test_pages_are_whole(tmp_path, sizes):
    site = make_site(tmp_path, priced(**sizes))
    for name in ("cost.html", "refresh.html"):
        page = check_links(site / name)
        text = page.text.lower()
        for word in ("nan", "inf", "none", "undefined"):
            assert f" {word} " not in text
    text = (site / "cost.html").read_text()
    ratios = re.search(r"GDP takes ([\d.]+)(?: to ([\d.]+))? times the time", text).groups()
    assert all(float(ratio) == pytest.approx(2, rel=0.1) for ratio in ratios if ratio)
    assert text.count("assumed") >= 6
    assert "3.3 V" in text
    assert "the study&#39;s configuration" in text
    assert 'href="cost.html"' in (site / "index.html").read_text()
    assert "digital scale and offset" in (site / "index.html").read_text()


def test_a_summary_without_them_has_neither_page(tmp_path):
    site = make_site(tmp_path, example.make())
    assert not (site / "cost.html").exists()
    assert not (site / "refresh.html").exists()
    assert "digital scale and offset" not in (site / "index.html").read_text()


@pytest.mark.browser
def test_pages_in_a_browser(tmp_path):
    site = make_site(tmp_path, priced())
    check_site(site / "index.html")
