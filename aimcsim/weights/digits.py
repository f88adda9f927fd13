"""A perceptron trained on scikit-learn's digits images (8 x 8 pixels, ten classes)."""

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import xarray as xr
from pydantic import Field
from threadpoolctl import threadpool_limits

from aimcsim.common.section import key
from aimcsim.weights.registry import WEIGHTS, WeightSet

PIXELS, CLASSES = 64, 10
TEST_IMAGES = 540
"""Of the 1,797 images; the others train."""
_MOST_EPOCHS = 1000  # 60 to 160 suffice for hundreds of hidden units, few units need more


@WEIGHTS.register("digits")
class DigitsWeights(WeightSet):
    """A perceptron that the workflow trains on scikit-learn's digits images, and is judged by."""

    kind: Literal["digits"] = key(..., "A trained network and its test images.")
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)] = key(
        (128, 64), "Units of the hidden layers.", unit="units"
    )

    remedy: ClassVar[str] = "Give the network other hidden layers."

    def build(self, name: str, seed: int) -> xr.Dataset:
        """The trained network, each layer on cores of its own, with one scale for each core."""
        from aimcsim.networks.dataset import build  # slow to import

        model = to_onnx(train(self.hidden, seed))
        return build(model.SerializeToString(), "digits", packing="own", scale="tile")

    @property
    def judged_by_images(self) -> bool:
        """Its images come with scikit-learn."""
        return True

    def read_images(self, seed: int, most_test: int, most_train: int) -> xr.Dataset:
        """Images of (64,) pixels from 0 to 1; those of testing are none of the training."""
        from aimcsim.networks.images import as_dataset

        images = _images(seed)
        return as_dataset(
            "scikit-learn's digits",
            images.test[:most_test].astype(np.float32),
            images.test_labels[:most_test],
            images.train[:most_train].astype(np.float32),
            [str(digit) for digit in range(CLASSES)],
        )

    def inference_macs(self, most_test: int) -> int:
        """Multiply-accumulates of one pass over the test images."""
        layers = itertools.pairwise((PIXELS, *self.hidden, CLASSES))
        return min(TEST_IMAGES, most_test) * sum(map(math.prod, layers))


class Layer(NamedTuple):
    """A layer of a perceptron."""

    matrix: np.ndarray
    """float32 (inputs, outputs)."""
    bias: np.ndarray
    """float32 (outputs,)."""


def train(hidden: tuple[int, ...], seed: int) -> list[Layer]:
    """Train a perceptron (ReLU, softmax at the output) with Adam until its loss settles.

    The same arguments give the same numbers; a fraction of a second for hundreds of units.
    Source of the images: Alpaydin and Kaynak, UCI repository, 1998, as shipped with
    scikit-learn: 1797 images, of which 70 % train and 30 % test, classes in equal shares.

    Parameters
    ----------
    hidden : units of the hidden layers.
    seed : 0 to 2**32 - 1; sets the split of the images, the initial weights and the batches.

    Returns
    -------
    Its layers; the first takes 64 pixels from 0 to 1, the last gives ten scores.
    """
    # Slow to import, and needed for this weight set alone.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    images = _images(seed)
    # In 64 bits, so that the rounding of another machine's BLAS, which training amplifies,
    # stays below the resolution of the float32 weights. One thread for the same reason.
    with threadpool_limits(1), warnings.catch_warnings():
        # A network that is too small to settle shows in its software accuracy.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = MLPClassifier(
            hidden, activation="relu", solver="adam", max_iter=_MOST_EPOCHS, random_state=seed
        ).fit(images.train, images.train_labels)
    return [
        Layer(matrix.astype(np.float32), bias.astype(np.float32))
        for matrix, bias in zip(network.coefs_, network.intercepts_, strict=True)
    ]


def to_onnx(layers: Sequence[Layer]):
    """The ONNX model of a perceptron, from ``pixels`` (images, inputs) to ``scores``.

    The products are named ``layer_0``, ...; all but the last are followed by ReLU.
    """
    from onnx import TensorProto, helper, numpy_helper

    from aimcsim.networks.resnet9 import IR_VERSION, OPSET

    values, nodes, tensors = "pixels", [], []
    for index, layer in enumerate(layers):
        name, last = f"layer_{index}", index == len(layers) - 1
        tensors.append(numpy_helper.from_array(layer.matrix, f"{name}_weights"))
        tensors.append(numpy_helper.from_array(layer.bias, f"{name}_bias"))
        inputs = (values, f"{name}_weights", f"{name}_bias")
        values = "scores" if last else f"{name}_products"
        nodes.append(helper.make_node("Gemm", inputs, [values], name=name))
        if not last:
            nodes.append(helper.make_node("Relu", [values], [f"{name}_outputs"]))
            values = f"{name}_outputs"
    inputs, classes = layers[0].matrix.shape[0], layers[-1].matrix.shape[1]
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["images", inputs])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["images", classes])],
        tensors,
    )
    return helper.make_model(
        graph,
        producer_name="aimcsim",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


class _Images(NamedTuple):
    """Pixels, float64 (images, 64), from 0 to 1, and classes (images,)."""

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray


def _images(seed: int) -> _Images:
    """The images as ``seed`` splits them."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    return _Images(
        *train_test_split(
            images / 16, labels, test_size=TEST_IMAGES, stratify=labels, random_state=seed
        )
    )
