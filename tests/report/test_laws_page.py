"""The page of the laws: there where a study has them, and with their numbers."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from aimcsim.common.storage import write_dataset
from aimcsim.report import site
from aimcsim.report.pages.laws import page
from aimcsim.study.claims import claims
from aimcsim.validation import dataset
from tests.report.browser import check_links, parse
from tests.report.some import only
from tests.study.example import make

TEMPLATES = Path(__file__).parents[2] / "aimcsim" / "report" / "templates"
BOTH = ("programming", "laws")


@pytest.fixture(scope="module")
def laws() -> xr.Dataset:
    return dataset.build(1, (16, 24))


def _build(folder: Path, *further: xr.Dataset, pages: Sequence[str] = BOTH) -> Path:
    summary = make(weight_sets=1, cores=2, network=False, thresholds=(2.0,), floors=(2.0,))
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    paths = []
    for one in further:
        paths.append(folder / "laws.nc")
        write_dataset(one, paths[-1])
    with only(*pages):
        site.build(
            folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "report", paths
        )  # fmt: skip
    return folder / "report"


@pytest.fixture(scope="module")
def built(tmp_path_factory, laws) -> Path:
    return _build(tmp_path_factory.mktemp("laws"), laws)


def test_a_study_without_laws_has_no_such_page_and_no_link_to_it(tmp_path):
    output = _build(tmp_path)
    assert not (output / "laws.html").exists()
    assert not list((output / "data").glob("laws*"))
    assert "laws.html" not in (output / "index.html").read_text()


def test_both_pages_lead_to_each_other(built):
    for name in ("index.html", "laws.html"):
        assert {"index.html", "laws.html"} <= set(check_links(built / name).targets)
        text = (built / name).read_text()
        assert f'href="{name}" aria-current="page"' in text
        assert text.count("aria-current") == 1


def test_a_rebuild_without_laws_takes_the_page_away(tmp_path, laws):
    output = _build(tmp_path, laws)
    assert (output / "laws.html").exists()
    assert not (_build(tmp_path) / "laws.html").exists()


def test_the_page_is_whole(built):
    shown = check_links(built / "laws.html")
    assert [name for name in shown.ids if not name.startswith("figure-")] == [
        "verdicts", "residual", "drift", "noise", "accumulation", "wires", "sources",
    ]  # fmt: skip
    assert len(shown.images) == 5
    assert shown.scripts == 1  # of the tables
    assert not re.search(r"\b(nan|inf|none|undefined)\b", shown.text, re.IGNORECASE)
    for image in shown.images:
        assert ElementTree.parse(built / image["src"]).getroot().tag.endswith("svg")
        assert "nan" not in image["alt"].lower()
        assert re.search(r"\d", image["alt"])
        assert 200 < len(image["alt"]) < 4000
    for name in ("residual", "drift", "noise", "accumulation", "wires"):
        table = pd.read_csv(built / "data" / f"laws_{name}.csv")
        assert len(table) >= 18
        judged = table.drop(columns="wires_limit [percent]", errors="ignore")
        assert not judged.isna().any().any()


def test_the_opening_sentence_carries_the_numbers_of_the_data(built, laws):
    far = np.abs(laws["residual_spread"] - laws["residual_spread_expected"])
    largest = float((far / laws["residual_spread_error"]).max())
    text = " ".join(parse(built / "laws.html").text.split())
    assert largest < 3
    assert (
        "All 30 simulated standard deviations of the programming error lie within 3 standard "
        f"errors of the published polynomials; largest distance {largest:.1f}."
    ) in text
    drift = float(laws["largest"].sel(law="drift"))
    assert f"all 60 moments of fitted drift exponents ({drift:.1f})" in text
    worst = float(laws["wires_error"].sel(kind=["uniform", "weights"]).max())
    assert f"within {worst:.2f} % of the exact one for random conductances" in text


def test_values_in_an_alternative_text_are_those_of_the_data(built, laws):
    row = laws.sel(statistics="hermes_odp", share=1.0)
    alt = next(i["alt"] for i in parse(built / "laws.html").images if "residual" in i["src"])
    seen, expected = (float(row[f"residual_spread{end}"]) for end in ("", "_expected"))
    assert f"at 1 of g_max {seen:.3f} against {expected:.3f} uS" in alt


def test_a_law_that_fails_is_said_first_and_in_the_table(tmp_path, laws):
    broken = laws.drop_dims("law").copy(deep=True)
    broken["drift_mean"] = 1.05 * broken["drift_mean"].assign_attrs(units="1")
    broken["residual_spread"][0, 4] *= 1.1
    judged = dataset.judged(broken)
    assert judged["holds"].values.tolist() == [0, 0, 1, 1, 1]
    first, second, *_ = page.answer(judged)
    assert first == "Not all laws hold: Programming error, Drift."
    assert second.startswith("29 of 30 simulated standard deviations")
    judged["drift_mean"].attrs = laws["drift_mean"].attrs
    text = (_build(tmp_path, judged, pages=["laws"]) / "laws.html").read_text()
    assert text.count('class="verdict fails"') == 2
    assert text.count('class="verdict holds"') == 3


def test_the_same_laws_give_the_same_bytes(built, tmp_path, laws):
    again = _build(tmp_path, laws)
    for path in sorted(built.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(built)).read_bytes(), path.name


def test_two_pages_cannot_write_the_same_file(tmp_path, monkeypatch, laws):
    monkeypatch.setitem(page.FIGURES, "cost", page.FIGURES["laws_noise"])
    with pytest.raises(ValueError, match=r"figures/cost\.svg"):
        _build(tmp_path, laws)
