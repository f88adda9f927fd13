"""Patches and exact products, against sums written out."""

from itertools import product as every

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimcsim.networks.execute import exact
from aimcsim.networks.graph import Product
from aimcsim.networks.patches import as_images, partial_sums, shape_of_outputs
from tests.networks.layers import GEOMETRIES, images, layer, tiles_of


def written_out(product: Product, values: np.ndarray) -> np.ndarray:
    """The convolution by its definition, one weight at a time, float64."""
    top, left, bottom, right = product.pads
    padded = np.pad(values.astype(float), ((0, 0), (top, bottom), (left, right), (0, 0)))
    tall, wide = product.kernel
    extents = [
        (padded.shape[1 + axis] - product.dilations[axis] * (product.kernel[axis] - 1) - 1)
        // product.strides[axis]
        + 1
        for axis in (0, 1)
    ]
    out = np.zeros((len(values), *extents, product.matrix.shape[1]))
    for row, column in every(*map(range, extents)):
        for channel, r, c in every(range(product.channels), range(tall), range(wide)):
            y = row * product.strides[0] + r * product.dilations[0]
            x = column * product.strides[1] + c * product.dilations[1]
            weights = product.matrix[(channel * tall + r) * wide + c].astype(float)
            out[:, row, column] += padded[:, y, x, channel, None] * weights
    return out


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_exact_products_are_the_convolution(geometry):
    product = layer(geometry)
    values = images(product)
    expected = written_out(product, values)
    assert shape_of_outputs(product, values) == expected.shape
    np.testing.assert_allclose(exact(product, values), expected, rtol=0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.integers(1, 3),
)
def test_any_geometry(kernel, strides, pads, dilations, channels):
    rows = channels * kernel[0] * kernel[1]
    matrix = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    product = Product("any", matrix, kernel, strides, pads, dilations)
    values = images(product, 2, 7, 6)
    np.testing.assert_allclose(
        exact(product, values), written_out(product, values), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 6), (4, 2, 3, 6)])
def test_a_matrix_takes_values_of_any_dimensions(shape):
    draw = np.random.default_rng(0)
    product = Product("matrix", draw.normal(size=(6, 3)).astype(np.float32))
    values = draw.normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(exact(product, values), values @ product.matrix, atol=1e-6)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("rows", "columns"), [(17, 4), (4, 7), (100, 100)])
def test_partial_sums_of_all_pieces_add_up(geometry, rows, columns):
    """Also where a piece ends within a channel."""
    product = layer(geometry)
    values = images(product)
    whole = exact(product, values)
    total = np.zeros((len(values), whole[0, ..., 0].size, whole.shape[-1]))
    for tile in tiles_of([product], rows, columns):
        for piece in tile.pieces:
            total[:, :, piece.source[1]] += partial_sums(product, piece, values)
    np.testing.assert_allclose(total.reshape(whole.shape), whole, rtol=0, atol=1e-5)


def test_values_of_other_channels_and_images_below_the_kernel_are_refused():
    product = layer("dilated")
    with pytest.raises(ValueError, match=r"dilated: values of shape \(1, 9, 8, 4\)"):
        as_images(product, np.zeros((1, 9, 8, 4), np.float32))
    with pytest.raises(ValueError, match="an image of 1 x 8 has no position"):
        shape_of_outputs(product, np.zeros((1, 1, 8, 5), np.float32))
