"""Snakemake is told by times which files to make anew; times themselves decide nothing."""

import os
import time

import pytest

from aimcsim.common import seals
from aimcsim.common.storage import write_text
from aimcsim.sweep.audit import DISTRUSTED, MIDDLE, examine, mark, renew, set_middle

WANTED = {"a.json": "1a", "b.nc": "2b-record", "c.nc": "2b-states", "d.nc": "3d"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, made_from in list(WANTED.items())[:3]:
        write_text(path, path, made_from)
    return tmp_path


def times():
    return {path: os.stat(path).st_mtime for path in WANTED if os.path.exists(path)}


def marked(wanted=WANTED):
    said = []
    mark(examine(wanted), said.append)
    return {path for path, when in times().items() if when == DISTRUSTED}, said


def test_what_is_there_and_as_it_should_be_keeps_its_time():
    before = times()
    assert examine(WANTED) == dict.fromkeys(list(WANTED)[:3])
    assert marked() == (set(), [])
    assert times() == before


@pytest.mark.parametrize("when", [0, MIDDLE, 2e9], ids=["archive", "middle", "future"])
def test_odd_times_of_trusted_files_bring_nothing_about(when):
    os.utime("a.json", (when, when))
    assert marked() == (set(), [])
    assert MIDDLE < os.stat("a.json").st_mtime <= time.time()


def test_what_is_damaged_is_named_and_made_anew_with_its_jobs_other_file(folder):
    (folder / "b.nc").write_text("x")
    os.utime("b.nc", (2e9, 2e9))
    found, (text,) = marked()
    assert found == {"b.nc", "c.nc"}
    assert text.startswith("b.nc: damaged")
    assert examine(WANTED)["a.json"] is None


def test_what_was_made_from_something_else_is_made_anew_without_a_word():
    changed = WANTED | {"a.json": "1other"}
    assert marked(changed) == ({"a.json"}, [])
    assert marked(WANTED) == (set(), [])  # the change is taken back
    assert os.stat("a.json").st_mtime > MIDDLE


def test_times_of_all_other_files_say_nothing(folder):
    for name, when in {
        "old.tsv": 0,
        "new.json": 4e9,
        "a.json": DISTRUSTED,
        "fine.log": 1.5e9,
    }.items():
        (folder / name).touch()
        os.utime(name, (when, when))
    renew(folder)
    found = {name: os.stat(name).st_mtime for name in ("a.json", "fine.log")}
    assert found == {"a.json": DISTRUSTED, "fine.log": 1.5e9}
    assert all(MIDDLE < os.stat(name).st_mtime <= time.time() for name in ("old.tsv", "new.json"))


def test_a_file_without_a_seal_is_not_trusted(folder):
    seals.seal_path(folder / "a.json").unlink()
    assert marked()[0] == {"a.json"}


def test_the_folder_that_divides_old_from_new(folder):
    set_middle(folder / "results" / "_middle")
    assert os.stat("results/_middle").st_mtime == MIDDLE > DISTRUSTED
