"""The benchmark suite runs, and what it prints is what it writes. Speed is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cores import Case, Trial
from benchmarks.roofline import Limits
from benchmarks.tables import Table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """(what a quick run printed, the JSON it wrote, its folder)."""
    folder = tmp_path_factory.mktemp("benchmarks")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--output", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "suite.json").read_text()), folder


def test_every_part_is_printed_as_it_is_written(quick):
    printed, suite, folder = quick
    parts = {"limits", "batch", "cores", "throughput", "memory", "networks", "startup"}
    assert set(suite["tables"]) == parts
    for content in suite["tables"].values():
        assert Table(**content).text() in printed
    assert (folder / "roofline.svg").stat().st_size > 0
    assert suite["quick"]
    assert suite["machine"]["numba"]


def test_figures_of_the_tables_agree_with_each_other(quick):
    _, suite, _ = quick
    for axis in ("batch", "cores"):
        table = Table(**suite["tables"][axis])
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        assert {row["inputs"] for row in rows} == {"uniform", "orthogonal"}
        for row in rows:
            # One round: the median of the ratios is the ratio.
            assert row["GDP / products"] == pytest.approx(row["GDP (ms)"] / row["products (ms)"])
            assert row["GDP / limit"] == pytest.approx(row["GDP (ms)"] / row["limit (ms)"])
    shards = Table(**suite["tables"]["throughput"])
    rates = shards.column("core-iterations per s")
    assert shards.column("times one thread") == pytest.approx([rate / rates[0] for rate in rates])
    networks = Table(**suite["tables"]["networks"])
    bare, *kinds = (dict(zip(networks.columns, row, strict=True)) for row in networks.rows)
    for row in kinds:
        ratio = row["time per image (ms)"] / bare["time per image (ms)"]
        assert row["times the bare products"] == pytest.approx(ratio)
        rate = row["images per s, one process"]
        assert rate == pytest.approx(1e3 / row["time per image (ms)"])
        assert row["images per s, two, wall"] > 0
        assert row["peak memory (MiB)"] > 10
    startup = Table(**suite["tables"]["startup"])
    steps = dict(zip(startup.column("what"), startup.column("processor (ms)"), strict=True))
    assert steps["`aimcsim program` of a tiny shard"] > steps["Python alone"] > 0


def test_operations_are_those_of_the_products_and_of_each_output_and_cell():
    """By hand, 2 points of a 4 x 4 core with 8 inputs; and transforms in place of products."""
    case = Case(cores=1, points=2, batch=8, size=4)
    own = 3 * (2 * 8 * 4 * 4) + 2 * 4 * 4 * 4
    shared = 2 * 8 * 4 * 4 + 8 * 4 * 4
    rest = 70 * 8 * 4 + 50 * 4 * 4
    assert case.products() == own + shared / 2
    assert case.operations() == case.products() + rest + 30 * 8 * 4 / 2
    assert Case(1, 2, 8, 4, "orthogonal").operations() == 2.5 * (2 * 4 * 4 * 2) + rest
    partial = Case(1, 2, 6, 4, "orthogonal")
    assert partial.operations() > partial.products()


def test_a_limit_is_the_slower_of_arithmetic_and_traffic():
    limits = Limits(operations=100.0, bandwidth=1.0, cache=10.0)
    assert limits.shortest(200, 10) == 2
    assert limits.shortest(200, 40) == 4


def test_a_trial_times_iterations_that_it_ran():
    trial = Trial(Case(1, 2, 8, 8, iterations=3))
    assert 0 < trial.iterate() < 1
    assert 0 < trial.products() < 1


def test_a_table_is_one_in_text_and_in_markdown():
    table = Table("Title", "Note.", ["what", "time (ms)"], [["a", 0.12345], ["b", 12345.6]])
    assert "a         0.123" in table.text()
    assert "| b | 12,346 |" in table.markdown()
    assert table.find({"what": "b"}) == {"what": "b", "time (ms)": 12345.6}
