"""The page of networks, on made-up accuracies: its numbers, its figures, its markup."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aimcsim.common.storage import write_dataset, write_text
from aimcsim.report import site as report
from aimcsim.study.accuracy import collect
from tests.report.browser import check_links, check_site, require
from tests.report.some import only
from tests.study import inferred

TEMPLATES = Path(__file__).parents[2] / "aimcsim" / "report" / "templates"
FIGURES = {"over_time", "layers", "relation", "confusion", "packing"}
WEIGHTS = inferred.study().model_dump(mode="json")["weights"]
OWN = {"weights": {"gaussian": WEIGHTS["gaussian"], "data": WEIGHTS["own"]}}
"""A network with the name of a section of the page."""
FEW = {"few": {"cases": {"three": {"cores": 3}, "five": {}}}}
ONE_MOMENT = {"evaluation": {"times": []}, "inference": {"compensation": ["tile"]}}
CASES = {
    "cells": {"compare": inferred.CELLS},
    "fewer chips in a case": {"compare": FEW},
    "one chip": {"cores": 1},
    "one network, no record, no class names": OWN,
    "one chip right after programming": OWN | ONE_MOMENT | {"cores": 1},
}


def site(folder: Path, *pages: str, **changes) -> Path:
    """Of the page of networks and of ``pages``."""
    config = inferred.study(**changes)
    accuracy = collect(inferred.write(folder / "results", config))
    write_dataset(accuracy, folder / "accuracy.nc")
    write_dataset(inferred.summary(config), folder / "summary.nc")
    write_text(folder / "claims.json", "[]")
    with only(*dict.fromkeys([*pages, "accuracy"])):
        report.build(
            folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "site",
            [folder / "accuracy.nc"],
        )  # fmt: skip
    return folder / "site"


def words(page) -> str:
    return " ".join(page.text.split())


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """A whole site, of which each page is looked at."""
    return site(tmp_path_factory.mktemp("cells"), *report.PAGES, **CASES["cells"])


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_whole(case, tmp_path, cells):
    output = cells if case == "cells" else site(tmp_path, **CASES[case])
    page = check_links(output / "accuracy.html")
    drawn = {image["src"].removeprefix("figures/").removesuffix(".svg") for image in page.images}
    adc = {"adc"} if "inference" not in CASES[case] else set()
    own = "data" if "weights" in CASES[case] else "own"
    expected = {f"network_{name}_{own}" for name in FIGURES | adc}
    if "weights" not in CASES[case]:
        expected |= {f"network_{name}_resnet9" for name in FIGURES | adc | {"training"}}
    assert drawn == expected
    for image in page.images:
        assert re.search(r"\d", image["alt"])
        assert len(image["alt"]) < 2000
        assert not re.search(r"\b(nan|inf|none|−?0\.0 more)\b", image["alt"], re.IGNORECASE)
    assert not re.search(r"\b(nan|inf|undefined)\b", words(page), re.IGNORECASE)
    assert ("One core, so no interval is possible." in words(page)) == ("one chip" in case)


def test_the_first_page_leads_to_it(cells):
    page = check_links(cells / "index.html")
    assert "accuracy.html" in page.targets
    assert "GDP gains 1.80 points (1.60 to 2.00) on ODP cells" in words(page)


def test_the_answer_has_the_gains(cells):
    text = words(check_links(cells / "accuracy.html"))
    found = re.search(
        r"Right after programming, ‘resnet9’ on ODP cells classifies ([\d.]+) % "
        r"\(iterative programming\) and ([\d.]+) % \(GDP\) of its test images right: "
        r"GDP gains ([\d.]+) points "
        r"\(([\d.]+) to ([\d.]+)\); after 1 year ([\d.]+) points",
        text,
    )
    assert found, text[:1500]
    assert [float(value) for value in found.groups()[:3]] == [79.4, 81.2, 1.8]
    half = 2.7764 * np.std(0.1 * np.arange(5), ddof=1) / 5**0.5
    assert float(found[4]) == pytest.approx(1.8 - half, abs=0.005)
    assert float(found[5]) == pytest.approx(1.8 + half, abs=0.005)
    assert float(found[6]) == 1.8
    # The case with one time ends at it.
    assert re.search(r"‘resnet9’ on TDP cells .*?; after 5 min 1.80 points", text)
    assert "In software: 84.00 %" in text
    kept = re.search(r"After 1 year GDP on ODP cells keeps ([\d.]+) % with a factor for each", text)
    assert kept, text[:1500]
    assert "81.2 to 82.4 %" in text  # the noise of training


def test_of_many_cases_the_first_is_told_and_the_best(tmp_path):
    """Made-up chips with lower numbers are better: a case of the first three is, and none else."""
    chips = {"a": 5, "b": 3, "c": 4, "d": 5}
    many = {"many": {"cases": {name: {"cores": count} for name, count in chips.items()}}}
    text = words(check_links(site(tmp_path, compare=many, **OWN) / "accuracy.html"))
    assert len(re.findall(r"Right after programming, ‘data’", text)) == 1
    best = "Of 4 cases GDP is most accurate right after programming in case ‘b’ (81.60 %)"
    assert f"{best} and after 1 year in case ‘b’ (78.60 %)." in text, text[:1500]
    for case in "ab":
        assert f"After 1 year GDP in case ‘{case}’ keeps" in text


def test_the_best_at_last_is_so_among_those_that_are_as_old(tmp_path):
    """A case that ends after minutes, with more accuracy left, is not beside one after a year."""
    ends = {"evaluation": {"times": [300.0]}}
    cases = {"a": {}, "b": {"cores": 3}, "c": ends | {"cores": 2}, "d": {}}
    many = {"many": {"cases": cases}}
    text = words(check_links(site(tmp_path, compare=many, **OWN) / "accuracy.html"))
    best = "most accurate right after programming in case ‘c’ (81.80 %)"
    assert f"{best} and after 1 year in case ‘b’ (78.60 %)." in text, text[:1500]


def test_data_behind_the_figures(cells):
    table = pd.read_csv(cells / "data" / "network_accuracy_own.csv")
    row = table[
        (table["case"] == "cell/odp") & (table["evaluation_time"] == "adc4")
        & (table["compensation"] == "tile") & (table["programmed_by"] == "gdp")
    ].iloc[0]  # fmt: skip
    assert row["accuracy [percent]"] == pytest.approx(81.2 - 10)
    relation = pd.read_csv(cells / "data" / "network_relation_own.csv")
    relation = relation.dropna()
    lost = 84 - (90 - relation["layer_error [percent]"] / np.sqrt(0.625))
    np.testing.assert_allclose(relation["lost [points]"], lost, rtol=1e-4)


def test_every_network_has_its_own_layers(cells):
    """Layers of all networks share one axis of the data."""
    for name in ("own", "resnet9"):
        table = pd.read_csv(cells / "data" / f"network_packing_{name}.csv")
        expected = {f"{name}_first", f"{name}_classifier"}
        assert set(table["layer"]) == expected
        errors = pd.read_csv(cells / "data" / f"network_layers_{name}.csv")
        assert set(errors["layer"]) == expected


def test_the_converters_in_software_are_those_of_the_study(tmp_path):
    """Not those of its first case."""
    bits = {"bits": {"keys": ["periphery.adc_bits"], "values": [5, 8]}}
    page = check_links(site(tmp_path, compare=bits) / "accuracy.html")
    assert "behind converters of 8.71 bits 83.50 %" in words(page)


def test_changes_of_answers_are_per_chip(cells):
    """Class 0 is taken for 2 by one image in software, by 3 after iterative programming."""
    table = pd.read_csv(cells / "data" / "network_confusion_own.csv")
    change = table[(table["actual"] == 0) & (table["said"] == 2)].set_index("programmed_by")
    assert change["change [images]"].to_dict() == {"iterative": 2, "gdp": 1}


def test_results_are_beside_the_page_with_their_own_names(cells):
    results = (cells.parent / "accuracy.nc").read_bytes()
    assert (cells / "data" / "accuracy.nc").read_bytes() == results
    assert not (cells / "data" / "accuracy.csv").exists()


@pytest.mark.browser
def test_page_in_a_browser(cells):
    require()
    check_site(cells / "index.html", accessible=["accuracy.html"])
