"""ResNet-9, with random weights, read from ONNX and put onto packed cores."""

import dataclasses

import numpy as np
import pytest

from aimcsim.chip.periphery import Periphery
from aimcsim.mapping.packing import pack
from aimcsim.networks import resnet9
from aimcsim.networks.chip import AnalogProducts, ideal_cores, noise_free
from aimcsim.networks.execute import ExactProducts, run
from aimcsim.networks.onnx_reader import read_model
from aimcsim.networks.ranges import Ranges, activations, calibrate
from tests.networks.resnet9 import random_dataset
from tests.samples import IDEAL_CONVERTERS

ROWS, COLUMNS = 40, 33  # pieces of parts of channels and of columns


@pytest.fixture(scope="module")
def network():
    dataset = random_dataset((4, 6, 6))
    return read_model(resnet9.to_onnx(dataset).SerializeToString(), "resnet9")


@pytest.fixture(scope="module")
def images(network):
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (7, *network.input_shape)).astype(np.float32)


@pytest.fixture(scope="module")
def tiles(network):
    blocks = [product.matrix for product in network.products]
    tiles = pack(blocks, ROWS, COLUMNS, [int(np.prod(p.kernel)) for p in network.products])
    assert max(len(tile.pieces) for tile in tiles) > 1
    assert sum(len(tile.pieces) for tile in tiles) > len(blocks)
    return tiles


def on_cores(network, images, tiles, converters, read_noise=0.0, margin=1.0) -> AnalogProducts:
    ranges = calibrate(network, tiles, images)
    ranges = Ranges(margin * ranges.inputs, margin * ranges.outputs)
    cores = ideal_cores(tiles, [product.matrix for product in network.products])
    if read_noise:
        cores = [
            dataclasses.replace(core, variance=np.square(read_noise * core.net)) for core in cores
        ]
    return AnalogProducts(network, cores, ranges, converters)


def test_ideal_cores_with_fine_converters_give_the_exact_scores(network, images, tiles):
    """Ranges doubled, so that none clips: they are means over images."""
    products = on_cores(network, images, tiles, IDEAL_CONVERTERS, margin=2.0)
    scores = run(network, images, ExactProducts(network))
    found = run(network, images, products)
    np.testing.assert_allclose(found, scores, rtol=0, atol=2e-3 * np.abs(scores).max())
    assert (products.layer_errors(activations(network, images)) < 0.1).all()


def test_scores_depend_on_no_batch(network, images, tiles):
    products = on_cores(network, images, tiles, Periphery(), read_noise=np.float32(0.04))
    scores = run(network, images, products, batch=7)
    for batch in (1, 3):
        np.testing.assert_array_equal(run(network, images, products, batch=batch), scores)


def test_layers_err_by_their_converters_and_more_by_their_noise(network, images, tiles):
    seen = activations(network, images)
    errors = [
        on_cores(network, images, tiles, converters, noise).layer_errors(seen)
        for converters, noise in (
            (noise_free(Periphery()), 0.0), (Periphery(), 0.0), (Periphery(), np.float32(0.1)),
        )
    ]  # fmt: skip
    assert (errors[0] > 0.1).all()
    assert (errors[1] > errors[0]).all()
    assert (errors[2] > errors[1]).all()


def test_ranges_depend_on_no_batch(network, images, tiles):
    whole = calibrate(network, tiles, images)
    by_one = calibrate(network, tiles, images, lambda *arguments: run(*arguments, batch=1))
    np.testing.assert_allclose(by_one.inputs, whole.inputs, rtol=1e-5)
    np.testing.assert_allclose(by_one.outputs, whole.outputs, rtol=1e-4)
