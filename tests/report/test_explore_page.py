"""The page that filters runs: its table, what is packed into it, what a browser does with it."""

import base64
import json
import statistics
import time
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.storage import read_dataset, write_dataset, write_text
from aimcsim.report import site
from aimcsim.report.marks import Mark, marks_of
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.explore.packed import MISSING, column, scaled
from aimcsim.report.pages.explore.page import packed
from aimcsim.report.pages.explore.runs import Runs, curves, table
from aimcsim.report.site import TEMPLATES
from aimcsim.report.study import Study
from tests.report.browser import chromium, require
from tests.report.some import only
from tests.study.example import make, with_cost

SMALL = {"weight_sets": 3, "cores": 4, "margins": (4.0, 5.0), "passes": (1.0, 2.0), "bootstrap": 20}


@pytest.fixture(scope="module")
def study():
    summary = with_cost(make(**SMALL))
    summary["mvm_error"][0, 0, 1, 3] = np.nan  # diverged without a number
    return Study.of(summary)


def test_a_row_is_a_run_and_holds_what_the_summary_does(study):
    runs, summary = Runs.of_study(study), study.summary
    data = table(study, marks_of(study), runs)
    assert data.sizes["row"] == runs.of == int((summary["status"] >= 0).sum())
    places = {"weight_set": 2, "tile": 1, "core": 3}  # a tile of the network
    run = int(np.flatnonzero(summary["method"] == "gdp")[5])
    at = np.flatnonzero(
        (data["weight_set"] == "digits") & (data["tile"] == 1) & (data["chip"] == 3)
        & (data["method"] == "GDP")
        & (data["noise_threshold"] == summary["noise_threshold"][run])
        & (data["floor"] == summary["floor"][run])
    )  # fmt: skip
    assert len(at) == 1
    row, cell = data.isel(row=int(at[0])), summary.isel(**places, run=run)
    assert row["mvm_error"] == cell["mvm_error"]
    assert row["mvm_error_after"] == cell["error_over_time"].isel(time=-1, compensation=1)
    np.testing.assert_allclose(row["time"], 1e3 * cell["programming_time"].sum())
    np.testing.assert_allclose(row["energy"], 1e6 * cell["programming_energy"].sum())
    np.testing.assert_allclose(row["pulses"], cell["pulses"] / summary["cells"][2, 1])
    assert np.isnan(row["margin"])  # a setting of another method
    assert {data[name].attrs["group"] for name in data} == {"run", "setting", "error", "cost"}


def test_curves_keep_their_last_value_up_to_the_end_of_their_method(study):
    runs = Runs.of_study(study)
    iterations, errors = curves(runs, most=12)
    assert iterations[0] == 1
    assert {30, 40} <= set(iterations)  # the last of the methods, beside those spread evenly
    seen, methods = study.summary["error_per_iteration"], study.summary["method"].values
    for row in (0, 7, len(runs) - 1):
        curve = runs.at(seen)[row]
        end = 30 if methods[runs.places["run"][row]] != "gdp" else 40
        for iteration, error in zip(iterations, errors[row], strict=True):
            known = curve[:iteration][np.isfinite(curve[:iteration])]
            assert error == known[-1] if iteration <= end else np.isnan(error)


def test_more_runs_than_a_browser_takes_are_a_sample_of_all(study):
    runs = Runs.of_study(study, most=50)
    assert (len(runs), runs.of) == (50, Runs.of_study(study).of)
    assert len(set(runs.places["weight_set"])) == 3
    assert set(study.summary["method"].values[runs.places["run"]]) == set(study.methods)


@pytest.mark.parametrize("log", [False, True])
def test_a_packed_number_is_its_value_to_one_part_in_the_codes(log):
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(0, 3, 500)) if log else rng.normal(0, 3, 500)
    values[7] = np.nan
    codes, scale = scaled(values)
    assert scale["log"] == log
    assert codes[7] == MISSING
    low, high, share = scale["low"], scale["high"], codes / (MISSING - 1)
    again = low * (high / low) ** share if log else low + (high - low) * share
    step = np.log(high / low) * np.abs(values) if log else high - low
    known = np.isfinite(values)
    assert (np.abs(again - values) <= 0.51 * step / (MISSING - 1))[known].all()


def test_levels_are_told_apart_and_absent_ones_have_their_own():
    attributes = {"long_name": "floor", "units": "1", "group": "setting"}
    numbers = np.array([1.0, np.nan, 2.0001, 2.0002, 1.0])
    found = column("floor", xr.DataArray(numbers, dims="row", attrs=attributes))
    assert found["levels"] == ["–", "1", "2.0001", "2.0002"]
    codes = np.frombuffer(zlib.decompress(base64.b64decode(found["codes"])), "<u2")
    assert codes.tolist() == [1, 0, 2, 3, 1]
    texts = xr.DataArray(np.array(["b", "", "a"], object), dims="row", attrs=attributes)
    assert column("start", texts)["levels"] == ["–", "a", "b"]  # the first on top


def explorer(summary: xr.Dataset, folder: Path) -> Path:
    """The page of ``summary``, alone in its site."""
    write_dataset(summary, folder / "summary.nc")
    write_text(folder / "claims.json", "[]")
    with only("explore"):
        site.build(folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "site")
    return folder / "site" / "explore.html"


def test_markup_in_names_does_not_leave_the_packed_data(tmp_path):
    summary = make(weight_sets=1, network=False, bootstrap=2)
    name = "</script><!--<script>"
    page = explorer(summary.assign_coords(weight_set=[name]), tmp_path).read_text()
    inside = page.split('id="runs">')[1].split("</script>")[0]
    assert json.loads(inside)["columns"][0]["levels"] == [name]


class Opened:
    """The page in a browser, as a person uses it."""

    def __init__(self, driver, page: Path):
        self.driver = driver
        driver.get(page.resolve().as_uri())
        self.wait(lambda: self.frames())
        self.rest()

    def wait(self, ready) -> None:
        deadline = time.monotonic() + 30
        while not ready():
            assert time.monotonic() < deadline, "the page does not come to it"
            time.sleep(0.02)

    def script(self, text: str, *arguments):
        return self.driver.execute_script(text, *arguments)

    def frames(self) -> list[float]:
        """Milliseconds of each redrawing."""
        return self.script(
            "return performance.getEntriesByName('explorer-frame').map(entry => entry.duration)"
        )

    def text(self, name: str) -> str:
        return self.script("return document.getElementById(arguments[0]).textContent", name)

    def rest(self) -> None:
        """Wait until what is said agrees with what is shown."""
        self.wait(lambda: self.text("status").startswith(f"{self.text('count')}. "))
        self.wait(lambda: self.text("status").endswith(self.text("summary")))

    def count(self) -> int:
        self.rest()
        return int(self.text("count").split(" of ")[0].replace(",", ""))

    def pictures(self) -> dict[str, str]:
        """What each of the linked charts shows."""
        names = ["axes", "scatter", "curves"]
        look = "return arguments[0].map(id => document.getElementById(id).toDataURL())"
        return dict(zip(names, self.script(look, names), strict=True))

    def drag(self, name: str, start: float, end: float, steps: int = 4) -> None:
        """Drag along the axis of column ``name`` between two places, 0 at its foot to 1."""
        from selenium.webdriver.common.action_chains import ActionChains

        canvas = self.driver.find_element("id", "axes")
        self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
        title = f"#axes-titles [data-column={name}]"
        across = self.script(
            "return parseFloat(document.querySelector(arguments[0]).style.left)", title
        )
        box = canvas.size
        heights = [round(62 + 260 * (1 - share)) for share in np.linspace(start, end, steps + 1)]
        x = round(across - box["width"] / 2)
        chain = ActionChains(self.driver, duration=10)
        chain.move_to_element_with_offset(canvas, x, heights[0] - box["height"] / 2)
        chain.click_and_hold()
        for before, after in pairwise(heights):
            chain.move_by_offset(0, after - before)
        chain.release().perform()


@pytest.mark.browser
def test_what_is_filtered_is_what_the_dataset_has(study, tmp_path):
    require()
    page = explorer(study.summary, tmp_path)
    data = read_dataset(page.parent / "data" / "runs.nc")
    error, count = data["mvm_error"].values, data.sizes["row"]
    codes = scaled(error)[0]
    with chromium() as driver:
        opened = Opened(driver, page)
        assert opened.count() == count
        before = opened.pictures()

        # Brushed: from the widest gap below the middle to the widest above it.
        places = np.sort(codes[np.isfinite(error)]) / (MISSING - 1)
        middles = np.arange(0.5, 260) / 260  # of pixels
        free = [m for m in middles if np.abs(places - m).min() > 1.5 / 260]
        low, high = next(m for m in free if m > 0.1), [m for m in free if m < 0.8][-1]
        opened.drag("mvm_error", low - 0.5 / 260, high - 0.5 / 260)
        inside = (codes > low * (MISSING - 1)) & (codes < high * (MISSING - 1))
        assert 0 < inside.sum() < count
        assert opened.count() == inside.sum()
        after = opened.pictures()
        assert all(after[name] != before[name] for name in before)
        first = driver.find_elements("css selector", "#found tbody tr")[0].text
        assert f"{error[inside].min():.3g}" in first
        median = np.sort(error[inside])[(inside.sum() - 1) // 2]
        assert f"median {median:.3g}" in opened.text("summary")

        # And a weight set taken out with the keyboard.
        from selenium.webdriver.common.keys import Keys

        summary = driver.find_element("css selector", "details.filter summary")
        summary.send_keys(Keys.ENTER)
        box = driver.find_element("css selector", "details.filter input[type=checkbox]")
        box.send_keys(Keys.SPACE)
        box.send_keys(Keys.ESCAPE)
        assert driver.switch_to.active_element == summary
        kept = inside & (data["weight_set"].values != study.result.weight_sets[0])
        assert opened.count() == kept.sum()

        # A click takes the range away, a typed one takes its place.
        opened.drag("mvm_error", 0.5, 0.5, steps=1)
        kept = data["weight_set"].values != study.result.weight_sets[0]
        assert opened.count() == kept.sum()
        between = np.sort(np.unique(error[np.isfinite(error)]))
        middle = len(between) // 2
        limit = f"{between[middle : middle + 2].mean():.6f}"
        opened.script(
            "const input = [...document.querySelectorAll('details.filter')]"
            ".find(one => one.textContent.startsWith('MVM error ')).querySelectorAll('input')[1];"
            "input.value = arguments[0]; input.dispatchEvent(new Event('change'));",
            limit,
        )
        assert opened.count() == (kept & (error < float(limit))).sum()
        driver.find_element("id", "clear").click()
        assert opened.count() == count
        assert opened.pictures() == before
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE"] == []


@pytest.mark.browser
def test_a_hundred_thousand_runs_are_filtered_within_a_frame(tmp_path):
    """12 columns; most runs stay within the range, which costs the most."""
    require()
    rows, rng = 100_000, np.random.default_rng(3)
    looks = [Mark("GDP", "#1f5fa8", "o"), Mark("Iterative", "#c2571a", "s")]
    columns = {
        "method": ("run", np.array([look.label for look in looks], object)[np.arange(rows) % 2]),
        "chip": ("run", rng.integers(0, 8, rows).astype(float)),
        "mvm_error": ("error", rng.lognormal(2, 0.4, rows)),
        "time": ("cost", rng.lognormal(1, 1, rows)),
    } | {f"key_{k}": ("setting", rng.random(rows)) for k in range(8)}
    data = xr.Dataset(
        {
            name: ("row", values, {"long_name": name, "units": "1", "group": group})
            for name, (group, values) in columns.items()
        }
    )
    errors = 5 + 40 * np.exp(-np.arange(24) / rng.uniform(3, 9, (rows, 1)))
    context = {"rows": rows, "runs": rows, "data": ["runs"]}
    context |= {"pages": {}, "site_title": "Large", "front": None}
    environment = site._environment(TEMPLATES, [PAGES["explore"]])
    page = environment.get_template("explore.html.j2").render(
        context, packed=packed(data, np.arange(1, 25), errors, looks), page="explore.html"
    )
    write_text(tmp_path / "explore.html", page)
    (tmp_path / "style.css").write_text((TEMPLATES / "style.css").read_text())
    assert len(page) < 8e6
    with chromium() as driver:
        opened = Opened(driver, tmp_path / "explore.html")
        medians = []
        for _ in range(3):  # the machine may be busy with other tests
            opened.script("performance.clearMeasures('explorer-frame')")
            opened.drag("mvm_error", 0.02, 0.98, steps=20)
            frames = opened.frames()
            assert len(frames) >= 5
            medians.append(statistics.median(frames))
        code = scaled(data["mvm_error"].values)[0] / (MISSING - 1)
        ends = [1 - (round(62 + 260 * (1 - share)) - 62) / 260 for share in (0.02, 0.98)]
        assert opened.count() == ((code >= ends[0]) & (code <= ends[1])).sum()
    print(f"median frame of each drag over {rows:,} runs: {np.round(medians, 1)} ms")
    assert min(medians) < 100
