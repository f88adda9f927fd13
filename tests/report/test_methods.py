"""Studies of methods with names of the user's choice: nothing in a report knows any method."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from aimcsim.common.storage import write_dataset
from aimcsim.report import site
from aimcsim.report.marks import in_text, marks_of
from aimcsim.report.pages.programming.settings import swept
from aimcsim.report.study import Study
from aimcsim.study.claims import claims
from tests.report.browser import check_links, check_site, require
from tests.study.error_budget_example import with_error_budget
from tests.study.example import make

ROOT = Path(__file__).parents[2]
NAMES = {"iterative": "careful", "hadamard": "codes", "gdp": "descent"}
LABELS = {"careful": "one by one", "codes": "ADC codes", "drawn": "drawn", "descent": "Slope"}


def four(**sizes) -> xr.Dataset:
    """Four methods, two of them with several settings beside the subject; one programs nothing.

    The order is that of ``LABELS``: the subject is the last.
    """
    summary = with_error_budget(margins=(2.0, 5.0), passes=(4.0, 16.0), **sizes)
    names = [NAMES[name] for name in summary["method"].values.tolist()]
    drawn = summary.isel(run=[0]).copy(deep=True)
    for name in ("pulses", "cell_reads", "mvms", "error_per_iteration"):
        drawn[name][:] = 0 if name != "error_per_iteration" else np.nan
    first = names.index("descent")
    parts = [summary.isel(run=slice(0, first)), drawn, summary.isel(run=slice(first, None))]
    names.insert(first, "drawn")
    joined = xr.concat(parts, "run", data_vars="minimal", combine_attrs="override")
    runs = [f"{name}-{index:08x}" for index, name in enumerate(names)]
    about = {NAMES[one["name"]]: one for one in json.loads(summary.attrs["methods"])}
    about["drawn"] = {"algorithm": "none", "sees": "nothing", "hyperparameters": {}}
    methods = [about[name] | {"name": name, "label": label} for name, label in LABELS.items()]
    joined = joined.assign_coords(run=runs, method=("run", names))
    return joined.assign_attrs(
        methods=json.dumps(methods), baseline="careful", subject="descent"
    )  # fmt: skip


def build(folder: Path, summary: xr.Dataset, **options) -> Path:
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    templates = ROOT / "aimcsim" / "report" / "templates"
    paths = folder / "summary.nc", folder / "claims.json", templates, folder / "report"
    site.build(*paths, **options)
    return folder / "report"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("four"), four())


def words(path: Path) -> str:
    return " ".join(check_links(path).text.split())


def test_every_page_is_whole(report):
    for path in sorted(report.glob("*.html")):
        page = check_links(path)
        assert not re.search(r"\b(nan|inf|none|undefined)\b", page.text, re.IGNORECASE), path.name
        for image in page.images:
            assert re.search(r"\d", image["alt"])
            assert "nan" not in image["alt"].lower()


def test_no_page_speaks_of_methods_that_the_study_does_not_have(report):
    title = make().attrs["title"]
    for path in sorted(report.glob("*.html")):
        page = check_links(path)
        text = page.text.replace(title, "") + " ".join(image["alt"] for image in page.images)
        text = text.split("Configuration")[0]
        claims = [claim["statement"] + claim["reason"] for claim in _claims(report)]
        for claim in claims:  # of the paper, which names its methods
            text = text.replace(claim, "")
        assert not re.search(r"\b(gdp|iterative|hadamard)\b", _without(text, claims), re.IGNORECASE)


def _claims(report: Path) -> list[dict]:
    return json.loads((report / "data" / "claims.json").read_text())


def _without(text: str, parts: list[str]) -> str:
    text = " ".join(text.split())
    for claim in parts:
        text = text.replace(" ".join(claim.split()), "")
    for claim in re.findall(r"published, of GDP on the paper's chip", text):
        text = text.replace(claim, "")
    return text


def test_labels_stand_in_headings_and_sentences(report):
    text = words(report / "index.html")
    assert "After slope the MVM error is" in text
    assert "times that after one by one on 4 weight sets" in text
    assert "MVM error, ADC codes" in text
    assert "One by one" in text
    assert "One by one, ADC codes and slope run at the setting chosen on the other" in text


def test_every_method_with_several_settings_has_its_own_maps_and_table(report):
    study = Study.of(four())
    assert swept(study) == ["descent", "careful", "codes"]
    page = check_links(report / "index.html")
    drawn = {image["src"] for image in page.images}
    assert {f"figures/settings{end}.svg" for end in ("", "_careful", "_codes")} <= drawn
    text = " ".join(page.text.split())
    assert "Settings of ADC codes" in text
    assert "setting of slope" in text
    assert "every other setting" not in text  # of legends
    table = pd.read_csv(report / "data" / "settings_codes.csv")
    assert set(table["passes [passes]"]) == {4.0, 16.0}
    best = table[table["own_best"] == 1]
    assert (best["excess [percent]"] == 0).all()
    assert set(best["passes [passes]"]) == {16.0}
    chosen = study.result.runs["codes"]
    names = study.summary["run"].values[chosen].tolist()
    assert table[table["chosen"] == 1]["run"].tolist() == names


def test_methods_are_judged_at_their_own_chosen_settings(report):
    summary = four()
    study = Study.of(summary)
    table = pd.read_csv(report / "data" / "mvm_error.csv")
    for name in LABELS:
        run = int(study.result.runs[name][1])
        expected = summary["mvm_error"].isel(weight_set=1, tile=0, run=run).mean("core")
        row = table[(table["weight_set"] == "uniform") & (table["programmed_by"] == name)]
        assert row["mvm_error [percent]"].item() == pytest.approx(float(expected), rel=1e-5)


def test_what_programs_nothing_costs_nothing_and_ends_nowhere(report):
    assert Study.of(four()).programming == ["careful", "codes", "descent"]
    table = pd.read_csv(report / "data" / "outcomes.csv")
    assert set(table["programmed_by"]) == {"careful", "codes", "descent"}
    # It is the published programming error itself, so that does not stand beside it.
    assert "published [percent]" not in pd.read_csv(report / "data" / "over_time.csv").columns
    assert "nothing" not in words(report / "index.html").split("Convergence")[2].split("Over")[0]


def test_marks_go_by_the_place_in_the_study():
    marks = marks_of(Study.of(four()))
    usual = marks_of(Study.of(make()))
    assert list(marks) == list(LABELS)
    for name, other in (("careful", "iterative"), ("descent", "gdp")):
        assert (marks[name].colour, marks[name].marker) == (
            usual[other].colour,
            usual[other].marker,
        )
    assert (usual["iterative"].marker, usual["gdp"].marker) == ("s", "o")
    assert len({mark.colour for mark in marks.values()}) == 4
    assert len({mark.marker for mark in marks.values()}) == 4


@pytest.mark.parametrize(
    ("label", "text"),
    [("Iterative programming", "iterative programming"), ("GDP", "GDP"), ("GDP, ours", "GDP, ours"),
     ("Hadamard verify", "Hadamard verify"), ("Published error", "published error"),
     ("4 reads", "4 reads"), ("A", "a"), ("", "")],
)  # fmt: skip
def test_labels_inside_a_sentence(label, text):
    assert in_text(label) == text


@pytest.mark.browser
def test_pages_in_a_browser(report):
    require()
    check_site(report / "index.html")
