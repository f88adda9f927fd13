"""Running a network: batches, freeing, what products are shown; joined steps change nothing."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimcsim.networks import execute, fuse, operators
from aimcsim.networks.execute import ExactProducts, product_inputs, run
from aimcsim.networks.graph import Product
from aimcsim.networks.operators import AFFINE
from aimcsim.networks.resnet9 import to_onnx
from tests.networks.models import assert_same, ideal_scores, model, read, runtime_scores
from tests.networks.resnet9 import random_dataset
from tests.networks.test_operators import draw, integers, node

NETWORK = read(to_onnx(random_dataset((4, 6, 8))))
PIXELS = np.random.default_rng(4).integers(0, 256, (9, 3, 32, 32)).astype(np.uint8)
SCORES = ideal_scores(NETWORK, PIXELS)


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 12), first=st.integers(0, 8), count=st.integers(1, 9))
def test_scores_do_not_depend_on_the_batch(batch, first, count):
    images = PIXELS[first : first + count]
    assert_same(ideal_scores(NETWORK, images, batch=batch), SCORES[first : first + count], 1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float64, np.float32])
def test_images_of_any_type(kind):
    np.testing.assert_array_equal(ideal_scores(NETWORK, PIXELS.astype(kind)), SCORES)


def test_images_are_left_as_they_are():
    images = PIXELS.astype(np.float32)
    before = images.copy()
    ideal_scores(NETWORK, images)
    np.testing.assert_array_equal(images, before)


def test_constants_are_left_as_they_are():
    before = {name: values.copy() for name, values in NETWORK.constants.items()}
    ideal_scores(NETWORK, PIXELS)
    assert before
    for name, values in before.items():
        np.testing.assert_array_equal(NETWORK.constants[name], values)


@dataclasses.dataclass
class Noted:
    """Exact products that note what they were asked."""

    calls: list

    def __call__(self, index, values, first_image):
        assert values.dtype == np.float32
        assert values.flags.c_contiguous
        self.calls.append((index, len(values), first_image))
        return execute.exact(NETWORK.products[index], values)


def test_products_know_the_first_image_of_the_batch():
    noted, done = Noted([]), []
    run(NETWORK, PIXELS, noted, batch=4, progress=done.append)
    every = range(len(NETWORK.products))
    expected = [(i, n, first) for first, n in ((0, 4), (4, 4), (8, 1)) for i in every]
    assert sorted(noted.calls, key=lambda call: (call[2], call[0])) == expected
    assert done == [4, 8, 9]


def test_small_images_are_taken_by_the_hundred():
    """A perceptron's cost calls alone; ResNet-9's fill the cache by the dozen."""
    layers = [node("MatMul", "image", "w", out="scores")]
    small = read(model(layers, ("n", 64), {"w": draw(64, 10)}))
    seen = []
    watched = execute.Watched(ExactProducts(small), lambda _, values: seen.append(len(values)))
    run(small, draw(600, 64), watched)
    assert seen[0] > 100
    wide = read(to_onnx(random_dataset((28, 56, 56))))
    job = execute._Job(wide, execute._plan(wide), ExactProducts(wide), execute.OnHost(wide))
    assert job.place.batch(2000, lambda: job.bytes_of(PIXELS[:1])) == execute.BATCH


def test_inputs_of_products_give_their_outputs():
    inputs = product_inputs(NETWORK, PIXELS, batch=4)
    for values, product in zip(inputs, NETWORK.products, strict=True):
        assert values.shape[0] == len(PIXELS)
        assert values.shape[-1] == product.channels
    last = NETWORK.products[-1]
    assert_same(execute.exact(last, inputs[-1]) + last.bias, SCORES, 1e-6)
    # ReLU comes before all products but those of the pixels.
    assert min(values.min() for values in inputs[1:]) == 0
    assert inputs[0].min() < 0


def test_exact_products_of_a_strided_dilated_convolution():
    values = draw(2, 7, 8, 3)
    product = Product("p", draw(3 * 6, 5), (2, 3), (2, 1), (1, 0, 2, 1), (2, 2))
    result = execute.exact(product, values)
    kernels = product.matrix.T.reshape(5, 3, 2, 3)
    padded = np.pad(values, ((0, 0), (1, 2), (0, 1), (0, 0)))
    assert result.shape == (2, 4, 5, 5)
    for y, x in ((0, 0), (3, 4), (1, 2)):
        window = padded[:, 2 * y : 2 * y + 3 : 2, x : x + 5 : 2]
        expected = np.einsum("nijc,ocij->no", window, kernels)
        np.testing.assert_allclose(result[:, y, x], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_without_images(batch):
    with pytest.raises(ValueError, match="give 1 or more"):
        run(NETWORK, PIXELS, ExactProducts(NETWORK), batch=batch)


@pytest.mark.parametrize("images", [PIXELS[:0], PIXELS[:, :2], PIXELS[0]])
def test_images_of_another_shape(images):
    with pytest.raises(ValueError, match="images of shape"):
        run(NETWORK, images, ExactProducts(NETWORK))


def branched():
    """What follows each product is used twice, or not what may be joined."""
    nodes = [
        node("MatMul", "image", "w", out="a"),
        node("Add", "a", "c", out="b"),
        node("Relu", "b", out="r"),
        node("Add", "b", "r", out="s"),  # b is used twice
        node("Mul", "s", "c", out="t"),
        node("MatMul", "t", "w", out="u"),
        node("Add", "u", "u", out="v"),  # the same value twice
        node("Relu", "v", out="x"),
        node("Mul", "x", "c", out="y"),  # after a limit
        node("Clip", "y", "low", "high", out="z"),
        node("Add", "z", "t", out="scores"),
    ]
    tensors = {"w": draw(6, 6), "c": draw(6, seed=3), "low": np.float32(-1), "high": np.float32(2)}
    return model(nodes, ("images", 6), tensors)


def test_joined_steps_where_values_are_used_twice():
    source, images = branched(), draw(5, 6)
    assert_same(ideal_scores(read(source), images), runtime_scores(source, images))


def test_a_value_that_is_the_output_is_kept():
    source, images = branched(), draw(5, 6)
    network = read(source, output="u")
    used = model(list(source.graph.node)[:6], ("images", 6), {}, output="u")
    used.graph.initializer.extend(source.graph.initializer)
    assert_same(ideal_scores(network, images), runtime_scores(used, images))


def test_joining_changes_no_score(monkeypatch):
    source = to_onnx(random_dataset((4, 6, 8)))
    monkeypatch.setattr("aimcsim.networks.onnx_reader.fuse", lambda network: network)
    plain = read(source)
    joined = fuse.fuse(plain)
    assert len(joined.steps) < len(plain.steps)
    assert_same(ideal_scores(joined, PIXELS), ideal_scores(plain, PIXELS), 1e-6)


def test_a_bias_becomes_part_of_the_pass_after_it():
    tensors = {"w": draw(6, 5), "b": draw(5)}
    nodes = [node("Gemm", "image", "w", "b", out="g"), node("Relu", "g", out="scores")]
    network = read(model(nodes, ("images", 6), tensors))
    assert [step.operator for step in network.steps] == ["Product", AFFINE]
    assert network.products[0].bias is None
    alone = read(model(nodes[:1], ("images", 6), tensors, output="g"))
    np.testing.assert_array_equal(alone.products[0].bias, tensors["b"])


def test_values_nobody_needs_any_more_are_dropped():
    plan = execute._plan(NETWORK)
    dropped = [name for planned in plan for name in planned.dead]
    values = {step.output for step in NETWORK.steps} | {NETWORK.input}
    assert len(dropped) == len(set(dropped))
    assert set(dropped) == values - {NETWORK.output}


@pytest.mark.parametrize("shape", [(7,), (5, 1)])
def test_an_affine_step_checks_its_shapes(shape):
    values = draw(*shape)
    with pytest.raises(ValueError, match="scale"):
        operators.affine(values, np.ones(2, np.float32), np.ones(2, np.float32))


def test_a_view_is_not_written_to():
    """The output of a reshape shares memory with its input, which an affine step may replace."""
    nodes = [
        node("MatMul", "image", "w", out="a"),
        node("Reshape", "a", "s", out="r"),
        node("Reshape", "r", "t", out="b"),
        node("Relu", "b", out="c"),
        node("Mul", "c", "k", out="d"),
        node("Reshape", "a", "t", out="e"),
        node("Sub", "d", "e", out="scores"),
    ]
    tensors = {"w": draw(6, 6), "s": integers(-1, 2, 3), "t": integers(-1, 6), "k": draw(6)}
    source, images = model(nodes, ("images", 6), tensors), draw(4, 6)
    assert_same(ideal_scores(read(source), images), runtime_scores(source, images))
