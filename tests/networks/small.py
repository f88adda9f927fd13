"""A small convolutional network that tells three kinds of small images apart."""

from pathlib import Path

import numpy as np
import onnx
import xarray as xr
from onnx import helper

from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core, Wires
from aimcsim.programming.gdp import Gdp
from aimcsim.programming.iterative import Iterative
from aimcsim.shards.runs import Run
from aimcsim.shards.spec import ShardSpec
from aimcsim.weights.dataset import build
from aimcsim.weights.network import NetworkWeights
from tests.networks.models import model, runtime_scores

CLASSES, SIDE = 3, 8
SHAPE = (1, SIDE, SIDE)


def images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures, float32 (count, *SHAPE), of one template per class, and their classes."""
    templates = np.random.default_rng(5).normal(size=(CLASSES, *SHAPE))
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, CLASSES, count)
    noise = draw.normal(0, 1.2, (count, *SHAPE))
    return (templates[labels] + noise).astype(np.float32), labels


def network(channels: tuple[int, int] = (4, 6), seed: int = 0) -> onnx.ModelProto:
    """Two random convolutions, pooling, and a classifier fitted by least squares.

    With the channels given its matrices are 9 x 4, 36 x 6 and 96 x 3.
    """
    draw = np.random.default_rng(seed)
    first, second = channels
    tensors = {
        "first": draw.normal(0, 1 / 3, (first, 1, 3, 3)).astype(np.float32),
        "first_bias": draw.normal(0, 0.1, first).astype(np.float32),
        "second": draw.normal(0, 1 / (3 * first**0.5), (second, first, 3, 3)).astype(np.float32),
    }
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["image", "first", "first_bias"], ["a"], "conv1", **same),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], "conv2", **same),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["e"], ["features"]),
    ]
    pictures, labels = images(400, seed=1)
    features = runtime_scores(model(nodes, ("n", *SHAPE), tensors, "features"), pictures)
    known = np.column_stack([features, np.ones(len(features))]).astype(float)
    ridge = 3.0 * np.eye(known.shape[1])
    fitted = np.linalg.solve(known.T @ known + ridge, known.T @ np.eye(CLASSES)[labels])
    tensors |= {"last": fitted[:-1].astype(np.float32), "last_bias": fitted[-1].astype(np.float32)}
    nodes.append(helper.make_node("Gemm", ["features", "last", "last_bias"], ["scores"], "gemm"))
    return model(nodes, ("n", *SHAPE), tensors)


def weights(folder: Path) -> xr.Dataset:
    """The network as a weight set."""
    path = folder / "net.onnx"
    onnx.save(network(), path)
    return build("net", NetworkWeights(kind="network", path=str(path)), seed=0)


def save_images(path: Path, test: int = 60, train: int = 40, **changes: np.ndarray) -> Path:
    """A file of images for the network; arrays in ``changes`` take the place of its own."""
    pictures, labels = images(test, seed=2)
    arrays = {
        "test_images": pictures,
        "test_labels": labels,
        "train_images": images(train, seed=3)[0],
    }
    np.savez(path, **(arrays | changes))
    return path


ITERATIVE = Run("iterative", "iterative", Iterative())
GDP = Run("gdp", "gdp", Gdp(batch_size=128, iterations=30), ITERATIVE)


def shard(**changes) -> ShardSpec:
    """Two chips with small cores, on which both methods program a network called ``net``."""
    parts = {
        "weight_set": "net",
        "definition": {},
        "seed": 3,
        "core": Core(rows=40, columns=12),
        "device": MeltQuench(),
        "defects": Defects(),
        "wires": Wires(),
        "periphery": Periphery(),
        "backend": "cpu",
        "cores": np.array([4, 7]),
        "runs": (ITERATIVE, GDP),
    }
    return ShardSpec(**(parts | changes))
