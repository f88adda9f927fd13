"""The weights dataset: contents, clipping, errors, and the way through a file."""

import json

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.storage import read_dataset, write_dataset
from aimcsim.mapping.dataset import matrices, matrix_variables
from aimcsim.networks.dataset import network_of
from aimcsim.weights.dataset import build
from aimcsim.weights.digits import DigitsWeights, train
from aimcsim.weights.files import FileWeights
from aimcsim.weights.registry import WeightSet
from aimcsim.weights.synthetic import SyntheticWeights, draw


def synthetic(**options):
    return SyntheticWeights(**({"kind": "gaussian", "rows": 30, "columns": 20} | options))


def test_synthetic_set():
    definition = synthetic()
    built = build("mine", definition, 5)
    assert list(built.data_vars) == ["matrix_000"]
    assert built["matrix_000"].dims == ("input_000", "output_000")
    assert built["matrix_000"].attrs == {"long_name": "mine", "units": "1"}
    assert built["matrix_000"].dtype == np.float32
    np.testing.assert_array_equal(built["matrix_000"], draw(definition, 5, "mine"))
    assert built.attrs["weight_set"] == "mine"
    assert built.attrs["kind"] == "gaussian"
    assert SyntheticWeights(**json.loads(built.attrs["definition"])) == definition


def test_file_set_keeps_order_and_names(tmp_path):
    arrays = {"z": np.eye(3), "a": np.ones((2, 4)), "bias": np.ones(3)}
    np.savez(tmp_path / "w.npz", **arrays)
    built = build("mine", FileWeights(kind="file", path=str(tmp_path / "w.npz")), 1)
    assert list(built.data_vars) == ["matrix_000", "matrix_001"]
    assert built["matrix_001"].dims == ("input_001", "output_001")
    assert [name for name, _ in matrices(built)] == ["z", "a"]
    for name, matrix in matrices(built):
        np.testing.assert_array_equal(matrix, arrays[name])
    assert built.attrs["kind"] == "file"


def test_more_than_a_thousand_matrices_stay_in_order(tmp_path):
    arrays = {f"layer{index}": np.full((1, 1), index + 1.0) for index in range(1002)}
    np.savez(tmp_path / "w.npz", **arrays)
    built = build("mine", FileWeights(kind="file", path=str(tmp_path / "w.npz")), 1)
    assert [float(matrix[0, 0]) for _, matrix in matrices(built)] == list(range(1, 1003))


@pytest.mark.parametrize("kind", ["gaussian", "sparse"])
def test_clipping_uses_the_entries_other_than_zero(kind):
    plain = build("mine", synthetic(kind=kind), 1)["matrix_000"].values
    clipped = build("mine", synthetic(kind=kind, clip_sigmas=1.5), 1)["matrix_000"].values
    bound = 1.5 * plain[plain != 0].astype(float).std()
    np.testing.assert_allclose(clipped, np.clip(plain, -bound, bound), rtol=1e-6)
    assert np.abs(clipped).max() == pytest.approx(bound, rel=1e-6)
    assert clipped.dtype == np.float32


def test_clipping_is_done_for_each_matrix_of_a_file(tmp_path):
    arrays = {"a": np.array([[1.0, -1.0, 9.0]]), "b": np.array([[0.1, -0.1, 0.9]])}
    np.savez(tmp_path / "w.npz", **arrays)
    definition = FileWeights(kind="file", path=str(tmp_path / "w.npz"), clip_sigmas=1.0)
    for name, matrix in matrices(build("mine", definition, 1)):
        bound = arrays[name].std()
        np.testing.assert_allclose(matrix, np.clip(arrays[name], -bound, bound), rtol=1e-6)


@pytest.mark.parametrize("value", [0.3, -7.0, 1e-30])
def test_equal_entries_are_not_clipped(tmp_path, value):
    array = np.full((7, 9), value, np.float32)
    array[0] = 0
    np.save(tmp_path / "w.npy", array)
    definition = FileWeights(kind="file", path=str(tmp_path / "w.npy"), clip_sigmas=2.0)
    np.testing.assert_array_equal(matrices(build("mine", definition, 1))[0][1], array)


@pytest.fixture(scope="module")
def digits_set():
    return build("net", DigitsWeights(kind="digits", hidden=(24,), clip_sigmas=1.0), 3)


def test_digits_set(digits_set):
    names = [name for name, _ in matrices(digits_set)]
    assert names == ["layer_0", "layer_1"]
    assert digits_set.attrs["network"] == "onnx"
    assert digits_set.attrs["kind"] == "digits"
    assert (digits_set.attrs["packing"], digits_set.attrs["scale"]) == ("own", "tile")


def test_the_network_has_the_clipped_matrices(digits_set):
    plain = train((24,), 3)
    assert np.abs(digits_set["matrix_000"].values).max() < 0.8 * np.abs(plain[0].matrix).max()
    for product, (_, matrix) in zip(
        network_of(digits_set).products, matrices(digits_set), strict=True
    ):
        np.testing.assert_array_equal(product.matrix, matrix)


def test_other_sets_are_no_networks():
    assert "network" not in build("mine", synthetic(), 1).attrs


def test_way_through_a_file(tmp_path, digits_set):
    write_dataset(digits_set, tmp_path / "w.nc")
    read_back = read_dataset(tmp_path / "w.nc")
    xr.testing.assert_identical(read_back, digits_set)
    assert len(matrices(read_back)) == 2


def test_same_bytes_again(tmp_path):
    for name in ("a.nc", "b.nc"):
        write_dataset(build("mine", synthetic(kind="low_rank"), 1), tmp_path / name)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_error_of_a_file_names_the_set(tmp_path):
    definition = FileWeights(kind="file", path=str(tmp_path / "none.npy"))
    with pytest.raises(UserError, match=r"^weights\.mine: .*none\.npy: no such file\. Correct"):
        build("mine", definition, 1)


def test_all_zero_draw_names_the_set_and_the_remedy():
    definition = synthetic(rows=1, columns=1, zeros=0.999)
    with pytest.raises(UserError, match=r"^weights\.mine, matrix 'mine': all 1 entries.*zeros"):
        build("mine", definition, 1)


@pytest.mark.parametrize(
    ("matrix", "text"),
    [
        (np.full((2, 2), np.nan), "4 of 4 entries are not finite"),
        (np.zeros((2, 3)), "all 6 entries are zero"),
        (np.ones((0, 3)), "holds no value"),
    ],
)
def test_every_matrix_is_checked(matrix, text):
    class Given(WeightSet):
        def build(self, name, seed):
            return xr.Dataset(matrix_variables([("given", matrix)]))

    with pytest.raises(UserError, match=rf"^weights\.mine, matrix 'given': .*{text}.* Correct"):
        build("mine", Given(kind="given", clip_sigmas=2.0), 1)
