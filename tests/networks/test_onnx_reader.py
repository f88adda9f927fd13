"""What the ONNX reader takes, and what it says to the rest."""

import dataclasses
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from aimcsim.common.errors import UserError
from aimcsim.networks.graph import PRODUCT
from aimcsim.networks.onnx_reader import read_model
from tests.networks.models import assert_same, ideal_scores, model, read, runtime_scores
from tests.networks.test_operators import CASES, draw, integers, node

IMAGE = ("images", 4, 6, 6)
KERNELS = {"k": draw(4, 4, 3, 3)}


def conv(out: str = "x", source: str = "image") -> onnx.NodeProto:
    return helper.make_node("Conv", [source, "k"], [out], pads=[1, 1, 1, 1], name="first")


def pooled(source: str = "y") -> list[onnx.NodeProto]:
    return [
        node("GlobalAveragePool", source, out="pooled"),
        node("Flatten", "pooled", out="scores"),
    ]


def small(*nodes: onnx.NodeProto, shape=IMAGE, tensors=None, **settings) -> onnx.ModelProto:
    """A convolution, ``nodes`` from ``x`` to ``y``, and a mean over the image."""
    every = [conv(), *nodes, *pooled()]
    return model(every, shape, KERNELS | (tensors or {}), **settings)


def message(source: onnx.ModelProto | bytes, **settings) -> str:
    content = source if isinstance(source, bytes) else source.SerializeToString()
    with pytest.raises(UserError) as raised:
        read_model(content, "my.onnx", **settings)
    text = str(raised.value)
    assert text.startswith("my.onnx: ")
    return text


# What comes in


def test_products_hold_the_weights_by_channel_then_kernel():
    network = read(small(node("Relu")))
    (product,) = network.products
    assert product.name == "first"
    assert (product.kernel, product.pads, product.channels) == ((3, 3), (1, 1, 1, 1), 4)
    np.testing.assert_array_equal(product.matrix, KERNELS["k"].reshape(4, -1).T)
    assert network.input_shape == (4, 6, 6)
    assert [step.operator for step in network.steps].count(PRODUCT) == 1


def test_from_a_file_with_tensors_beside_it(tmp_path):
    source = small(node("Relu"))
    images = draw(2, 4, 6, 6)
    expected = runtime_scores(source, images)
    path = tmp_path / "network.onnx"
    onnx.save(source, path, save_as_external_data=True, size_threshold=0)
    assert len(list(tmp_path.iterdir())) == 2
    assert_same(ideal_scores(read_model(path, str(path)), images), expected)


@pytest.mark.parametrize("shape", [(4, 4, 6, 6), (1, 4, 6, 6), (None, 4, 6, 6)])
def test_any_number_of_images_whatever_batch_was_written(shape):
    batch = shape[0] or -1
    shape = ("images", *shape[1:]) if shape[0] is None else shape
    nodes = [conv(), node("Reshape", "x", "s", out="y"), node("Relu", "y", out="scores")]
    source = model(nodes, shape, KERNELS | {"s": integers(batch, 144)})
    images = draw(4, 4, 6, 6)
    step = shape[0] if shape[0] in (1, 4) else 4
    expected = [runtime_scores(source, images[i : i + step]) for i in range(0, 4, step)]
    assert_same(ideal_scores(read(source), images[:3]), np.concatenate(expected)[:3])


def test_a_batch_written_into_an_expanded_shape():
    source = small(
        node("Expand", "x", "s"), shape=(4, 4, 6, 6), tensors={"s": integers(4, 4, 6, 6)}
    )
    images = draw(4, 4, 6, 6)
    assert_same(ideal_scores(read(source), images[:2]), runtime_scores(source, images)[:2])


@pytest.mark.parametrize("images", [1, 2, 3, 6, 9])
@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("moved_heads", {"merged": (9, 2, 3), "whole": (9, 1, 6)}),
        ("moved_rows", {"rows": (6, 9), "back": (6, 1, 4)}),
    ],
)
def test_a_batch_written_into_shapes_that_count_more_than_images(name, shapes, images):
    """As an export for a fixed batch has them, whatever other extents are as large as the batch."""
    counting = {"merged": 1, "whole": 1, "rows": 0, "back": 1}
    case = CASES[name]
    written = {
        key: integers(*(images * n if axis == counting[key] else n for axis, n in enumerate(shape)))
        for key, shape in shapes.items()
    }
    source = dataclasses.replace(case, tensors=case.tensors | written).model(images)
    values = draw(images, *case.shape, seed=9)
    assert_same(ideal_scores(read(source), values), runtime_scores(source, values))


def test_inputs_of_integers():
    table, matrix = draw(9, 4), draw(4, 3)
    nodes = [
        node("Gather", "t", "image", out="v"),
        node("ReduceMean", "v", "a", out="m", keepdims=0),
        node("MatMul", "m", "w", out="scores"),
    ]
    tensors = {"t": table, "a": integers(1), "w": matrix}
    source = model(nodes, ("images", 7), tensors, kind=TensorProto.INT64)
    words = np.random.default_rng(3).integers(0, 9, (5, 7))
    assert_same(ideal_scores(read(source), words), runtime_scores(source, words))


def test_double_precision_becomes_single():
    nodes = [
        node("Cast", "image", out="d", to=TensorProto.DOUBLE),
        node("MatMul", "d", "w", out="e"),
        node("Add", "e", "b", out="f"),
        node("Cast", "f", out="scores", to=TensorProto.FLOAT),
    ]
    tensors = {"w": draw(6, 4).astype(np.float64), "b": draw(4).astype(np.float64)}
    source = model(nodes, ("images", 6), tensors)
    images = draw(3, 6)
    network = read(source)
    assert network.products[0].matrix.dtype == np.float32
    assert_same(ideal_scores(network, images), runtime_scores(source, images))


def test_functions_of_the_model_itself():
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [node("Add", "a", "a", out="b")],
        [helper.make_opsetid("", 18)],
    )  # fmt: skip
    source = small(helper.make_node("Twice", ["x"], ["y"], domain="mine"))
    source.opset_import.append(helper.make_opsetid("mine", 1))
    source.functions.append(function)
    images = draw(2, 4, 6, 6)
    assert_same(ideal_scores(read(source), images), runtime_scores(source, images))


def test_scores_may_be_another_value():
    source = small(node("Relu"))
    source.graph.node.append(node("Softmax", "scores", out="shares"))
    source.graph.output[0].name = "shares"
    images = draw(2, 4, 6, 6)
    shares = ideal_scores(read(source), images)
    logits = ideal_scores(read(source, output="scores"), images)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert_same(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), shares)


def test_an_open_image_size_is_given():
    source = small(node("Relu"), shape=("images", 4, "height", "width"))
    images = draw(2, 4, 5, 8)
    network = read(source, input_shape=(4, 5, 8))
    assert_same(ideal_scores(network, images), runtime_scores(source, images))


def test_what_the_scores_do_not_need_may_be_unsupported():
    source = small(node("Relu"))
    source.graph.node.append(helper.make_node("NonZero", ["x"], ["elsewhere"]))
    assert read(source).products


def branch(name: str, *nodes: onnx.NodeProto) -> onnx.GraphProto:
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    return helper.make_graph(list(nodes), name, [], [output])


@pytest.mark.parametrize("taken", [True, False])
def test_a_branch_that_a_constant_decides_on(taken):
    choice = helper.make_node(
        "If", ["c"], ["y"],
        then_branch=branch("one", node("Tanh", "x", out="t"), node("Add", "t", "x", out="u")),
        else_branch=branch("two", node("Sigmoid", "x", out="v")),
    )  # fmt: skip
    source = small(choice, tensors={"c": np.asarray(taken)})
    images = draw(2, 4, 6, 6)
    assert_same(ideal_scores(read(source), images), runtime_scores(source, images))


# What stays out


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_no_onnx(content):
    assert "not a valid ONNX model" in message(content)


def test_cut_off():
    content = small(node("Relu")).SerializeToString()
    assert "not a valid ONNX model" in message(content[: len(content) // 2])


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.onnx: cannot be read"):
        read_model(tmp_path / "nowhere.onnx", "nowhere.onnx")


def test_tensors_elsewhere_are_missing(tmp_path):
    path = tmp_path / "network.onnx"
    onnx.save(small(node("Relu")), path, save_as_external_data=True, size_threshold=0, location="w")
    (tmp_path / "w").unlink()
    with pytest.raises(UserError, match=r"my\.onnx: .*"):
        read_model(path, "my.onnx")


def test_the_bytes_of_a_file_with_tensors_beside_it(tmp_path):
    path = tmp_path / "network.onnx"
    onnx.save(small(node("Relu")), path, save_as_external_data=True, size_threshold=0)
    assert "Save the network in one file" in message(path.read_bytes())


def test_sparse_weights():
    source = small(node("Mul", "x", "sparse"))
    values = helper.make_tensor("sparse", TensorProto.FLOAT, [1], [2.0])
    places = helper.make_tensor("places", TensorProto.INT64, [1], [3])
    source.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [6]))
    assert "has sparse weights" in message(source)


def test_several_inputs():
    source = small(node("Add", "x", "other"))
    source.graph.input.append(
        helper.make_tensor_value_info("other", TensorProto.FLOAT, ["images", 4, 6, 6])
    )
    text = message(source)
    assert "has 2" in text
    assert "'image', 'other'" in text


def test_an_endless_loop_is_not_run():
    body = helper.make_graph(
        [node("Identity", "v", out="w"), node("Identity", "go", out="on")], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("v", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("w", TensorProto.FLOAT, [1])],
    )  # fmt: skip
    loop = helper.make_node("Loop", ["", "true", "one"], ["end"], body=body, name="endless")
    tensors = {"true": np.asarray(True), "one": np.ones(1, np.float32)}
    text = message(small(loop, node("Mul", "x", "end"), tensors=tensors))
    assert "Loop (loops are not run" in text
    assert "'endless'" in text


LARGE = {
    "expanded": ([node("Expand", "one", "s", out="c")], {"s": integers(10**6, 10**6)}),
    "filled": ([node("ConstantOfShape", "s", out="c")], {"s": integers(10**9, 10**3)}),
    "range": ([node("Range", "n", "s", "p", out="c")],
              {"n": np.asarray(0), "s": np.asarray(10**12), "p": np.asarray(1)}),
    "tiled": ([node("Tile", "one", "s", out="c")], {"s": integers(10**12)}),
    "padded": ([node("Pad", "one", "s", out="c")], {"s": integers(10**12, 0)}),
    "broadcast": ([node("Add", "tall", "wide", out="c")],
                  {"tall": np.ones((10**5, 1), np.float32), "wide": np.ones(10**5, np.float32)}),
    "product": ([node("MatMul", "tall", "wide", out="c")],
                {"tall": np.ones((10**5, 1), np.float32), "wide": np.ones((1, 10**5), np.float32)}),
}  # fmt: skip


@pytest.mark.parametrize("kind", LARGE)
def test_what_is_computed_ahead_is_bounded(kind):
    nodes, tensors = LARGE[kind]
    tensors = tensors | {"one": np.ones(1, np.float32)}
    last = [node("Cast", "c", out="d", to=1), node("ReduceMax", "d", out="e", keepdims=0)]
    text = message(small(*nodes, *last, node("Mul", "x", "e"), tensors=tensors))
    assert f"{nodes[0].op_type} (its result has" in text


def test_values_that_no_memory_holds():
    nodes = [node("Unsqueeze", "x", "a", out="u"), node("Expand", "u", "s", out="v"),
             node("ReduceMax", "v", "a", keepdims=0)]  # fmt: skip
    tensors = {"a": integers(4), "s": integers(1, 4, 6, 6, 10**9)}
    assert "Expand (gives 144,000,000,000 values for one image)" in message(
        small(*nodes, tensors=tensors)
    )


@pytest.mark.parametrize("operator", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("number", [0, 1, 255])
def test_a_flag_is_0_or_1(operator, number):
    """Beyond, ONNX and its runtime take a flag for different things."""
    windows = {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": number}
    pooled = small(node(operator, **windows))
    if number in (0, 1):
        read_model(pooled, "net.onnx")
    else:
        assert "its ceil_mode is 255, neither 0 nor 1" in message(pooled)


def test_nothing_for_cores():
    source = model([node("Relu", "image", out="scores")], ("images", 5), {})
    assert "nothing to run on cores" in message(source)


def test_an_open_image_size_is_named():
    text = message(small(node("Relu"), shape=("images", 4, "height", 6)))
    assert "(images, 4, height, 6)" in text
    assert "Give the shape" in text


@pytest.mark.parametrize("given", [(4, 6), (3, 6, 6)])
def test_a_given_shape_that_does_not_fit(given):
    assert "do not fit input 'image'" in message(small(node("Relu")), input_shape=given)


def test_a_vector_without_images():
    source = model([node("Relu", "image", out="scores")], (5,), {}, axes=1)
    assert "has 1 axes" in message(source)


def test_all_unsupported_operators_are_named_with_their_nodes():
    names = [f"bad{i}" for i in range(7)]
    chain = [
        helper.make_node("Hardmax", ["x" if i == 0 else f"v{i - 1}"], [f"v{i}"], name=name)
        for i, name in enumerate(names)
    ]
    odd = helper.make_node("Strange", ["v6"], ["w"], domain="com.example", name="odd")
    source = small(*chain, odd, node("Det", "w", out="y"), node("Tan", "y", out="z"))
    source.opset_import.append(helper.make_opsetid("com.example", 1))
    text = message(source)
    assert "Hardmax: 'bad0', 'bad1', 'bad2', 'bad3', 'bad4' and 2 more" in text
    assert "com.example.Strange: 'odd'" in text
    assert "Det: 'Det number 9'" in text
    assert "Tan" not in text.split("Supported")[0]  # the scores do not need it
    assert re.search(r"Supported are Abs, Add, .*Conv, .*Xor\.", text)


BATCH_AXIS = {
    "mean": ([node("ReduceMean", "x", "a")], {"a": integers(0, 2)}),
    "mean_of_all": ([node("ReduceMean", "x", keepdims=1)], {}),
    "length": ([node("ReduceL2", "x", "a")], {"a": integers(0)}),
    "cumulative": ([node("CumSum", "x", "a")], {"a": np.asarray(-4, np.int32)}),
    "softmax": ([node("Softmax", "x", axis=0)], {}),
    "concat": ([node("Concat", "x", "x", axis=0)], {}),
    "pad": ([node("Pad", "x", "a")], {"a": integers(1, 0, 0, 0, 0, 0, 0, 0)}),
    "gather": ([node("Gather", "x", "a", axis=0)], {"a": integers(0)}),
    "layer_norm": (
        [node("LayerNormalization", "x", "a", axis=0)], {"a": np.ones((1, 4, 6, 6), np.float32)}
    ),
    "reverse": (
        [node("Slice", "x", "s", "e", "a", "t")],
        {"s": integers(-1), "e": integers(-9), "a": integers(0), "t": integers(-1)},
    ),
    "order": ([node("Reshape", "x", "a")], {"a": integers(4, -1, 6, 6)}),
    "squeeze": ([node("Squeeze", "x", "a")], {"a": integers(0)}),
}  # fmt: skip


@pytest.mark.parametrize("kind", BATCH_AXIS)
def test_what_mixes_images(kind):
    nodes, tensors = BATCH_AXIS[kind]
    text = message(small(*nodes, tensors=tensors))
    assert f"{nodes[0].op_type} (" in text


NOT_THIS_WAY = {
    "channels": (node("Conv", "x", "k5"), "4 kernels of 5 channels in 1 group do not fit"),
    "trained_norm": (
        helper.make_node(
            "BatchNormalization", ["x", *"cccc"], ["y", "mean", "variance"], training_mode=1
        ),
        "after training",
    ),
    "two_kernels": (node("Conv", "x", "x"), "only where the kernels are constant"),
    "weighted_prelu": (node("PRelu", "x", "x"), "constant slope"),
    "limits": (node("Clip", "x", "m"), "only where limits are constant"),
    "cast": (node("Cast", "x", out="z", to=TensorProto.UINT16), "only to floating-point"),
    "negative_pad": (node("Pad", "x", "p"), "only with widths of 0 or more"),
}


@pytest.mark.parametrize("kind", NOT_THIS_WAY)
def test_a_supported_operator_in_an_unsupported_way(kind):
    bad, reason = NOT_THIS_WAY[kind]
    mean = node("ReduceMean", "x", "axes", out="m")
    tensors = {
        "c": np.ones(4, np.float32), "axes": integers(1, 2, 3), "k5": draw(4, 5, 3, 3),
        "p": integers(0, 0, 0, -1, *[0] * 4),
    }  # fmt: skip
    back = [node("Cast", "z", to=1)] if bad.output[0] == "z" else []
    text = message(small(mean, bad, *back, tensors=tensors))
    assert f"{bad.op_type} (" in text
    assert reason in text


def test_a_transposed_batch():
    nodes = [node("Gemm", "image", "w", out="scores", transA=1)]
    text = message(model(nodes, ("images", 5), {"w": draw(1, 3)}))
    assert "Gemm (" in text


MOVED = {
    "convolution": (
        [node("Transpose", "x", perm=[1, 0, 2, 3])],
        ["GlobalAveragePool (only with the images along the first axis; 'Transpose number 1'"],
    ),
    "windows": (
        [helper.make_node("Reshape", ["x", "s"], ["y"], name="cut")],
        ["GlobalAveragePool (only with the images along the first axis; 'cut' moved them"],
    ),
    "scores": (
        [node("Flatten", "x", out="f"), node("Transpose", "f", out="scores", perm=[1, 0])],
        ["'scores' has the images along another axis", "Transpose number 2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MOVED)
def test_images_along_another_axis_where_they_must_come_first(kind):
    nodes, words = MOVED[kind]
    every = [conv(), *nodes, *([] if nodes[-1].output[0] == "scores" else pooled())]
    text = message(model(every, IMAGE, KERNELS | {"s": integers(-1, 4, 3, 3)}))
    for word in words:
        assert word in text


@pytest.mark.parametrize("operator", ["Where", "Add", "Concat"])
def test_a_constant_made_for_the_batch_of_the_export(operator):
    """One part for each of the two images that the model was exported with."""
    constant = draw(2, 4, 1, 6)
    if operator == "Where":
        nodes = [node("Where", "baked", "x", "zero")]
        constant = constant > 0
    elif operator == "Concat":
        nodes = [node("Concat", "x", "baked", axis=2)]
    else:
        nodes = [node("Add", "x", "baked")]
    tensors = {"baked": constant, "zero": np.float32(0)}
    text = message(small(*nodes, shape=(2, 4, 6, 6), tensors=tensors))
    assert f"{operator} (its constant 'baked' of shape (2, 4, 1, 6) has a part for each" in text
    assert "export it with a batch of one, or of any size" in text


def test_scores_that_are_images():
    nodes = [conv(), node("Relu", "x", out="scores")]
    assert "scores are one row per image" in message(model(nodes, IMAGE, KERNELS, axes=4))


def test_an_output_of_another_name():
    text = message(small(node("Relu")), output="logits")
    assert "no value is called 'logits'" in text
    assert "'scores'" in text
