"""Files to be damaged: models of every supported operator, and weights in every format."""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import safetensors.numpy
import xarray as xr
from onnx import TensorProto, helper

from tests.networks.models import model
from tests.networks.test_operators import CASES, draw, integers, node


def models() -> dict[str, onnx.ModelProto]:
    """By name; most from any number of images, some from one."""
    found = {name: case.model(1 if case.alone else "images") for name, case in CASES.items()}
    return found | {
        "dequantised": model(
            [
                node("DequantizeLinear", "q", "s", out="w", axis=1),
                node("MatMul", "image", "w", out="scores"),
            ],
            ("images", 8),
            {"q": np.arange(48).astype(np.int8).reshape(8, 6), "s": draw(6) ** 2 + 0.01},
        ),
        "ahead": model(
            [
                node("Shape", "image", out="a"),
                node("Gather", "a", "one", out="b"),
                node("Concat", "b", "six", out="c", axis=0),
                node("ConstantOfShape", "c", out="d"),
                node("Cos", "d", out="e"),
                node("Expand", "row", "c", out="f"),
                node("Add", "e", "f", out="w"),
                node("MatMul", "image", "w", out="scores"),
            ],
            ("images", 8),
            {"one": integers(1), "six": integers(6), "row": draw(6)},
        ),
        "loop": _loop(),
    }


def _loop() -> onnx.ModelProto:
    """Two rounds of a loop that no image changes: refused, whatever its condition."""
    body = helper.make_graph(
        [node("Add", "v", "v", out="w"), node("Identity", "go", out="on")],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("v", TensorProto.FLOAT, [8])],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("w", TensorProto.FLOAT, [8])],
    )  # fmt: skip
    nodes = [
        helper.make_node("Loop", ["two", "true", "ones"], ["end"], body=body),
        node("Mul", "image", "end", out="m"),
        node("MatMul", "m", "w", out="scores"),
    ]
    tensors = {
        "two": np.asarray(2), "true": np.asarray(True), "ones": np.ones(8, np.float32),
        "w": draw(8, 3),
    }  # fmt: skip
    return model(nodes, ("images", 8), tensors)


ARRAYS = {
    "fc.weight": draw(12, 16),
    "fc.bias": draw(12),
    "q.weight": np.arange(-60, 60).astype(np.int8).reshape(12, 10),
    "q.weight_scale": np.full((12, 1), 0.02, np.float32),
    "kernel": draw(4, 2, 3, 3).astype(np.float64),
    "mask": np.eye(5, dtype=bool),
}


def weights() -> dict[str, bytes]:
    """Files of weights by their suffix, some in several kinds."""
    return {
        "plain.npy": _npy(ARRAYS["fc.weight"]),
        "columns.npy": _npy(np.asfortranarray(ARRAYS["kernel"])),
        "stored.npz": _saved(np.savez),
        "deflated.npz": _saved(np.savez_compressed),
        "all.safetensors": safetensors.numpy.save(ARRAYS),
        "four.nc": _netcdf("NETCDF4"),
        "classic.nc": _netcdf("NETCDF3_CLASSIC"),
    }


def _npy(array: np.ndarray) -> bytes:
    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _saved(save) -> bytes:
    stream = BytesIO()
    save(stream, **ARRAYS)
    return stream.getvalue()


def _netcdf(version: str) -> bytes:
    arrays = {name: array for name, array in ARRAYS.items() if array.dtype != bool}
    if version != "NETCDF4":
        arrays.pop("q.weight")
    variables = {
        name: ([f"{name}_{axis}" for axis in range(array.ndim)], array)
        for name, array in arrays.items()
    }
    encoding = {name: {"zlib": True} for name in variables} if version == "NETCDF4" else {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "w.nc"
        xr.Dataset(variables).to_netcdf(path, format=version, engine="netcdf4", encoding=encoding)
        return path.read_bytes()
