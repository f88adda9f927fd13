"""Full scales of converters: between clipping and rounding."""

import dataclasses

import numpy as np
import pytest

from aimcsim.chip.periphery import Periphery
from aimcsim.mapping.tiles import split
from aimcsim.networks.chip import AnalogProducts, ideal_cores
from aimcsim.networks.full_scale import FACTORS, fitted
from aimcsim.networks.graph import PRODUCT, Network, Product, Step
from aimcsim.networks.ranges import activations, calibrate


@pytest.fixture(scope="module")
def network():
    """One matrix; values of its inputs have long tails, so that the largest are clipped."""
    matrix = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
    product = Product("only", matrix)
    step = Step(PRODUCT, "only", ("x",), "y", {"product": 0})
    return Network("x", (24,), "y", (step,), {}, (product,))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(64, 24)) * rng.lognormal(0, 0.5, (64, 1))
    return values.astype(np.float32)


def settings(bits):
    return Periphery(dac_bits=bits, adc_bits=bits)


def judged(network, images, ranges, bits):
    tiles = split([product.matrix for product in network.products], 16, 6)
    cores = ideal_cores(tiles, [product.matrix for product in network.products])
    products = AnalogProducts(network, cores, ranges, settings(bits))
    return products.layer_errors(activations(network, images))[0]


def fit(network, images, bits):
    tiles = split([product.matrix for product in network.products], 16, 6)
    start = calibrate(network, tiles, images)
    return start, fitted(network, tiles, start, settings(bits), activations(network, images))


def test_long_tails_ask_for_more_than_the_mean_of_the_largest(network, images):
    start, found = fit(network, images, 8)
    assert found.inputs[0] > 1.5 * start.inputs[0]
    assert judged(network, images, found, 8) < 0.5 * judged(network, images, start, 8)


def test_fewer_bits_ask_for_narrower_ranges(network, images):
    _, fine = fit(network, images, 10)
    _, coarse = fit(network, images, 4)
    full = (fine.inputs[0] * fine.outputs, coarse.inputs[0] * coarse.outputs)
    assert (full[1] < full[0]).all()
    assert judged(network, images, coarse, 4) < judged(network, images, fine, 4)


def test_no_factor_of_the_adcs_is_better(network, images):
    _, found = fit(network, images, 6)
    least = judged(network, images, found, 6)
    for factor in FACTORS:
        other = dataclasses.replace(found, outputs=(found.outputs * factor).astype(np.float32))
        assert judged(network, images, other, 6) >= least
