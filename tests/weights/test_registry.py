"""Kinds of weights by name, those of the user among them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from aimcsim.common.errors import UserError
from aimcsim.mapping.dataset import matrices
from aimcsim.weights.check import check_files
from aimcsim.weights.dataset import build
from aimcsim.weights.network import NetworkWeights
from aimcsim.weights.registry import WEIGHTS, WeightSet, weight_set

MINE = """
import numpy as np
import xarray as xr
from aimcsim.common.errors import UserError
from aimcsim.common.section import key
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.weights.registry import WeightSet


class Circulant(WeightSet):
    size: int = key(4, "Rows and columns.", ge=1)
    source: str | None = key(None, "File of the first row.")

    def build(self, name, seed):
        row = np.random.default_rng(seed).normal(size=self.size)
        if self.source:
            try:
                row = np.loadtxt(self.source)
            except ValueError as error:
                raise UserError(f"{self.source}: {error}. Correct the file.") from error
        matrix = np.stack([np.roll(row, shift) for shift in range(len(row))])
        return xr.Dataset(matrix_variables([(name, matrix)]))

    def files(self):
        return (self.source,) if self.source else ()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working folder, with a kind of the user's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def test_every_kind_is_there_and_has_a_section_of_its_own():
    assert {"gaussian", "low_rank", "digits", "file", "network"} <= set(WEIGHTS)
    for name in WEIGHTS.packaged():  # other tests may have added kinds of their own
        kind = WEIGHTS[name]
        assert issubclass(kind, WeightSet)
        assert kind.__doc__
        assert name in str(kind.model_fields["kind"].annotation)


def test_a_kind_of_ones_own_is_built_clipped_and_named():
    definition = weight_set({"kind": "mine.py:Circulant", "size": 9, "clip_sigmas": 1.0})
    built = build("mine", definition, 3)
    row = np.random.default_rng(3).normal(size=9)
    bound = np.stack([np.roll(row, k) for k in range(9)]).astype(np.float32).std(dtype=float)
    ((name, matrix),) = matrices(built)
    assert name == "mine"
    np.testing.assert_allclose(matrix[0], np.clip(row, -bound, bound), rtol=1e-6)
    assert built.attrs["kind"] == "mine.py:Circulant"
    assert weight_set(json.loads(built.attrs["definition"])) == definition
    assert WEIGHTS.source("mine.py:Circulant").name == "mine.py"


def test_files_of_a_kind_of_ones_own_are_checked(folder):
    weights = {"mine": weight_set({"kind": "mine.py:Circulant", "source": "row.txt"})}
    (folder / "row.txt").write_text("1 2 x")
    with pytest.raises(UserError, match=r"^weights\.mine: row\.txt: .*Correct the file"):
        check_files(weights)
    (folder / "row.txt").write_text("1 2 3")
    check_files(weights)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"kind": "gausian"}, ["'gausian'", "gaussian, uniform", "mine.py:Mine"]),
        ({}, ["'None'", "choose from"]),
        ({"kind": "gaussian", "rows": 0}, ["'gaussian'", "rows"]),
        ({"kind": "mine.py:Circulant", "sise": 3}, ["'mine.py:Circulant'", "sise"]),
        ({"kind": "mine.py:Missing"}, ["no class 'Missing'", "WeightSet", "Circulant"]),
        ({"kind": "none.py:Mine"}, ["none.py", "not readable"]),
    ],
)
def test_a_wrong_section_names_the_kind_and_the_key(definition, words):
    with pytest.raises(UserError) as caught:
        weight_set(definition)
    for word in words:
        assert word in str(caught.value)


def test_images_are_no_part_of_what_is_programmed():
    definition = NetworkWeights(kind="network", path="a.onnx", images="a.npz")
    assert definition.programmed_definition() == NetworkWeights(
        kind="network", path="a.onnx"
    ).model_dump(mode="json")


def test_naming_the_kinds_imports_nothing_slow():
    """The configuration asks for them, at the start of every stage."""
    code = (
        "import sys; from aimcsim.weights.registry import WEIGHTS; list(WEIGHTS);"
        "print([name for name in ('onnx', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
