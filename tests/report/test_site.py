"""The site of synthetic studies: complete, reproducible, and whole or not there at all."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_dataset
from aimcsim.report import site
from aimcsim.study.claims import claims
from tests.report.browser import check_links
from tests.report.some import only
from tests.study.example import make

TEMPLATES = Path(__file__).parents[2] / "aimcsim" / "report" / "templates"
GRID = tuple(float(k) for k in range(1, 11))
CASES = {
    "usual": {},
    "one of everything": {
        "weight_sets": 1, "cores": 1, "network": False, "thresholds": (2.0,), "floors": (2.0,),
    },
    "one weight set": {"weight_sets": 1, "network": False},
    "one point": {"thresholds": (2.0,), "floors": (2.0,)},
    "one core": {"cores": 1},
    "one swept hyperparameter": {"floors": (2.0,)},
    "three swept hyperparameters": {"weight_sets": 3, "rates": (0.0003, 0.0006)},
    "one time": {"times": (3600.0,)},
    "one core at times without network": {"cores": 1, "network": False, "times": (200.0, 4e6)},
    "neither times nor programming error": {"times": (), "programming_error": False},
    "many times": {"weight_sets": 5, "times": tuple(200.0 * 4**k for k in range(9))},
    "many": {"weight_sets": 30, "thresholds": GRID, "floors": GRID, "bootstrap": 100},
}  # fmt: skip

SMALL = {"weight_sets": 1, "cores": 2, "network": False}


def _build(folder: Path, summary: xr.Dataset, output: str = "report") -> Path:
    """A site without further datasets."""
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    site.build(folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / output)
    return folder / output


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Path:
    return _build(tmp_path_factory.mktemp("usual"), make())


@pytest.fixture
def first():
    """A site of its first page alone."""
    with only("programming"):
        yield


@pytest.mark.parametrize("case", CASES)
def test_every_case_builds_a_whole_page(case, tmp_path, usual):
    output = usual if case == "usual" else _build(tmp_path, make(**CASES[case]))
    page = check_links(output / "index.html")
    assert page.scripts == 1  # of the tables
    assert len(page.images) >= 4
    assert not re.search(r"\b(nan|inf|none|undefined)\b", page.text, re.IGNORECASE)
    for image in page.images:
        drawing = output / image["src"]
        assert ElementTree.parse(drawing).getroot().tag.endswith("svg")
        assert "nan" not in image["alt"].lower()
        assert re.search(r"\d", image["alt"])
        assert len(image["alt"]) < 4000
    for table in (output / "data").glob("*.csv"):
        assert len(pd.read_csv(table)) > 0
        with xr.open_dataset(table.with_suffix(".nc")) as dataset:
            for name in dataset.data_vars:
                assert dataset[name].attrs["units"], f"{table.stem}: {name}"
    assert not list(output.parent.glob(".*"))


def test_swept_words_are_shown(tmp_path):
    """Words come back from a netCDF file as objects, not as NumPy strings."""
    summary = make(weight_sets=2, network=False)
    words = np.array(["batch", "running"], object)[np.arange(summary.sizes["run"]) % 2]
    words[0] = ""  # iterative programming has none
    summary = summary.assign_coords(estimator=("run", words))
    text = (_build(tmp_path, summary) / "index.html").read_text()
    assert "estimator batch" in text or "estimator running" in text


def test_one_core_says_that_it_has_no_interval(first, tmp_path):
    text = check_links(_build(tmp_path, make(cores=1)) / "index.html").text
    assert "One core allows no interval" in text
    assert "95 % interval" not in text.split("Claims of the paper")[0]


def test_a_study_without_network_says_so(first, tmp_path):
    output = _build(tmp_path, make(network=False))
    assert "so there is no accuracy to report" in (output / "index.html").read_text()


def test_the_order_of_the_page(usual):
    page = check_links(usual / "index.html")
    order = [name for name in page.ids if not name.startswith(("figure-", "claim-"))]
    assert order == [
        "claims", "error", "programming-error", "convergence", "accuracy", "over-time",
        "agnosticism", "cost", "outcomes", "effects", "provenance",
    ]  # fmt: skip


def test_the_answer_carries_the_number_and_interval_of_the_claim(usual):
    text = " ".join(check_links(usual / "index.html").text.split())
    first = json.loads((usual / "data" / "claims.json").read_text())[0]
    assert f"{first['value']:.3f} (95 % interval" in text
    assert "doi 10.1109/JETCAS.2023.3329449" in text


def test_the_table_of_outcomes_counts_every_run(usual):
    table = pd.read_csv(usual / "data" / "outcomes.csv")
    summary = make()
    runs = summary["status"].values >= 0
    gdp = summary["method"].values == "gdp"
    all_of_it = table[table["settings"] == "all"].groupby("programmed_by")["runs"].sum()
    assert all_of_it["gdp"] == runs[..., gdp].sum()
    assert all_of_it["iterative"] == runs[..., ~gdp].sum()
    chosen = table[table["settings"] == "chosen"].groupby("programmed_by")["runs"].sum()
    assert chosen["gdp"] == chosen["iterative"] == all_of_it["iterative"]


def test_data_behind_a_figure_equal_the_summary(usual):
    summary = make()
    with xr.open_dataset(usual / "data" / "mvm_error.nc") as dataset:
        values = dataset["mvm_error_cores"].sel(weight_set="uniform", programmed_by="iterative")
        expected = summary["mvm_error"].sel(weight_set="uniform").isel(run=0)
        assert np.allclose(values.values, expected.values[0])
    with xr.open_dataset(usual / "data" / "summary.nc") as copy:
        assert copy.attrs["study"] == "example"


def test_sections_without_their_variables_say_so_in_a_sentence(first, tmp_path):
    output = _build(tmp_path, make(times=(), programming_error=False))
    page = check_links(output / "index.html")
    text = " ".join(page.text.split())
    assert "does not record the programming error" in text
    assert "judges its cores right after programming alone" in text
    for name in ("programming_error", "over_time"):
        assert f"figure-{name}" not in page.ids
        assert not list((output / "data").glob(f"{name}*"))
        assert not (output / "figures" / f"{name}.svg").exists()


def test_over_time_without_the_published_programming_error(tmp_path):
    summary = make(network=False).drop_vars(["open_loop_error", "published_spread"])
    page = check_links(_build(tmp_path, summary) / "index.html")
    text = " ".join(page.text.split())
    assert "figure-over_time" in page.ids
    assert "The published error is a check" not in text
    assert "Published error" not in text
    assert "holds no published curve" in text


def test_errors_over_time_are_called_higher_only_where_they_are(usual, first, tmp_path):
    sentence = "higher than the errors right after programming"
    assert sentence in " ".join(check_links(usual / "index.html").text.split())
    summary = make()
    summary["error_over_time"][1, :, :, 1:, 0] *= 0.5
    assert sentence not in " ".join(
        check_links(_build(tmp_path, summary) / "index.html").text.split()
    )


def test_the_distance_from_the_published_curve_is_that_of_the_summary(usual):
    summary = make()
    spread = summary["programming_error_spread"].isel(run=0).values
    cells = summary["cells"].values
    sets = []
    for index in range(len(spread)):
        tiles = np.flatnonzero(cells[index])
        sets.append(np.average(spread[index, tiles], axis=0, weights=cells[index, tiles]))
    means = np.array([np.nanmean([one[:, k] for one in sets]) for k in range(20)])
    relative = means[2:] / summary["published_spread"].values[2:] - 1
    expected = 100 * np.sqrt(np.mean(relative**2))
    table = pd.read_csv(
        usual / "data" / "programming_error_distance.csv", index_col="programmed_by"
    )
    assert table.loc["iterative", "distance [percent]"] == pytest.approx(expected, rel=1e-5)
    assert table.loc["iterative", "bins"] == 18
    text = " ".join(check_links(usual / "index.html").text.split())
    assert f"relative distance of {expected:.1f} % (" in text
    assert "(example_chip), over the 18 bins" in text


def test_a_diverged_run_over_time_is_shown_as_unlimited(tmp_path):
    summary = make()
    summary["error_over_time"][1, 0, 2, 1:] = np.nan
    summary["programming_error_spread"][1, 0, 2, 1:] = np.inf
    page = check_links(_build(tmp_path, summary) / "index.html")
    assert "unlimited" in page.text.split("Over time")[2]
    assert not re.search(r"\bnan\b", page.text, re.IGNORECASE)


def test_the_same_inputs_give_the_same_bytes(usual, tmp_path):
    again = _bytes(_build(tmp_path, make()))
    first = _bytes(usual)
    assert again.keys() == first.keys()
    assert [name for name in first if again[name] != first[name]] == []


def test_markup_in_names_is_shown_and_not_obeyed(first, tmp_path):
    summary = make(**SMALL)
    summary.attrs["title"] = "A <script>alert(1)</script> & more"
    page = check_links(_build(tmp_path, summary) / "index.html")
    assert page.scripts == 1  # of the tables
    assert "<script>alert(1)</script>" in page.text


def test_a_diverged_run_without_a_number_is_shown_as_unlimited(tmp_path):
    summary = make()
    summary["mvm_error"][1, 0, 2, 1:] = np.nan
    page = check_links(_build(tmp_path, summary) / "index.html")
    assert "unlimited" in page.text
    assert not re.search(r"\bnan\b", page.text, re.IGNORECASE)


def test_a_rebuild_replaces_the_old_site_and_leaves_nothing_behind(first, tmp_path):
    output = _build(tmp_path, make(**SMALL))
    (output / "figures" / "old.svg").write_text("<svg/>")
    (tmp_path / ".report.building-killed").mkdir()
    before = (output / "index.html").read_bytes()
    _build(tmp_path, make(**SMALL, seed=1))
    assert (output / "index.html").read_bytes() != before
    assert not (output / "figures" / "old.svg").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_build_that_fails_leaves_the_old_site(first, tmp_path, monkeypatch):
    output = _build(tmp_path, make(**SMALL))
    before = _bytes(output)

    def broken(*_):
        raise RuntimeError("killed")

    monkeypatch.setattr("aimcsim.report.pages.programming.effort.pulses_figure", broken)
    with pytest.raises(RuntimeError, match="killed"):
        _build(tmp_path, make(**SMALL, seed=1))
    assert _bytes(output) == before
    assert not list(tmp_path.glob(".*"))


def test_folders_that_are_no_report_are_never_replaced(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        _build(tmp_path, make())
    assert (tmp_path / "report" / "thesis.tex").read_text() == "years of work"
    with pytest.raises(UserError, match="templates"):
        site.build(tmp_path / "summary.nc", tmp_path / "claims.json", TEMPLATES, TEMPLATES.parent)


def test_missing_and_damaged_inputs_are_named(tmp_path):
    write_dataset(make(), tmp_path / "summary.nc")
    good = tmp_path / "claims.json"
    with pytest.raises(UserError, match=r"claims\.json"):
        site.build(tmp_path / "summary.nc", good, TEMPLATES, tmp_path / "out")
    good.write_text('[{"id": "C1"')
    with pytest.raises(UserError, match="not a list of claims"):
        site.build(tmp_path / "summary.nc", good, TEMPLATES, tmp_path / "out")
    (tmp_path / "bad.nc").write_bytes(b"CDF?")
    with pytest.raises(UserError, match=r"bad\.nc"):
        site.build(tmp_path / "bad.nc", good, TEMPLATES, tmp_path / "out")
    with pytest.raises(UserError, match=r"base\.html\.j2"):
        site.build(tmp_path / "summary.nc", good, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
