"""The pages of cost and of programming again say what the summary holds."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from aimcsim.chip.cost import PHASES, Cost
from aimcsim.common.storage import write_dataset, write_text
from aimcsim.report.elements import Cell
from aimcsim.report.estimates import estimate_at
from aimcsim.report.marks import marks_of
from aimcsim.report.pages.cost import equal
from aimcsim.report.pages.cost import tables as spending
from aimcsim.report.pages.programming import page as programming
from aimcsim.report.pages.refresh.tables import refreshed
from aimcsim.report.site import build
from aimcsim.report.study import Study
from aimcsim.study.intervals import mean_interval
from aimcsim.study.measures import options
from tests.report.browser import check_links, check_site
from tests.report.some import only
from tests.study import example

ROOT = Path(__file__).resolve().parents[2]
DAYS = (86400.0, 31536000.0)


def priced(**sizes) -> xr.Dataset:
    """The example with a cost, with programming again, and with a calibration."""
    summary = example.with_cost(example.make(**sizes), {"gdp": 2.0})
    generator = np.random.default_rng(2)
    error = summary["mvm_error"]
    runs = tuple(error.dims)

    def like(*last: int) -> np.ndarray:
        noise = 1 + 0.02 * generator.standard_normal((*error.shape, *last))
        return np.where(error.notnull().values[(..., *[None] * len(last))], noise, np.nan)

    step = np.arange(1, summary.sizes["iteration"] + 1) / summary.sizes["iteration"]
    time, energy = (summary[f"programming_{name}"].sum("phase") for name in ("time", "energy"))
    added = {
        "time_per_iteration": ((*runs, "iteration"), time.values[..., None] * step),
        "energy_per_iteration": ((*runs, "iteration"), energy.values[..., None] * step),
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
    return summary.assign_coords(refresh_time=list(DAYS), compensation=compensations)


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


def make_site(folder: Path, summary: xr.Dataset, *further: str) -> Path:
    """Of the first page and of ``further``."""
    write_dataset(summary, folder / "summary.nc")
    write_text(folder / "claims.json", "[]")
    sources = ROOT / "aimcsim" / "report" / "templates"
    with only("programming", *further):
        build(folder / "summary.nc", folder / "claims.json", sources, folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("usual"), priced(), "cost", "refresh")


@pytest.mark.parametrize(
    "sizes",
    [{}, {"cores": 1, "weight_sets": 1, "network": False}, {"weight_sets": 12, "network": False}],
)
def test_pages_are_whole(tmp_path, sizes, usual):
    site = usual if not sizes else make_site(tmp_path, priced(**sizes), "cost", "refresh")
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


@pytest.fixture(scope="module")
def three():
    """Three methods, two of them tuned; Hadamard at its most costly setting is dear."""
    return Study.of(three_methods())


def three_methods() -> xr.Dataset:
    summary = priced(margins=(4.0, 5.0), passes=(1.0, 4.0))
    dear = np.flatnonzero(summary["method"].values == "hadamard")[-1]
    for name in ("programming_time", "programming_energy"):
        summary[name][{"run": dear}] *= 5
    return summary


def test_every_run_lies_at_its_mean_cost_and_error(three):
    data = equal.every_run(three)
    summary, run = three.summary, 5
    cells = summary["cells"].sel(weight_set="digits").values
    error = summary["mvm_error"].sel(weight_set="digits").isel(run=run).values
    error = np.average(error, axis=0, weights=cells)
    row = data.sel(weight_set="digits").isel(run=run)
    np.testing.assert_allclose(row["error_cores"], error)
    spent = summary["programming_energy"].sel(weight_set="digits").isel(run=run)
    np.testing.assert_allclose(row["energy"], 1e6 * spent.sum(("tile", "phase")).mean("core"))
    assert data["energy"].attrs["units"] == "uJ"
    best = data.sel(weight_set="digits").isel(run=np.flatnonzero(data["method"] == "gdp"))
    assert int(best["time_front"][int(best["error"].argmin("run"))]) == 1  # nothing beats it


def test_the_table_has_all_methods_at_equal_cost(three):
    marks = marks_of(three)
    data = equal.equal(three, marks)
    table = equal.table(three, data, marks)
    assert len(table.rows) == 4 * 4
    by_name = {row[1]: row for row in table.rows if row[0] == "uniform"}
    assert list(by_name) == ["Iterative programming", "Hadamard", "GDP", equal.BEST]
    found = three.equal_cost["time"]
    ratio = estimate_at(data, "ratio_at_equal_time", weight_set="uniform", programmed_by=equal.BEST)
    assert ratio.value == found.tuned.ratio.value[1]
    assert by_name[equal.BEST][4] == Cell.of(ratio)
    assert by_name["Hadamard"][2] == "passes 1"  # of 4 it is better, and too dear
    assert by_name[equal.BEST][2] == "Hadamard, passes 1"
    assert by_name["GDP"][4] == by_name["GDP"][7] == "–"


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1.0, "lower on all 4 weight sets."),
        (0.4, "lower on 3 of 4 weight sets, higher on ‘uniform’."),
        (None, "lower on 3 of 4 weight sets, a tie within the uncertainty on ‘uniform’."),
    ],
)
def test_the_first_lines_say_where_the_subject_does_not_win(factor, words):
    """Hadamard's errors times ``factor`` on one weight set; None: those of the subject there."""
    summary = three_methods()
    errors = summary["mvm_error"].values[1]  # (tile, core, run)
    chosen = Study.of(summary).result.runs["gdp"][1]
    noise = 1 + 0.01 * np.random.default_rng(4).standard_normal(errors[:, :, 2].shape)
    errors[:, :, 2] = errors[:, :, chosen] * noise if factor is None else errors[:, :, 2] * factor
    study = Study.of(summary)
    said = equal.sentences(study, marks_of(study))
    for sentence, quantity in zip(said, ("time", "energy"), strict=True):
        assert sentence.startswith(f"At equal programming {quantity} the MVM error after GDP is ")
        assert sentence.endswith(words)
    assert set(said) <= set(programming.answer(study, marks_of(study)))


def test_without_a_tuned_rival_the_first_lines_say_so(study):
    (sentence,) = equal.sentences(study, marks_of(study))
    assert "fewer than two settings of other algorithms" in sentence
    assert equal.sentences(Study.of(example.make()), marks_of(study)) == []


def test_where_nothing_is_as_cheap_the_pages_say_so(tmp_path):
    summary = priced(margins=(4.0, 5.0), network=False)
    others = np.flatnonzero(summary["method"].values == "iterative")
    summary["programming_time"].values[2][..., others, :] *= 5
    site = make_site(tmp_path, summary, "cost")
    for name in ("index.html", "cost.html"):
        text = " ".join(check_links(site / name).text.split())
        assert "On ‘ternary’ no setting of another algorithm takes as little time." in text
    assert "none as cheap" in text


def test_fronts_and_readings_are_on_the_pages(tmp_path, three):
    site = make_site(tmp_path, three.summary, "cost")
    page = check_links(site / "cost.html")
    assert {f"figure-front_{name}" for name in ("time", "energy")} <= set(page.ids)
    alts = {image["src"]: image["alt"] for image in page.images}
    value = three.equal_cost["time"].methods["hadamard"].error.value[1]
    assert f"Hadamard {value:.1f} %" in alts["figures/front_time.svg"].split("uniform: ")[1]
    text = " ".join(page.text.split())
    first = " ".join(check_links(site / "index.html").text.split())
    for sentence in equal.sentences(three, marks_of(three)):
        assert sentence in text
        assert sentence in first
    table = pd.read_csv(site / "data" / "equal_cost.csv")
    assert set(table["programmed_by"]) == {"iterative", "hadamard", "gdp", equal.BEST}


def test_cautions_stand_at_the_top_of_the_first_page(tmp_path):
    summary = priced()
    summary["mvm_saturation"] = xr.full_like(summary["mvm_error"], 0.02)
    site = make_site(tmp_path, summary)
    text = " ".join(check_links(site / "index.html").text.split())
    head = text.split("Claims of the paper")[0]
    assert "GDP: 2.0 % of the conversions of MVMs while programming lay at an end" in head


def test_a_summary_without_them_has_neither_page(tmp_path):
    site = make_site(tmp_path, example.make(), "cost", "refresh")
    assert not (site / "cost.html").exists()
    assert not (site / "refresh.html").exists()
    assert "digital scale and offset" not in (site / "index.html").read_text()


@pytest.mark.browser
def test_pages_in_a_browser(usual):
    check_site(usual / "index.html", accessible=["cost.html", "refresh.html"])
