"""Matrices from files: round trips of each format, layouts, and the error of each mistake."""

import json
import pickle
import zipfile
from io import BytesIO

import netCDF4
import numpy as np
import pytest
import safetensors.numpy
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.weights.files import FileWeights, read

SUFFIXES = (".npz", ".safetensors", ".nc")
ALL_SUFFIXES = (".npy", *SUFFIXES)


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def save(path, arrays):
    """Write ``arrays`` (name -> array) in the format of the suffix; .npy takes the first."""
    if path.suffix == ".npy":
        np.save(path, next(iter(arrays.values())))
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".safetensors":
        contiguous = {name: array.copy(order="C") for name, array in arrays.items()}
        safetensors.numpy.save_file(contiguous, path)
    else:
        dims = {
            name: ([f"{name}_{axis}" for axis in range(array.ndim)], array)
            for name, array in arrays.items()
        }
        xr.Dataset(dims).to_netcdf(path, engine="netcdf4")
    return path


def load(path, **options):
    return read(FileWeights(kind="file", path=str(path), **options)).matrices


def message(path, **options):
    """The error of reading ``path``, which must name the file."""
    with pytest.raises(UserError) as caught:
        load(path, **options)
    text = str(caught.value)
    assert text.startswith(str(path))
    return text


def raw_safetensors(path, dtype, shape, data):
    header = {"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


# Round trips


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_of_several_arrays(tmp_path, suffix):
    arrays = {"z": values(5, 3), "a": values(2, 7, seed=1), "bias": values(3), "step": values()}
    matrices = load(save(tmp_path / f"w{suffix}", arrays))
    # The safetensors library sorts by name as it writes; the other formats keep the order.
    assert list(matrices) == (["a", "z"] if suffix == ".safetensors" else ["z", "a"])
    for name, matrix in matrices.items():
        assert matrix.dtype == np.float32
        assert matrix.flags.c_contiguous
        np.testing.assert_array_equal(matrix, arrays[name])


def test_npy_is_named_as_the_file(tmp_path):
    array = values(4, 6)
    matrices = load(save(tmp_path / "layer.npy", {"": array}))
    assert list(matrices) == ["layer"]
    np.testing.assert_array_equal(matrices["layer"], array)
    assert list(load(tmp_path / "layer.npy", select=("layer",))) == ["layer"]


def test_safetensors_come_in_the_order_of_the_data(tmp_path):
    path = tmp_path / "w.safetensors"
    header = {
        "a": {"dtype": "F32", "shape": [1, 2], "data_offsets": [8, 16]},
        "__metadata__": {"format": "pt"},
        "b": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
    }
    text = json.dumps(header).encode()
    data = np.array([1, 2, 3, 4], np.float32).tobytes()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    matrices = load(path)
    assert {name: matrix.tolist() for name, matrix in matrices.items()} == {
        "b": [[1], [2]],
        "a": [[3, 4]],
    }
    assert list(matrices) == ["b", "a"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_selection_keeps_the_order_of_the_file(tmp_path, suffix):
    arrays = {"a": values(2, 3), "b": values(3, 2), "c": values(4, 4)}
    path = save(tmp_path / f"w{suffix}", arrays)
    assert list(load(path, select=("c", "a"))) == ["a", "c"]


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "int64", "uint16"])
def test_types_become_float32(tmp_path, suffix, dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    (matrix,) = load(save(tmp_path / f"w{suffix}", {"w": array}), select=("w",)).values()
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.arange(12).reshape(3, 4))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
@pytest.mark.parametrize("dtype", ["float16", "bool"])
def test_types_that_netcdf_lacks(tmp_path, suffix, dtype):
    array = (values(3, 4) > 0).astype(dtype)
    (matrix,) = load(save(tmp_path / f"w{suffix}", {"w": array}), select=("w",)).values()
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, array)


def test_big_endian_and_fortran_order(tmp_path):
    array = np.asfortranarray(values(3, 4).astype(">f8"))
    (matrix,) = load(save(tmp_path / "w.npy", {"w": array})).values()
    np.testing.assert_array_equal(matrix, array)


def test_bfloat16_is_read_exactly(tmp_path):
    # Sign, 8 bits of exponent, 7 of mantissa: 1.0, -2.0, 3.140625 and the smallest normal.
    bits = np.array([0x3F80, 0xC000, 0x4049, 0x0080], "<u2")
    path = raw_safetensors(tmp_path / "w.safetensors", "BF16", [2, 2], bits.tobytes())
    assert load(path)["w"].tolist() == [[1.0, -2.0], [3.140625, 2.0**-126]]


def test_other_tensor_types_are_refused(tmp_path):
    path = raw_safetensors(tmp_path / "w.safetensors", "F8_E4M3", [2, 2], b"\x38" * 4)
    text = message(path)
    assert "array 'w'" in text
    assert "F8_E4M3" in text
    assert "Convert it to float32" in text


@pytest.mark.parametrize("format", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def test_versions_of_netcdf(tmp_path, format):
    packed = xr.Dataset({"w": (("i", "j"), np.array([[1.0, 2.0], [3.0, 4.5]]))})
    packed["w"].attrs["units"] = "days since 2000-01-01"  # must not become dates
    path = tmp_path / "w.nc"
    encoding = {"w": {"dtype": "int16", "scale_factor": 0.5, "_FillValue": -1}}
    packed.to_netcdf(path, format=format, engine="netcdf4", encoding=encoding)
    assert load(path)["w"].tolist() == [[1.0, 2.0], [3.0, 4.5]]


def test_netcdf_that_cannot_be_read_safely(tmp_path):
    path = tmp_path / "w.nc"
    dataset = xr.Dataset({"w": (("i", "j"), values(3, 3))})
    dataset.to_netcdf(path, format="NETCDF3_64BIT", engine="netcdf4")
    path.write_bytes(b"CDF\x05" + path.read_bytes()[4:])
    text = message(path)
    assert "CDF-5 is not read" in text
    assert "Convert it to netCDF-4" in text


def test_suffix_in_capitals(tmp_path):
    array = values(2, 2)
    save(tmp_path / "w.npy", {"w": array}).rename(tmp_path / "W.NPY")
    np.testing.assert_array_equal(load(tmp_path / "W.NPY")["W"], array)


# Layout


def test_transpose_of_a_matrix(tmp_path):
    array = values(3, 5)
    matrix = load(save(tmp_path / "w.npy", {"w": array}), transpose=True)["w"]
    assert matrix.flags.c_contiguous
    np.testing.assert_array_equal(matrix, array.T)


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
def test_kernel_of_pytorch(tmp_path, suffix):
    outputs, channels, height, width = 5, 2, 3, 4
    kernel = values(outputs, channels, height, width)
    (matrix,) = load(save(tmp_path / f"w{suffix}", {"w": kernel}), transpose=True).values()
    assert matrix.shape == (channels * height * width, outputs)
    row = 0
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                for output in range(outputs):
                    assert matrix[row, output] == kernel[output, channel, y, x]
                row += 1


def test_kernel_of_pytorch_computes_the_convolution(tmp_path):
    kernel, image = values(5, 2, 3, 4), values(2, 6, 7, seed=1)
    matrix = load(save(tmp_path / "w.npy", {"w": kernel}), transpose=True)["w"]
    patch = image[:, 1:4, 2:6]
    expected = [np.sum(kernel[output] * patch) for output in range(5)]
    np.testing.assert_allclose(patch.reshape(-1) @ matrix, expected, rtol=1e-4, atol=1e-5)


def test_kernel_with_outputs_last(tmp_path):
    kernel = values(3, 4, 2, 5)
    matrix = load(save(tmp_path / "w.npy", {"w": kernel}))["w"]
    assert matrix.shape == (24, 5)
    for y in range(3):
        for x in range(4):
            for channel in range(2):
                row = (y * 4 + x) * 2 + channel
                np.testing.assert_array_equal(matrix[row], kernel[y, x, channel])


# The file as a whole


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
def test_missing_file(tmp_path, suffix):
    text = message(tmp_path / f"none{suffix}")
    assert "no such file" in text
    assert "Correct the path" in text


def test_folder(tmp_path):
    (tmp_path / "w.npy").mkdir()
    text = message(tmp_path / "w.npy")
    assert "is a folder" in text
    assert "Give the path of one file" in text


@pytest.mark.parametrize("name", ["w.pt", "w"])
def test_unknown_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(b"1")
    text = message(tmp_path / name)
    assert f"unknown suffix '{(tmp_path / name).suffix}'" in text
    assert ".npy, .npz, .safetensors, .nc" in text


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize("kept", [0, 3, 20, 0.5, 0.9, -1])
def test_truncated_file(tmp_path, suffix, kept):
    path = save(tmp_path / f"w{suffix}", {"w": values(40, 40)})
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if 0 < kept < 1 else kept])
    text = message(path)
    assert "damaged" in text
    assert "restore it or save it again" in text


@pytest.mark.parametrize("format", ["NETCDF3_CLASSIC", "NETCDF3_64BIT"])
@pytest.mark.parametrize("kept", [20, 0.5, 0.9, -1])
def test_truncated_classic_netcdf(tmp_path, format, kept):
    """The netCDF library reads zeros there, without a word."""
    path = tmp_path / "w.nc"
    dataset = xr.Dataset({"w": (("i", "j"), values(40, 40))})
    dataset.to_netcdf(path, format=format, engine="netcdf4")
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if 0 < kept < 1 else kept])
    assert "damaged" in message(path)


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize("seed", range(5))
def test_random_bytes(tmp_path, suffix, seed):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(np.random.default_rng(seed).bytes(500))
    assert "damaged" in message(path)


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_never_escape_as_another_error(tmp_path, suffix, seed):
    """Some damage (a flipped mantissa) cannot be seen; all that is seen is a UserError."""
    path = save(tmp_path / f"w{suffix}", {"w": values(4, 4)})
    generator = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for position in generator.integers(0, min(len(data), 200), 4):
        data[position] ^= int(generator.integers(1, 256))
    path.write_bytes(data)
    try:
        matrices = load(path)
    except UserError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert all(np.isfinite(matrix).all() for matrix in matrices.values())


def test_flipped_bit_in_an_archive_is_found(tmp_path):
    path = save(tmp_path / "w.npz", {"w": values(40, 40)})
    data = bytearray(path.read_bytes())
    data[3000] ^= 1
    path.write_bytes(data)
    assert "CRC" in message(path)


def test_pickle_is_never_loaded(tmp_path):
    path = tmp_path / "w.npy"
    path.write_bytes(pickle.dumps(values(3, 3)))
    assert "damaged" in message(path)


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
def test_no_matrix_in_the_file(tmp_path, suffix):
    text = message(save(tmp_path / f"w{suffix}", {"w": values(7)}))
    assert "no array of two or more axes" in text
    assert "'w' (7,)" in text
    assert "Save each layer as a matrix" in text


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".nc"])
def test_no_array_at_all(tmp_path, suffix):
    text = message(save(tmp_path / f"w{suffix}", {}))
    assert "no array of two or more axes; the file holds no arrays" in text


def test_archive_with_another_member_and_a_double(tmp_path):
    path = save(tmp_path / "w.npz", {"w": values(2, 2)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "hello")
    assert list(load(path)) == ["w"]
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
        archive.open("w.npy", "w") as member,
    ):
        np.save(member, values(3, 3))
    assert "two arrays named 'w'" in message(path)


# The selection


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
def test_selected_name_that_is_not_there(tmp_path, suffix):
    path = save(tmp_path / f"w{suffix}", {"w": values(3, 2), "b": values(3)})
    text = message(path, select=("w", "conv1"))
    assert "no array named 'conv1'" in text
    assert "'w' (3, 2)" in text
    assert suffix == ".npy" or "'b' (3,)" in text
    assert "Correct `select`" in text


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize("shape", [(3,), ()])
def test_selected_vector(tmp_path, suffix, shape):
    array = np.ones(shape, np.float32)
    text = message(save(tmp_path / f"w{suffix}", {"w": array}), select=("w",))
    assert f"array 'w': shape {shape} is not a matrix's" in text
    assert "Reshape it" in text


def test_name_selected_twice(tmp_path):
    text = message(save(tmp_path / "w.npz", {"w": values(2, 2)}), select=("w", "w"))
    assert "names 'w' twice" in text
    assert "Name each array once" in text


# The values


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.ones((2, 2), complex), "complex128"),
        (np.array([["a", "b"]]), "<U1"),
        (np.array([[1, None]], object), "object"),
        (np.zeros((2, 2), [("x", "f4")]), "[('x', '<f4')]"),
        (np.zeros((2, 2), "M8[s]"), "datetime64[s]"),
    ],
)
def test_types_that_are_no_numbers(tmp_path, suffix, array, dtype):
    text = message(save(tmp_path / f"w{suffix}", {"w": array}))
    assert "array 'w'" in text
    assert f"type {dtype} " in text
    assert "Convert it to float32" in text
    assert "`select`" in text


def test_strings_in_netcdf(tmp_path):
    text = message(save(tmp_path / "w.nc", {"w": np.array([["a", "bc"]], object)}))
    assert "array 'w': type" in text
    assert "Convert it to float32" in text


def test_vectors_of_other_types_are_left_out(tmp_path):
    arrays = {"w": values(2, 2), "names": np.array(["a", None], object)}
    assert list(load(save(tmp_path / "w.npz", arrays))) == ["w"]


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize(("value", "text"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_values_that_are_not_finite(tmp_path, suffix, value, text):
    array = values(3, 4, 2)
    array[1, 2, 1] = array[2, 0, 0] = value
    error = message(save(tmp_path / f"w{suffix}", {"w": array}))
    assert f"array 'w': 2 of 24 entries are not finite, the first at [1, 2, 1] is {text}" in error
    assert "Repair the values" in error


def test_values_beyond_float32(tmp_path, recwarn):
    array = np.array([[1.0, 2.0], [1e39, 3.0]])
    text = message(save(tmp_path / "w.npy", {"w": array}))
    assert "as 32-bit floats: 1 of 4 entries are not finite, the first at [1, 0]" in text
    assert "Scale the values down" in text
    assert not recwarn.list


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize("value", [0.0, 1e-60])
def test_all_zero_matrix(tmp_path, suffix, value):
    text = message(save(tmp_path / f"w{suffix}", {"w": np.full((3, 4), value)}))
    assert "array 'w': all 12 entries are zero" in text
    assert "Save the file with its values" in text


@pytest.mark.parametrize("suffix", ALL_SUFFIXES)
@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (2, 0, 3)])
def test_empty_array(tmp_path, suffix, shape):
    text = message(save(tmp_path / f"w{suffix}", {"w": np.ones(shape, np.float32)}))
    assert f"array 'w': shape {shape} holds no value" in text
    assert "Reshape it" in text


def test_a_file_that_its_library_reads_without_end(tmp_path, monkeypatch):
    path = save(tmp_path / "w.nc", {"w": values(4, 4)})

    def endless(*_):
        while True:
            pass

    monkeypatch.setattr("aimcsim.mapping.file_formats._netcdf", endless)
    monkeypatch.setattr("aimcsim.mapping.file_formats._PATIENCE", 0.5)
    text = message(path)
    assert "reading it never ends" in text
    assert "restore it or save it again" in text


CLAIMS = {"w.npy": (10**6, 10**6), "w.npz": (10**6, 10**6), "w.nc": (10**6, 10**6)}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_header_that_claims_more_than_the_file_holds(tmp_path, name):
    """10**12 elements, of which the file has next to nothing."""
    path = tmp_path / name
    if name == "w.nc":
        with netCDF4.Dataset(path, "w") as dataset:
            for axis in "ij":
                dataset.createDimension(axis, 10**6)
            dataset.createVariable("w", "f4", ("i", "j"), zlib=True, chunksizes=(1000, 1000))
    else:
        header = BytesIO()
        form = {"descr": "<f4", "fortran_order": False, "shape": CLAIMS[name]}
        np.lib.format.write_array_header_1_0(header, form)
        if name == "w.npy":
            path.write_bytes(header.getvalue() + bytes(64))
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("w.npy", header.getvalue() + bytes(64))
    assert "the file has no room for them" in message(path)


def test_an_array_that_the_memory_does_not_hold(tmp_path, monkeypatch):
    path = save(tmp_path / "w.npy", {"w": values(40, 40)})
    memory = type("Memory", (), {"available": 1000})
    monkeypatch.setattr("aimcsim.mapping.file_formats.psutil.virtual_memory", lambda: memory)
    assert "and 0.0 GB of memory are free" in message(path)
