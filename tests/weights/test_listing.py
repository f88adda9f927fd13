"""What ``aimcsim check`` shows of a weight set, and what it warns of."""

import numpy as np
import pytest
import safetensors.numpy
from typer.testing import CliRunner

from aimcsim.cli import app
from aimcsim.shards.groups import cut_into
from aimcsim.weights.dataset import build
from aimcsim.weights.files import FileWeights
from aimcsim.weights.listing import OUTLIERS, describe, listed
from aimcsim.weights.registry import WEIGHTS
from aimcsim.weights.synthetic import SyntheticWeights

DRAW = np.random.default_rng(0)
EVEN = DRAW.normal(0, 0.1, (40, 16)).astype(np.float32)


def of_file(folder, values, **settings):
    """Lines, warnings and the first matrix of a set of one matrix on cores of 32 x 16."""
    np.save(folder / "w.npy", values)
    definition = FileWeights(kind="file", path=str(folder / "w.npy"), **settings)
    dataset = build("mine", definition, 1)
    (one,) = listed(dataset, cut_into(dataset, 32, 16))
    return *describe("mine", definition, dataset, 32, 16), one


def test_shape_type_range_and_tiles(tmp_path):
    lines, warnings, one = of_file(tmp_path, EVEN.astype(np.float16))
    assert (one.shape, one.stored_as, one.tiles) == ((40, 16), "float16", 2)
    assert one.lowest == pytest.approx(EVEN.min(), rel=1e-3)
    assert one.ratio == pytest.approx(np.abs(EVEN).max() / np.sqrt(np.mean(EVEN**2)), rel=1e-3)
    text = "\n".join(lines)
    for word in ("weights.mine: 1 matrix", "w.npy", "2 tiles", "40 x 16", "float16", "-0.3"):
        assert word in text
    assert not warnings


def test_zeros_are_counted_and_named(tmp_path):
    values = np.concatenate([EVEN[:32], np.zeros((96, 16), np.float32)])
    values[:, 3] = 0
    lines, warnings, one = of_file(tmp_path, values)
    assert (one.tiles, one.zero_tiles, one.zero_columns) == (4, 3, 1)
    assert "4, 3 of zeros; 1 column of zeros" in "\n".join(lines)
    (warning,) = warnings
    assert warning.startswith("weights.mine: 3 tiles of 'w' hold nothing but zeros.")
    assert "left out of means" in warning


def outlying(column_alone: bool) -> np.ndarray:
    """One column of large weights, or one large weight in every column."""
    values = np.random.default_rng(1).normal(0, 0.1, (300, 300)).astype(np.float32)
    if column_alone:
        values[:, 5] *= 200
    else:
        values[7] *= 200
    return values


def test_outliers_are_told_with_what_helps(tmp_path):
    _, warnings, one = of_file(tmp_path, outlying(column_alone=False))
    assert one.ratio > OUTLIERS
    (warning,) = warnings
    assert f"more than {OUTLIERS:g} times the root mean square" in warning
    assert "`clip_sigmas: 4`" in warning
    assert "`scale: column`" in warning
    _, warnings, one = of_file(tmp_path, outlying(column_alone=False), clip_sigmas=0.2)
    assert one.ratio < OUTLIERS
    assert not warnings


def test_a_scale_per_column_helps_where_one_column_is_large(tmp_path):
    values = outlying(column_alone=True)
    assert of_file(tmp_path, values)[2].ratio > OUTLIERS
    _, warnings, one = of_file(tmp_path, values, scale="column")
    assert one.ratio < 5
    assert not warnings
    _, (warning,), one = of_file(tmp_path, outlying(column_alone=False), scale="column")
    assert one.ratio > OUTLIERS
    assert "`clip_sigmas: 4`" in warning
    assert "column" not in warning


def test_random_matrices_have_no_file_and_may_have_draws():
    definition = SyntheticWeights(kind="gaussian", rows=40, columns=16, draws=3)
    lines, warnings = describe("g", definition, build("g", definition, 1), 32, 16)
    assert lines[0] == "weights.g: 1 matrix, 2 tiles; of 3 draws the first"
    assert not warnings


def test_check_lists_what_is_taken_and_what_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {
        "fc.weight": np.arange(-96, 96).astype(np.int8).reshape(12, 16),
        "fc.weight_scale": np.full((12, 1), 0.01, np.float32),
        "fc.bias": np.zeros(12, np.float32),
        "embed.weight": EVEN,
    }
    safetensors.numpy.save_file(arrays, "w.safetensors")
    (tmp_path / "mine.yaml").write_text(
        "study: mine\nweights: {w: {kind: file, path: w.safetensors, transpose: true}}\n"
    )
    done = CliRunner().invoke(app, ["check", "mine.yaml"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("weights.w: 1 matrix"))
    end = next(i for i, line in enumerate(lines) if line.startswith("Expected"))
    named = [line.split()[0] for line in lines[first + 1 : end]]
    assert named[:3] == ["matrix", "fc.weight", "left"]
    assert sorted(named[3:]) == ["embed.weight", "fc.bias", "fc.weight_scale"]
    assert "I8, dequantised by 'fc.weight_scale'" in lines[first + 2]
    assert "-0.96 to 0.95" in lines[first + 2]


OWN = """
import numpy as np
import xarray as xr
from aimcsim import WeightSet

class Trained(WeightSet):
    "Trained when the study runs."

    def build(self, name, seed):
        raise RuntimeError("a training of hours")
"""


def test_what_a_kind_of_ones_own_makes_is_not_made_for_the_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "mine.yaml").write_text('study: mine\nweights: {w: {kind: "mine.py:Trained"}}\n')
    monkeypatch.setattr(WEIGHTS, "_items", {**WEIGHTS})  # which a kind of one's own joins
    done = CliRunner().invoke(app, ["check", "mine.yaml"])
    assert done.exit_code == 0, done.output
    assert "weights.w: made by mine.py:Trained when the study runs" in done.output
    assert "12 runs" in done.output
    assert "on the disk, without weights.w." in done.output
