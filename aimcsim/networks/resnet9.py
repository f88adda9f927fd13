"""The trained ResNet-9 as an ONNX model, which takes pixels as they are.

Its wiring is described in :mod:`aimcsim.networks.resnet9_layers`; the dataset is the one that
:func:`aimcsim.training.export.dataset` writes.
"""

import numpy as np
import onnx
import xarray as xr
from onnx import TensorProto, helper, numpy_helper

from aimcsim.mapping.dataset import bias_name, matrices
from aimcsim.networks.resnet9_layers import CLASSES, IMAGE_CHANNELS

OPSET = 18
"""Operator set of ONNX; 18 is the first in which means take their axes as input."""
IR_VERSION = 10
"""Version of ONNX's file format; runtimes refuse files newer than themselves."""

_CLASSIFIER = "classifier"


def to_onnx(dataset: xr.Dataset) -> onnx.ModelProto:
    """The network of a trained dataset, from pixels to scores.

    Input ``pixels``: float32 (images, 3, height, width), 0 to 255, any number of images. Output
    ``scores``: float32 (images, 10). Image heights and widths are multiples of 8; trained are 32.

    Raises
    ------
    ValueError
        The dataset is not one of ResNet-9.
    """
    if dataset.attrs.get("network") != "resnet9":
        raise ValueError("not a dataset of ResNet-9")
    return _Graph(dataset).model()


class _Graph:
    """Nodes and tensors, as they are added along the network."""

    def __init__(self, dataset: xr.Dataset):
        self.dataset = dataset
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[TensorProto] = []
        self.matrices = dict(matrices(dataset))
        self.index = {name: index for index, name in enumerate(self.matrices)}

    def model(self) -> onnx.ModelProto:
        values = self.normalised("pixels")
        values = self.relu(self.layer("prep", values))
        values = self.relu(self.layer("stem", values))
        # The layers come in the order of the dataset, so that both number them alike.
        values = self.sum("stage1", self.stage("stage1", values), values)
        inner = self.stage("stage2", values)
        values = self.sum("stage2", inner, self.layer("shortcut2", self.halved(values)))
        inner, side = self.stage("stage3", values), self.halved(values)
        if "shortcut3" in self.matrices:
            side = self.layer("shortcut3", side)
        values = self.sum("stage3", inner, side)
        axes = self.tensor("image_axes", np.asarray([2, 3]))
        values = self.node("ReduceMean", "mean", values, axes, keepdims=0)
        self.classified(values)
        sides: list[str | int | None] = ["images", IMAGE_CHANNELS, 32, 32]
        pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, sides)
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["images", CLASSES])
        graph = helper.make_graph(self.nodes, "resnet9", [pixels], [scores], self.tensors)
        model = helper.make_model(
            graph,
            producer_name="aimcsim",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def normalised(self, values: str) -> str:
        for operator, name in (("Sub", "image_mean"), ("Div", "image_deviation")):
            colours = self.tensor(name, self.dataset[name].values.reshape(-1, 1, 1))
            values = self.node(operator, name.replace("image", "pixels"), values, colours)
        return values

    def layer(self, name: str, values: str) -> str:
        """A convolution and its batch norm."""
        index = self.index[name]
        kernel, stride = (int(self.dataset[part].sel(layer=name)) for part in ("kernel", "stride"))
        matrix = self.matrices[name]
        weights = matrix.T.reshape(matrix.shape[1], -1, kernel, kernel)
        products = self.node(
            "Conv", name, values, self.tensor(f"{name}_weights", weights),
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4,
        )  # fmt: skip
        norm = self.dataset[f"norm_{index:03d}"]
        parts = [
            self.tensor(f"{name}_{part}", norm.sel(norm_part=part).values)
            for part in ("scale", "offset", "mean", "variance")
        ]
        epsilon = float(self.dataset.attrs["norm_epsilon"])
        return self.node("BatchNormalization", f"{name}_norm", products, *parts, epsilon=epsilon)

    def stage(self, name: str, values: str) -> str:
        """The two layers of a stage, before the sum."""
        return self.layer(f"{name}b", self.relu(self.layer(f"{name}a", values)))

    def sum(self, name: str, values: str, side: str) -> str:
        return self.relu(self.node("Add", f"{name}_sum", values, side))

    def relu(self, values: str) -> str:
        return self.node("Relu", f"{values}_relu", values)

    def halved(self, values: str) -> str:
        sides = {"kernel_shape": [2, 2], "strides": [2, 2]}
        return self.node("AveragePool", f"{values}_halved", values, **sides)

    def classified(self, values: str) -> None:
        inputs = (
            values,
            self.tensor("classifier_weights", self.matrices[_CLASSIFIER]),
            self.tensor("classifier_bias", self.dataset[bias_name(self.index[_CLASSIFIER])].values),
        )
        self.nodes.append(helper.make_node("Gemm", inputs, ["scores"], name=_CLASSIFIER))

    def tensor(self, name: str, values: np.ndarray) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, name: str, *inputs: str, **attributes) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name
