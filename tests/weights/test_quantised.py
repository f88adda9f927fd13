"""Integers of a checkpoint are weights only with their scale, and never packed words."""

import json

import numpy as np
import pytest
import safetensors.numpy

from aimcsim.common.errors import UserError
from aimcsim.mapping.dataset import left_out, stored_as
from aimcsim.weights.dataset import build
from aimcsim.weights.files import FileWeights, read

DRAW = np.random.default_rng(0)
CODES = DRAW.integers(-127, 128, (12, 16)).astype(np.int8)  # (outputs, inputs)
SCALES = DRAW.uniform(0.01, 0.02, (12, 1)).astype(np.float32)
WEIGHTS = CODES * SCALES


def content(path, arrays, **options):
    safetensors.numpy.save_file({name: array.copy() for name, array in arrays.items()}, path)
    return read(FileWeights(kind="file", path=str(path), transpose=True, **options))


def refusal(path, arrays, **options):
    with pytest.raises(UserError) as caught:
        content(path, arrays, **options)
    text = str(caught.value)
    assert text.startswith(str(path))
    return text


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.safetensors"


NAMES = {
    "beside": ("fc.weight", "fc.weight_scale"),
    "below": ("fc.weight", "fc.weight.scale"),
    "of the layer": ("fc.weight", "fc.scales"),
    "quanto": ("fc.weight._data", "fc.weight._scale"),
    "short": ("w_q", "w_s"),
}


@pytest.mark.parametrize("name", NAMES)
def test_integers_are_multiplied_with_their_scale(path, name):
    integers, scale = NAMES[name]
    found = content(path, {integers: CODES, scale: SCALES, "fc.bias": np.zeros(12, np.float32)})
    assert list(found.matrices) == [integers]
    np.testing.assert_allclose(found.matrices[integers], WEIGHTS.T, rtol=1e-6)
    assert found.stored_as == [f"I8, dequantised by '{scale}'"]
    reasons = {one.name: one.reason for one in found.left_out}
    assert reasons[scale] == f"belongs to the integers of '{integers}'"


def test_largest_magnitudes_of_rows_are_scales_too(path):
    found = content(path, {"fc.weight": CODES, "fc.SCB": 127 * SCALES[:, 0]})
    np.testing.assert_allclose(found.matrices["fc.weight"], WEIGHTS.T, rtol=1e-6)


SHAPES = {
    "one value": np.float32([[0.5]]),
    "one number": np.array(0.5, np.float32),
    "of each output": SCALES[:, 0],
    "of each output, with its axes": SCALES,
    "of each input": np.linspace(1, 2, 16, dtype=np.float32),
    "of blocks of 3 x 4": DRAW.uniform(1, 2, (4, 4)).astype(np.float32),
    "of blocks of inputs": DRAW.uniform(1, 2, (12, 2)).astype(np.float32),
}


def whole(part):
    """A scale or zero point for every entry of the codes."""
    if part.ndim == 2:
        return np.kron(part, np.ones((12 // len(part), 16 // part.shape[1])))
    return part[:, None] if part.shape == (12,) else part


@pytest.mark.parametrize("name", SHAPES)
def test_scales_of_every_shape(path, name):
    scale = SHAPES[name]
    zero = np.asarray(np.round(3 * scale)).astype(np.int8)
    arrays = {"w": CODES, "w_scale": scale, "w_zero_point": zero}
    expected = (CODES - whole(zero).astype(np.float32)) * whole(scale)
    np.testing.assert_allclose(content(path, arrays).matrices["w"], expected.T, rtol=1e-5)


def test_a_scale_of_one_axis_is_of_the_outputs_of_a_square_matrix(path):
    codes, scale = CODES[:, :12], SCALES[:, 0]
    safetensors.numpy.save_file({"w": codes.copy(), "w_scale": scale.copy()}, path)
    for transpose, expected in ((True, (codes * scale[:, None]).T), (False, codes * scale)):
        found = read(FileWeights(kind="file", path=str(path), transpose=transpose))
        np.testing.assert_allclose(found.matrices["w"], expected, rtol=1e-6)


PACKED = DRAW.integers(-(2**31), 2**31, (2, 12)).astype(np.int32)
REFUSED = {
    "GPTQ": (
        {"fc.qweight": PACKED, "fc.qzeros": PACKED[:1, :2], "fc.scales": SCALES.T},
        ["fc.qweight", "packed words", "dequantised", "`select`"],
    ),
    "words with a scale": ({"w": PACKED, "w_scale": SCALES.T}, ["'w'", "packed words"]),
    "compressed tensors": (
        {"fc.weight_packed": PACKED, "fc.weight_scale": SCALES}, ["packed words"],
    ),
    "no scale": ({"w": CODES}, ["integers without a scale", "'w_scale'", "`select`"]),
    "unsigned, no zero point": (
        {"w": CODES.view(np.uint8), "w_scale": SCALES}, ["no zero point", "'w_zero_point'"],
    ),
    "zeros of an unknown kind": (
        {"w": CODES, "w_scale": SCALES, "w_zeros": SCALES}, ["'w_zeros'", "does not say"],
    ),
    "scale of another shape": (
        {"w": CODES, "w_scale": SCALES[:5]},
        ["'w_scale'", "(5, 1)", "does not fit 'w'", "(12, 16)"],
    ),
    "scale in an unknown type": (
        {"w": CODES, "w_scale": np.ones((12, 1), np.uint8)},
        ["'w_scale'", "U8", "not a known type"],
    ),
    "masks alone": (
        {"mask": CODES > 0, "pos": WEIGHTS}, ["'mask'", "a mask", "'pos'", "positions", "`select`"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_integers_of_unknown_meaning_are_refused_with_the_remedy(path, name):
    arrays, words = REFUSED[name]
    text = refusal(path, arrays)
    for word in words:
        assert word in text


def test_the_user_can_say_that_integers_are_the_weights(path):
    found = content(path, {"w": CODES, "v": WEIGHTS}, select=("w",))
    np.testing.assert_array_equal(found.matrices["w"], CODES.T)
    assert found.stored_as == ["I8"]
    assert [(one.name, one.reason) for one in found.left_out] == [("v", "not in `select`")]


def test_but_not_that_packed_words_are(path):
    assert "packed words" in refusal(path, {"fc.qweight": PACKED}, select=("fc.qweight",))


def test_the_dataset_says_what_was_taken_and_what_was_not(path):
    safetensors.numpy.save_file({"w": CODES, "w_scale": SCALES, "b": SCALES[:, 0].copy()}, path)
    dataset = build("mine", FileWeights(kind="file", path=str(path), transpose=True), 1)
    assert stored_as(dataset, 0) == "I8, dequantised by 'w_scale'"
    assert {one.name: one.shape for one in left_out(dataset)} == {"w_scale": (12, 1), "b": (12,)}
    assert json.loads(dataset.attrs["left_out"])
