"""What no image changes: weights of few bits at every version, and nodes as ONNX computes them."""

import ml_dtypes
import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from aimcsim.networks.builder import Node, Unsupported
from aimcsim.networks.folding import Folder
from tests.networks.models import assert_same, ideal_scores, model, read
from tests.networks.test_operators import draw, integers, node

IMAGES = draw(3, 8, seed=1)
CODES = np.random.default_rng(2).integers(-8, 8, (8, 6))

SCALES = {  # versions from which on it is known, scale, axis, block
    "one": ((10, 13, 19, 21, 23, 25), np.float32(0.02), None, 0),
    "columns": ((13, 19, 21, 23, 25), np.linspace(0.01, 0.05, 6, dtype=np.float32), 1, 0),
    "rows": ((13, 19, 21, 23, 25), np.linspace(0.01, 0.05, 8, dtype=np.float32), -2, 0),
    "blocks": ((21, 23, 25), draw(2, 6) ** 2 / 50 + 0.01, 0, 4),
    "uneven_blocks": ((21, 25), draw(8, 2) ** 2 / 50 + 0.01, 1, 4),
}
TYPES = {np.int8: 10, np.uint8: 10, ml_dtypes.int4: 21, ml_dtypes.uint4: 21, np.int16: 21}


def spread(part, axis, block):
    if block:
        return np.repeat(part, block, axis=axis)[:8, :6]
    return part if part.ndim == 0 else np.expand_dims(part, 1 - axis % 2)


@pytest.mark.parametrize(
    ("version", "kind", "scales"),
    [
        (version, kind, scales)
        for scales, (versions, *_) in SCALES.items()
        for version in versions
        for kind, first in TYPES.items()
        if version >= first
    ],
)
def test_weights_of_few_bits(version, kind, scales):
    _, scale, axis, block = SCALES[scales]
    unsigned = np.dtype(kind).name.startswith("u")
    zero = np.full(np.shape(scale), 8 if unsigned else 0)
    codes = CODES + 8 * unsigned
    attributes = ({"axis": axis} if axis is not None else {}) | (
        {"block_size": block} if block else {}
    )
    tensors = {"q": codes.astype(kind), "s": np.asarray(scale), "z": zero.astype(kind)}
    nodes = [
        node("DequantizeLinear", "q", "s", "z", out="w", **attributes),
        node("MatMul", "image", "w", out="scores"),
    ]
    network = read(model(nodes, ("n", 8), tensors, version=version))
    weights = CODES * spread(np.asarray(scale), axis, block)
    np.testing.assert_allclose(network.products[0].matrix, weights, rtol=1e-6)
    assert_same(ideal_scores(network, IMAGES), IMAGES @ weights.astype(np.float32), 1e-6)
    assert network.products[0].stored_as.startswith(f"{np.dtype(kind).name} 'q', with ")
    assert {one.name for one in network.left_out} == {"s", "z"}


def test_a_scale_that_does_not_fit_is_named():
    nodes = [
        node("DequantizeLinear", "q", "s", out="w", axis=0, block_size=3),
        node("MatMul", "image", "w", out="scores"),
    ]
    tensors = {"q": CODES.astype(np.int8), "s": draw(2, 6)}
    with pytest.raises(Exception, match="2 scales in blocks of 3 do not fit 8 values"):
        read(model(nodes, ("n", 8), tensors, version=21))


A, B = draw(3, 4, 5), draw(4, 1, seed=6)
N, M = np.arange(-6, 6).reshape(3, 4), np.asarray([[1], [-2], [5]])
EXAMPLES = {
    "Abs": (A,), "Add": (A, B), "ArgMax": (A,), "ArgMin": (A,), "Ceil": (3 * A,), "Cos": (A,),
    "CumSum": (A, np.asarray(1)), "Div": (A, B), "Equal": (N, M), "Erf": (A,), "Exp": (A,),
    "Expand": (B, integers(3, 4, 5)), "Floor": (3 * A,), "Gather": (A, integers(1, -1, 0)),
    "Gemm": (draw(3, 4), draw(4, 2), draw(2)), "Greater": (A, B), "Identity": (A,),
    "IsNaN": (A,), "Less": (A, B), "Log": (np.abs(A),), "MatMul": (A, draw(5, 2)),
    "Max": (A, B), "Mean": (A, B, A), "Min": (A, B), "Mod": (N, M), "Mul": (A, B), "Neg": (A,),
    "NonZero": (N,), "Not": (N > 0,), "OneHot": (integers(0, 3, -1), np.asarray(4), draw(2)),
    "Pad": (A, integers(0, 1, 2, 1, 0, 0), np.float32(7)), "Pow": (np.abs(A), np.float32(1.5)),
    "Range": (np.asarray(7), np.asarray(-3), np.asarray(-2)), "Reciprocal": (A,),
    "ReduceMax": (A, integers(1)), "ReduceMean": (A, integers(-1, 0)), "ReduceMin": (A,),
    "ReduceProd": (A, integers(2)), "ReduceSum": (A, integers(0)), "Relu": (A,),
    "Reshape": (A, integers(0, -1)), "Round": (np.round(4 * A) / 2,), "Shape": (A,),
    "Sigmoid": (A,), "Sign": (A,), "Sin": (A,), "Size": (A,),
    "Slice": (A, integers(-1, 1), integers(-9, 4), integers(0, 2), integers(-1, 2)),
    "Sqrt": (np.abs(A),), "Squeeze": (A[:, :1], integers(1)), "Sub": (A, B), "Sum": (A, B, A),
    "Tanh": (A,), "Tile": (A, integers(1, 2, 3)), "Transpose": (A,), "Trilu": (A, np.asarray(1)),
    "Unsqueeze": (A, integers(0, 3)), "Where": (A > 0, A, B), "Xor": (A > 0, B > 0),
    "And": (A > 0, B > 0), "Or": (A > 0, B > 0), "GreaterOrEqual": (N, M), "LessOrEqual": (N, M),
    "Clip": (A, np.float32(-0.5), np.float32(0.7)), "ConstantOfShape": (integers(2, 3),),
    "Dropout": (A,),
}  # fmt: skip
ATTRIBUTES = {
    "Cast": [({"to": to}, (3 * A,)) for to in (6, 7, 9, 10, 11)],
    "Concat": [({"axis": axis}, (A, A)) for axis in (0, -1)],
    "Flatten": [({"axis": axis}, (A,)) for axis in (0, 2, -1)],
    "Gather": [({"axis": -1}, (A, integers(4, 0)))],
    "ArgMax": [({"axis": 2, "keepdims": 0, "select_last_index": 1}, (np.round(A),))],
    "CumSum": [({"reverse": 1, "exclusive": 1}, (A, np.asarray(2)))],
    "Gemm": [({"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0},
              (draw(4, 3), draw(2, 4), draw(3, 1)))],
    "Mod": [({"fmod": 1}, (N, M))],
    "OneHot": [({"axis": 0}, (integers(0, 2), np.asarray(3), draw(2)))],
    "Pad": [({"mode": "reflect"}, (A, integers(0, 1, 2, 1, 0, 0))),
            ({"mode": "edge"}, (A, integers(0, 1, 2, 1, 0, 0)))],
    "ReduceSum": [({"keepdims": 0}, (A, integers(1))), ({"noop_with_empty_axes": 1}, (A,))],
    "Split": [({"axis": 2, "num_outputs": 2}, (A,)), ({"axis": 1}, (A, integers(1, 3)))],
    "Transpose": [({"perm": [1, 0, 2]}, (A,))],
    "Trilu": [({"upper": 0}, (A,))],
    "Einsum": [({"equation": "abc,bd->dca"}, (A, draw(4, 2)))],
    "Div": [({}, (N, M))],
    "Sub": [({}, (N.astype(np.uint8), np.asarray(1, np.uint8)))],
    "Constant": [({"value": numpy_helper.from_array(A)}, ()), ({"value_ints": [1, 2]}, ()),
                 ({"value_float": 0.5}, ())],
    "ConstantOfShape": [({"value": numpy_helper.from_array(integers(3))}, (integers(2, 3),))],
}  # fmt: skip
EVERY = [(name, {}, inputs) for name, inputs in EXAMPLES.items()] + [
    (name, attributes, inputs) for name, cases in ATTRIBUTES.items() for attributes, inputs in cases
]


@pytest.mark.parametrize(
    ("operator", "attributes", "inputs"),
    EVERY,
    ids=[f"{one[0]}{one[1] or ''}"[:40] for one in EVERY],
)
def test_as_onnx_computes_it(operator, attributes, inputs):
    names, outputs = [f"i{i}" for i in range(len(inputs))], ["a", "b"][: 1 + (operator == "Split")]
    proto = helper.make_node(operator, names, outputs, **attributes)
    opsets = [helper.make_opsetid("", 18)]
    function = helper.make_function("test", "one", names, outputs, [proto], opsets)
    feeds = dict(zip(names, inputs, strict=True))
    expected = ReferenceEvaluator(function).run(None, feeds, attributes={})
    asked = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
    asked = {name: v.decode() if isinstance(v, bytes) else v for name, v in asked.items()}
    alone = Node(
        operator, "n", tuple(names), tuple(outputs), asked, 18, function.SerializeToString,
        (True,) * len(outputs),
    )  # fmt: skip
    for found, value in zip(Folder()(alone, inputs, lambda: None), expected, strict=False):
        assert found.dtype == np.asarray(value).dtype
        assert found.shape == np.shape(value)
        np.testing.assert_allclose(found, value, rtol=2e-6, atol=1e-6)


def test_it_ends_in_time(monkeypatch):
    monkeypatch.setattr("aimcsim.networks.folding.MOST_SECONDS", -1.0)
    alone = Node("Abs", "n", ("a",), ("b",), {}, 18, bytes, (True,))
    with pytest.raises(Unsupported, match="takes more than -1 s"):
        Folder()(alone, [A], lambda: None)


def test_numbers_of_16_bits_are_computed_in_32():
    alone = Node("Add", "n", ("a", "b"), ("c",), {}, 18, bytes, (True,))
    half = A.astype(ml_dtypes.bfloat16)
    (found,) = Folder()(alone, [half, half], lambda: None)
    assert found.dtype == half.dtype
    np.testing.assert_array_equal(found, (2 * half.astype(np.float32)).astype(half.dtype))
