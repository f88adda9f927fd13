"""A file is trusted only with its seal: whole, of that name, and read in a bounded time."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aimcsim.common import bounded, seals, storage
from aimcsim.common.contents import contents_of, digest_of
from aimcsim.common.errors import UserError
from aimcsim.common.processes import this_process


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "summary.nc"
    storage.write_dataset(xr.Dataset({"a": ("x", np.arange(500.0))}), path, made_from="12ab-record")
    return path


def test_what_is_written_is_trusted_and_says_what_it_was_made_from(stored):
    assert seals.made_from(stored) == "12ab-record"
    assert storage.read_dataset(stored)["a"].sum() == 500 * 499 / 2
    lines = seals.seal_path(stored).read_text().splitlines()
    assert lines[1] == f"{digest_of(stored)}  summary.nc"  # as sha256sum has it


def flip(path, where):
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 16
    path.write_bytes(content)


FAULTS = {
    "header": lambda path: flip(path, 0.02),
    "values": lambda path: flip(path, 0.9),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "emptied": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "seal of another": lambda path: seals.seal_path(path).write_text(
        seals.seal_path(path).read_text().replace("summary", "other")
    ),
    "seal damaged": lambda path: flip(seals.seal_path(path), 0.1),
    "seal no text": lambda path: seals.seal_path(path).write_bytes(b"\xff\xfe"),
    "seal emptied": lambda path: seals.seal_path(path).write_bytes(b""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_damaged_is_never_opened(stored, fault, monkeypatch):
    monkeypatch.setattr(xr, "open_dataset", lambda *_, **__: pytest.fail("opened"))
    FAULTS[fault](stored)
    with pytest.raises(seals.Broken):
        seals.made_from(stored)
    with pytest.raises(UserError, match=r"summary\.nc: damaged .* Run the workflow again"):
        storage.read_dataset(stored)


def test_a_sibling_in_its_place_is_found_with_and_without_its_seal(stored, tmp_path):
    sibling = tmp_path / "sibling.nc"
    storage.write_dataset(xr.Dataset({"a": ("x", np.ones(500))}), sibling, made_from="12ab-record")
    for names in ([""], ["", seals.SUFFIX]):
        for suffix in names:
            shutil.copy2(f"{sibling}{suffix}", f"{stored}{suffix}")
        with pytest.raises(seals.Broken):
            seals.made_from(stored)


def test_a_seal_covers_further_files(tmp_path):
    for name in ("a.html", "b.html"):
        (tmp_path / name).write_text(name)
    first, other = tmp_path / "a.html", tmp_path / "b.html"
    seals.seal_path(first).write_text(seals.seal(first, "made", [other]).text)
    assert seals.made_from(first) == "made"
    other.write_text("edited")
    with pytest.raises(seals.Broken, match=r"b\.html does not hold"):
        seals.made_from(first)
    other.unlink()
    with pytest.raises(seals.Broken, match=r"b\.html is not readable"):
        seals.made_from(first)


ENDLESS = Path(__file__).resolve().parents[3] / "shared" / "cases" / "21-files" / "hang_states.nc"


@pytest.mark.skipif(not ENDLESS.is_file(), reason="needs the file of ../shared")
def test_reading_a_damaged_file_without_a_seal_ends(monkeypatch):
    """One bit of its index is flipped: the HDF5 library never comes back."""
    monkeypatch.setattr(bounded, "SECONDS", 1.0)
    with pytest.raises(UserError, match=r"hang_states\.nc: .*reading does not end"):
        storage.read_dataset(ENDLESS)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("while True: pass", "does not end"),
        ("import os; os.abort()", "ends the process"),
        ("raise MemoryError", "more memory"),
    ],
)
def test_whatever_a_library_does_with_a_file_reading_ends(stored, code, reason, monkeypatch):
    read = bounded._READ.replace("    with netCDF4", f"    {code}\n    with netCDF4")
    monkeypatch.setattr(bounded, "_READ", read)
    monkeypatch.setattr(bounded, "SECONDS", 1.0)
    with pytest.raises(UserError, match=rf"summary\.nc: not readable .*{reason}"):
        bounded.require_readable(stored)


def test_a_file_of_the_users_without_a_seal_is_read(tmp_path):
    path = tmp_path / "mine.nc"
    xr.Dataset({"a": ("x", np.arange(5.0)), "text": "é"}, attrs={"b": 1}).to_netcdf(path)
    assert storage.read_dataset(path)["a"].sum() == 10


def test_digests_are_of_what_files_hold(tmp_path):
    """Of what a link points to; not of names, places and times."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "a.bin").write_bytes(b"old")
    one, two = (folder / "a.bin" for folder in folders)
    before = digest_of(one)
    link = tmp_path / "link.bin"
    link.symlink_to(one)
    assert digest_of(two) == digest_of(link) == before
    assert digest_of(folders[0]) == digest_of(folders[1])
    listed = contents_of([one, tmp_path / "missing"])
    two.write_bytes(b"new")
    stat = one.stat()
    os.utime(two, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**12))
    os.replace(two, one)  # of the same size, and older
    assert digest_of(link) == digest_of(one) != before
    assert contents_of([one, tmp_path / "missing"]) != listed
    assert contents_of([one]) != contents_of([one, tmp_path / "missing"])


def test_leftovers_of_killed_processes_are_removed_and_of_living_ones_kept(tmp_path):
    owner = this_process().text
    gone = f"{owner.rpartition('-')[0]}-1"  # a process of that number, started at another time
    folder = tmp_path / "shards"
    folder.mkdir()
    names = [f".a.nc.{one}.x1.tmp" for one in (owner, gone)] + [".a.nc.tmp", "a.nc"]
    for name in names:
        (folder / name).touch()
    storage.remove_leftovers(tmp_path)
    assert {path.name for path in folder.iterdir()} == {*names} - {names[1]}
