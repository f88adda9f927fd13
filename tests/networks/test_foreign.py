"""Networks that nobody here made: topologies that come with ONNX, a model from an OCR package."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import helper, numpy_helper

from aimcsim.common.errors import UserError
from aimcsim.networks.onnx_reader import read_model
from tests.networks.models import assert_same, ideal_scores, read, runtime_scores

DATA = Path(onnx.backend.test.__file__).parent / "data"


def light(name: str) -> onnx.ModelProto:
    """A topology of ONNX's model zoo, with random weights in place of its constant ones.

    Scales and variances are positive; the rest is around 0. Without a softmax at the end, which
    would leave one score of 1.
    """
    model = onnx.load(DATA / "light" / f"light_{name}.onnx")
    draw = np.random.default_rng(8)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    positive = set()
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            positive |= {node.input[1], node.input[4]}
        elif node.op_type == "Unsqueeze":
            positive.add(node.input[0])
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape":
            shape = tuple(shapes[node.input[0]])
            if len(shape) > 1:
                values = draw.normal(size=shape) * (2 / np.prod(shape[1:])) ** 0.5
            elif node.output[0] in positive:
                values = draw.uniform(0.5, 1.0, shape)
            else:
                values = draw.normal(size=shape) / 8
            tensor = numpy_helper.from_array(values.astype(np.float32))
            node.CopyFrom(helper.make_node("Constant", [], node.output, value=tensor))
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        model.graph.output[0].name = last.input[0]
        model.graph.node.remove(last)
    return model


@pytest.mark.parametrize(
    ("name", "products"),
    [
        ("squeezenet", 26),
        ("resnet50", 54),
        ("shufflenet", 2),  # the other convolutions are grouped, which stay digital
        ("densenet121", 121),
        ("inception_v1", 58),
        ("inception_v2", 70),
    ],
)
def test_known_topologies(name, products):
    model = light(name)
    images = np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)
    images[1] *= 3
    # They are written for one image at a time.
    expected = np.concatenate([runtime_scores(model, image[None]) for image in images])
    assert np.abs(np.diff(expected, axis=0)).max() > 1e-3 * np.abs(expected).max()
    network = read(model)
    assert len(network.products) == products
    assert_same(ideal_scores(network, images), expected)


SINGLE = (
    "Conv1d", "Conv1d_dilated", "Conv1d_pad1", "Conv1d_pad1size1", "Conv1d_pad2",
    "Conv1d_pad2size1", "Conv1d_stride", "Conv2d", "Conv2d_dilated", "Conv2d_no_bias",
    "Conv2d_padding", "Conv2d_strided", "Linear", "Linear_no_bias",
)  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_layers_as_pytorch_exported_and_computed_them(name):
    folder = DATA / "pytorch-converted" / f"test_{name}"
    model = onnx.load(folder / "model.onnx")
    (output,) = (value.name for value in model.graph.output)
    model.graph.node.append(helper.make_node("Flatten", [output], ["scores"]))
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["rows", "classes"])
    )
    images, expected = (
        numpy_helper.to_array(onnx.load_tensor(folder / "test_data_set_0" / f"{which}_0.pb"))
        for which in ("input", "output")
    )
    assert_same(ideal_scores(read(model), images), expected.reshape(len(images), -1))


def package(name: str) -> Path:
    """Folder of an optional package, which is not imported."""
    found = find_spec(name)
    if found is None:
        pytest.skip(f"needs {name}, installed with --no-deps")
    return Path(found.submodule_search_locations[0])


def text_models() -> Path:
    return package("rapidocr_onnxruntime") / "models"


def test_a_trained_classifier_of_files():
    """Magika, a convolution over the bytes of a file."""
    path = package("magika") / "models" / "standard_v3_3" / "model.onnx"
    network = read_model(path, path.name)
    content = np.random.default_rng(1).integers(0, 257, (5, 2048)).astype(np.int32)
    assert_same(ideal_scores(network, content), runtime_scores(onnx.load(path), content))


def test_a_trained_text_direction_classifier():
    """MobileNetV3 of PaddleOCR, 43 products for cores and 10 depthwise convolutions."""
    path = text_models() / "ch_ppocr_mobile_v2.0_cls_infer.onnx"
    with pytest.raises(UserError, match="Give the shape of one image"):
        read_model(path, path.name)
    network = read_model(path, path.name, input_shape=(3, 48, 192))
    images = np.random.default_rng(1).uniform(-1, 1, (5, 3, 48, 192)).astype(np.float32)
    assert_same(ideal_scores(network, images), runtime_scores(onnx.load(path), images))


def test_a_trained_text_recogniser_is_refused_with_its_reason():
    path = text_models() / "ch_PP-OCRv4_rec_infer.onnx"
    with pytest.raises(UserError, match=r"Transpose \(gives the shape .*: 'p2o\.Transpose\.1'"):
        read_model(path, path.name, input_shape=(3, 48, 320))
