"""The command line trains, and writes a file that reads back."""

import subprocess
import sys

import pytest

from aimcsim.common.storage import read_dataset
from tests.images import small, write_binary

SETTINGS = """
network: {widths: [4, 6, 6]}
batch: 20
compile: false
phases:
  - {name: float, epochs: 1, learning_rate: 0.05}
"""


def command(tmp_path, *options):
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    return subprocess.run(
        [
            sys.executable, "-m", "aimcsim.cli", *options, "train", tmp_path / "settings.yaml",
            "--images", tmp_path / "images", "--checkpoint", tmp_path / "checkpoint.pt",
            "--output", tmp_path / "network.nc",
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip


def test_train(tmp_path):
    pytest.importorskip("torch")
    write_binary(small(), tmp_path / "images" / "cifar-10-batches-bin")
    log = tmp_path / "log.txt"
    done = command(tmp_path, "--log", log)
    assert done.returncode == 0, done.stderr
    assert "float 1/1: loss" in log.read_text()
    first = (tmp_path / "network.nc").read_bytes()
    stored = read_dataset(tmp_path / "network.nc")
    assert stored.attrs["network"] == "resnet9"
    assert command(tmp_path).returncode == 0
    assert (tmp_path / "network.nc").read_bytes() == first


def test_without_pytorch_the_remedy_is_named(tmp_path, monkeypatch):
    blocked = tmp_path / "blocked" / "torch.py"
    blocked.parent.mkdir()
    blocked.write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(blocked.parent), prepend=":")
    done = command(tmp_path)
    assert done.returncode == 2
    assert "pip install 'aimcsim[train]'" in done.stderr
    assert "Traceback" not in done.stderr
