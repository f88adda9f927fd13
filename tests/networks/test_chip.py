"""Products of layers on programmed cores: against the cores' own MVMs, and by their limits."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimcsim.chip import column_correction as affine
from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery, to_dac_grid
from aimcsim.chip.settings import Wires
from aimcsim.common.random import Phase
from aimcsim.kernels import reference
from aimcsim.mapping.tiles import Piece, Tile, normalised
from aimcsim.networks.chip import AnalogProducts, ideal_cores, noise_free
from aimcsim.networks.execute import exact
from aimcsim.networks.graph import Product
from aimcsim.networks.patches import as_images, inputs_of, partial_sums
from aimcsim.networks.programmed import core_of
from aimcsim.networks.ranges import Activations, Ranges, calibrate
from tests.kernels.test_backends import assert_same_codes
from tests.networks.layers import GEOMETRIES, images, layer, network, one_by_one, tiles_of
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, make_units, mean_and_error, spread_and_error
from tests.samples import split as polarities

NOISY = MeltQuench(read_noise=0.05)
CONVERTERS = Periphery(column_offset=0.01)
FINE = IDEAL_CONVERTERS


def wide_ranges(net, tiles, *batches, margin=1.0):
    """Ranges that clip nothing: of the largest magnitude over all images."""
    of_inputs = np.array([np.abs(values).max() for values in batches])
    pieces = [piece for tile in tiles for piece in tile.pieces]
    of_outputs = [
        np.abs(
            partial_sums(net.products[p.matrix], p, batches[p.matrix]) / p.scale
        ).max() / of_inputs[p.matrix]
        for p in pieces
    ]  # fmt: skip
    return Ranges((margin * of_inputs).astype(np.float32), np.array(of_outputs, np.float32))


def per_weight(unit, tile):
    """Of pieces on one core each its own, as with targets for a time to come."""
    return unit.g_max * (1 + 0.1 * np.arange(len(tile.pieces)))


class Chip:
    """One layer, or more, on cores with devices, converters and corrections of their own."""

    def __init__(self, products, batches, device=NOISY, converters=CONVERTERS, corrected=True,
                 tiles=None, wires=None):  # fmt: skip
        self.network, self.batches = network(*products), batches
        self.tiles = tiles or tiles_of(products)
        self.converters, self.units, self.states, self.corrections = converters, [], [], []
        draw = np.random.default_rng(8)
        for tile in self.tiles:
            target = normalised(tile, [p.matrix for p in products]) * np.float32(10.35)
            held = polarities(target[None])[0] + draw.uniform(0, 1.5, (2, *target.shape))
            unit = make_units(target[None], device, converters, seed=4, wires=wires)
            unit = dataclasses.replace(unit, tile=np.array([tile.index], np.uint32))
            correction = np.stack(
                [draw.uniform(0.9, 1.1, tile.columns), draw.normal(0, 1, tile.columns)]
            )
            self.units.append(unit)
            self.states.append(held.astype(np.float32))
            self.corrections.append(correction.astype(np.float32) if corrected else None)
        self.ranges = wide_ranges(self.network, self.tiles, *batches)

    def cores(self):
        return [
            core_of(unit, 0, tile, state, per_weight(unit, tile), correction)
            for unit, tile, state, correction in zip(
                self.units, self.tiles, self.states, self.corrections, strict=True
            )
        ]

    def products(self, **kwargs) -> AnalogProducts:
        return AnalogProducts(self.network, self.cores(), self.ranges, self.converters, **kwargs)

    def by_mvms(self, index: int, values: np.ndarray) -> np.ndarray:
        """The outputs of product ``index`` by MVMs of whole cores and sums of their tiles."""
        product = self.network.products[index]
        points = product.kernel[0] * product.kernel[1]
        inputs = inputs_of(product, as_images(product, values))
        inputs = inputs.reshape(-1, points, product.channels).swapaxes(1, 2)
        inputs = inputs.reshape(len(inputs), -1)  # (positions of all images, rows)
        largest = self.ranges.inputs[index]
        x = to_dac_grid(inputs / largest, self.converters.dac_bits, self.converters.dac_range)
        out = np.zeros((len(x), product.matrix.shape[1]))
        number = 0
        for unit, tile, state, correction in zip(
            self.units, self.tiles, self.states, self.corrections, strict=True
        ):
            for piece, counted in zip(tile.pieces, per_weight(unit, tile), strict=True):
                full_scale = self.ranges.outputs[number] * counted
                number += 1
                if piece.matrix != index:
                    continue
                ranged = dataclasses.replace(unit, full_scale=np.array([full_scale], np.float32))
                driven = np.zeros((1, len(x), tile.rows), np.float32)
                driven[0, :, piece.place[0]] = x[:, piece.source[0]]
                run = Cores(ranged, np.array([0]), state[None], Phase.INFERENCE)
                y = run.mvm(driven, np.array([0]))
                if correction is not None:
                    own = correction[None].copy()
                    own[:, 1] *= full_scale / unit.full_scale[0]
                    affine.apply(own, y)
                digital = piece.scale / counted * largest
                out[:, piece.source[1]] += y[0, :, piece.place[1]] * digital
        return out

    def step(self, index: int) -> float:
        """Largest step of an output, of one piece."""
        return max(
            float(self.ranges.outputs[number] * piece.scale.max() * self.ranges.inputs[index])
            * 1.1 * 2 / 2**self.converters.adc_bits
            for number, piece in enumerate(p for tile in self.tiles for p in tile.pieces)
            if piece.matrix == index
        )  # fmt: skip


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("wires", [None, Wires(row=1, column=2)], ids=["no wires", "wires"])
def test_without_noise_outputs_are_those_of_the_cores_mvms(geometry, wires):
    """Column gains, offsets and corrections act; pieces end within channels; ranges clip none.

    16 bits: codes that rounding moves are finer than the tolerance, a tenth of an 8-bit code.
    """
    product = layer(geometry)
    values = images(product)
    converters = noise_free(CONVERTERS).model_copy(update={"adc_bits": 16})
    chip = Chip([product], [values], NOISE_FREE, converters, wires=wires)
    y = chip.products()(0, values, 0)
    expected = chip.by_mvms(0, values).reshape(y.shape)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=0, atol=3 * chip.step(0))
    assert chip.step(0) < 1e-3 * np.abs(expected).max()


def test_codes_are_those_of_the_cores_mvms():
    """420 levels, one piece: equal but for few codes that rounding moves by one."""
    product = layer("same", channels=3, columns=6)
    values = images(product, 40)
    chip = Chip(
        [product], [values], NOISE_FREE, noise_free(CONVERTERS), corrected=False,
        tiles=_whole(product),
    )  # fmt: skip
    y = chip.products()(0, values, 0).reshape(-1, 6)
    step = float(chip.ranges.outputs[0] * chip.ranges.inputs[0]) / 210
    assert_same_codes(y, chip.by_mvms(0, values), step)


def _whole(product: Product) -> list[Tile]:
    """On one core, one scale."""
    shape = product.matrix.shape
    scale = np.full(shape[1], np.abs(product.matrix).max(), np.float32)
    return [Tile(0, *shape, (Piece(0, 0, 0, *shape, 0, 0, scale),))]


@pytest.mark.parametrize("device", [NOISE_FREE, NOISY], ids=["silent", "read noise"])
def test_the_first_image_meets_the_noise_of_the_first_mvms(device):
    """A whole core, so that draws have the addresses of the core's own port: equal codes."""
    product = layer("same", channels=3, columns=6)
    values = images(product, 1, 20, 20)
    chip = Chip([product], [values], device, corrected=False, tiles=_whole(product))
    y = chip.products()(0, values, 0).reshape(-1, 6)
    silent = Chip(
        [product], [values], NOISE_FREE, noise_free(CONVERTERS), corrected=False,
        tiles=_whole(product),
    )  # fmt: skip
    step = float(chip.ranges.outputs[0] * chip.ranges.inputs[0] * chip.tiles[0].pieces[0].scale[0])
    step /= 210
    noise = np.abs(y - silent.products()(0, values, 0).reshape(-1, 6)).max()
    assert noise > 1.5 * step
    assert_same_codes(y, chip.by_mvms(0, values), step, share=2e-3)


def test_moments_of_the_noise_are_those_of_the_cores_mvms():
    """Read and conversion noise of 6,000 equal images: 5 standard errors of means and spreads."""
    draw = np.random.default_rng(3)
    product = Product("matrix", draw.normal(0, 0.2, (23, 5)).astype(np.float32))
    one = draw.uniform(-1, 1, (1, 23)).astype(np.float32)
    values = np.repeat(one, 6000, axis=0)
    chip = Chip([product], [values], MeltQuench(read_noise=0.2), tiles=tiles_of([product], 9, 3))
    chip.ranges = Ranges(chip.ranges.inputs, 4 * chip.ranges.outputs)
    observed = chip.products()(0, values, 0).astype(float)
    expected = chip.by_mvms(0, values)
    for column in range(5):
        (a, da), (b, db) = (mean_and_error(y[:, column]) for y in (observed, expected))
        assert abs(a - b) < 5 * np.hypot(da, db)
        (a, da), (b, db) = (spread_and_error(y[:, column]) for y in (observed, expected))
        assert a > 0
        assert abs(a - b) < 5 * np.hypot(da, db)
    correlations = np.corrcoef(observed.T)[~np.eye(5, dtype=bool)]
    assert np.abs(correlations).max() < 5 / np.sqrt(6000)
    following = np.corrcoef(observed[:-1, 0], observed[1:, 0])[0, 1]
    assert abs(following) < 5 / np.sqrt(6000)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("device", [NOISE_FREE, NOISY], ids=["silent", "read noise"])
def test_the_kernel_is_the_plain_one(geometry, device):
    """Many positions, for several blocks; the last one is not full."""
    product = layer(geometry, columns=11)
    values = images(product, 2, 19, 21)
    chip = Chip([product], [values], device, CONVERTERS.model_copy(update={"adc_bits": 16}))
    fast, plain = (
        chip.products(**kernels)(0, values, 5) for kernels in ({}, {"kernels": reference})
    )
    np.testing.assert_allclose(fast, plain, rtol=0, atol=4 * chip.step(0))
    assert chip.step(0) < 1e-3 * np.abs(plain).max()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 7), st.randoms())
def test_results_depend_on_no_batch_and_no_order(sizes, first, random):
    products = [layer("same"), layer("strides", seed=2)]
    count = sum(sizes)
    batches = [images(product, count) for product in products]
    one = Chip(products, batches).products()
    whole = [one(index, values, first) for index, values in enumerate(batches)]
    starts = np.cumsum([0, *sizes])
    parts = list(range(len(sizes)))
    random.shuffle(parts)
    for part in parts:
        some = slice(starts[part], starts[part + 1])
        for index, values in enumerate(batches):
            y = one(index, values[some], first + int(starts[part]))
            np.testing.assert_array_equal(y, whole[index][some])


def test_images_layers_and_pieces_repeat_no_noise():
    """Two matrices of equal weights on one core; equal images."""
    draw = np.random.default_rng(0)
    matrix = draw.normal(0, 0.2, (8, 40)).astype(np.float32)
    products = [Product("a", matrix), Product("b", matrix)]
    scale = np.abs(matrix).max(axis=0)
    pieces = (Piece(0, 0, 0, 8, 40, 0, 0, scale), Piece(1, 0, 0, 8, 40, 8, 0, scale))
    values = np.repeat(draw.uniform(0, 1, (1, 8)).astype(np.float32), 50, axis=0)
    chip = Chip(products, [values, values], tiles=[Tile(0, 16, 40, pieces)], corrected=False)
    one = chip.products()
    noise = np.stack([one(index, values, 0) for index in (0, 1)]).astype(float)
    noise -= noise.mean(axis=1, keepdims=True)
    assert noise.std() > 0
    flat = noise.reshape(100, 40)
    correlations = np.corrcoef(flat)[~np.eye(100, dtype=bool)]
    assert np.abs(correlations).max() < 6 / np.sqrt(40)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 5 / np.sqrt(2000)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_ideal_cores_and_fine_converters_give_the_exact_products(geometry):
    product = layer(geometry)
    values = images(product)
    net, tiles = network(product), tiles_of([product])
    ranges = wide_ranges(net, tiles, values)
    ideal = ideal_cores(tiles, [product.matrix])
    y = AnalogProducts(net, ideal, ranges, FINE)(0, values, 0)
    expected = exact(product, values)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=3e-4 * np.abs(expected).max())


def test_converters_alone_lose_what_their_steps_are():
    """8 bits: errors of a step over sqrt(12) of every conversion, beside those of the inputs."""
    product = layer("same")
    values = images(product, 30)
    net, tiles = network(product), _whole(product)
    ideal = ideal_cores(tiles, [product.matrix])
    settings_ = noise_free(FINE.model_copy(update={"adc_bits": 8}))
    ranges = wide_ranges(net, tiles, values)
    error = AnalogProducts(net, ideal, ranges, settings_)(0, values, 0) - exact(product, values)
    step = ranges.outputs[0] * ranges.inputs[0] * tiles[0].pieces[0].scale[0] / 128
    spread, accuracy = spread_and_error(error.astype(float))
    assert abs(spread - step / np.sqrt(12)) < 5 * accuracy
    inputs = FINE.model_copy(update={"dac_bits": 8})
    error = AnalogProducts(net, ideal, ranges, inputs)(0, values, 0) - exact(product, values)
    step = ranges.inputs[0] / 127
    padded = np.square(product.matrix).sum(axis=0)[None] * step**2 / 12
    inside = np.square(error[:, 1:-1, 1:-1].astype(float)).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(inside, padded[0], rtol=0.15)


def test_what_lies_beyond_a_range_is_clipped():
    product = Product("matrix", np.array([[1, 0], [0, 0.5]], np.float32))
    net, tiles = network(product), tiles_of([product])
    ideal = ideal_cores(tiles, [product.matrix])
    ranges = Ranges(np.array([2], np.float32), np.array([0.5], np.float32))
    products = AnalogProducts(net, ideal, ranges, noise_free(Periphery()))
    values = np.array([[3, 0], [0.5, 0.5], [0, -9], [0, 1]], np.float32)
    y = products(0, values, 0)
    # Inputs end at 2, currents at 0.5 of that: 209 / 210 at the upper end, columns of scale 1, 0.5.
    expected = [[209 / 210, 0], [0.5, 0.25], [0, -0.5], [0, 0.5 * 209 / 210]]
    np.testing.assert_allclose(y, expected, atol=1.01 * 2 * 0.5 / 210)
    assert y[0, 0] == pytest.approx(209 / 210)
    assert y[2, 1] == pytest.approx(-0.5)


@pytest.mark.parametrize("share", [0.3, 1.4])
def test_compensation_undoes_a_common_decay(share):
    """Each piece has a factor of its own: exact, but for the steps of 16-bit converters."""
    products = [layer("same"), layer("point", seed=2)]
    batches = [images(product) for product in products]
    net, tiles = network(*products), tiles_of(products)
    ranges = wide_ranges(net, tiles, *batches)
    whole = ideal_cores(tiles, [product.matrix for product in products])
    shares = share * np.linspace(1, 0.5, len(tiles))
    decayed = [
        dataclasses.replace(core, net=(core.net * own).astype(np.float32))
        for core, own in zip(whole, shares, strict=True)
    ]
    wide = Ranges(ranges.inputs, 2 * ranges.outputs)
    products_ = AnalogProducts(net, decayed, wide, FINE)
    compensated = products_.compensated(Activations(tuple(batches)))
    np.testing.assert_allclose(compensated.factors, 1 / shares, rtol=2e-3)
    np.testing.assert_array_equal(products_.factors, np.ones(len(tiles)))
    for index, values in enumerate(batches):
        expected = exact(net.products[index], values)
        y = compensated(index, values, 0)
        np.testing.assert_allclose(y, expected, rtol=0, atol=2e-3 * np.abs(expected).max())
        far = products_(index, values, 0)
        assert np.abs(far - expected).max() > 0.1 * np.abs(expected).max()
    judged = Activations(tuple(batches))
    assert (compensated.layer_errors(judged) < 0.2).all()
    assert (products_.layer_errors(judged) > 10).all()


def test_compensation_is_the_global_scale_of_the_mvm_error():
    """a = <y, z> / <y, y>, of outputs as the ports gave them, with noise."""
    product = layer("same")
    values = images(product, 10)
    chip = Chip([product], [values], tiles=_whole(product))
    chip.states[0] *= np.float32(0.8)
    one = chip.products()
    found = one.compensated(Activations((values,))).factors[0]
    y, z = one(0, values, 0).astype(float), exact(product, values).astype(float)
    expected = (y * z).sum() / (y * y).sum()
    assert found == pytest.approx(expected, rel=5e-3)  # other draws of the noise
    assert found != pytest.approx(expected, rel=1e-6)
    assert abs(expected - 1) > 0.1


def test_compensation_of_a_dead_core_leaves_it_as_it_is():
    product = layer("point")
    values = images(product)
    net, tiles = network(product), _whole(product)
    dead = [
        dataclasses.replace(core, net=0 * core.net) for core in ideal_cores(tiles, [product.matrix])
    ]
    ranges = wide_ranges(net, tiles, values)
    found = AnalogProducts(net, dead, ranges, FINE).compensated(Activations((values,)))
    np.testing.assert_array_equal(found.factors, [1])


def test_layer_errors_are_relative_to_the_exact_outputs():
    """Weights 7 % too large: an error of 7 %; where nothing is to be computed, there is none."""
    products = [layer("same"), layer("point", seed=2)]
    batches = [images(products[0]), np.zeros((3, 4, 4, 5), np.float32)]
    net, tiles = network(*products), tiles_of(products, 100, 100)
    ideal = ideal_cores(tiles, [product.matrix for product in products])
    larger = [dataclasses.replace(core, net=core.net * np.float32(1.07)) for core in ideal]
    ranges = Ranges(np.array([5, 1], np.float32), np.array([8, 1], np.float32))
    found = AnalogProducts(net, larger, ranges, FINE).layer_errors(Activations(tuple(batches)))
    assert found[0] == pytest.approx(7, abs=0.05)
    assert np.isnan(found[1])


def test_ranges_are_means_over_images_of_the_largest_magnitude():
    """By hand: two images of a matrix of 2 x 3 in two pieces of columns, a scale per column."""
    matrix = np.array([[1, 0, 2], [0.5, 0.1, -4]], np.float32)
    product = Product("matrix", matrix)
    tiles = tiles_of([product], 2, 2)
    values = np.array([[[1, 0], [-3, 2]], [[0, 1], [0, 0]]], np.float32)  # (image, token, feature)
    ranges = calibrate(network(product), tiles, np.arange(2), one_by_one(values))
    assert ranges.inputs.tolist() == [2]  # of 3 and 1
    # Over the scales 1, 0.1 and 4: outputs of the first image (1, 0, 0.5) and (-2, 2, -3.5), of
    # the second (0.5, 1, -1) and zeros.
    np.testing.assert_allclose(ranges.outputs, [(2 + 1) / 2 / 2, (3.5 + 1) / 2 / 2], rtol=1e-6)
    assert ranges.inputs.dtype == ranges.outputs.dtype == np.float32


def test_ranges_of_a_layer_without_any_input_are_1():
    product = Product("matrix", np.ones((2, 3), np.float32))
    values = np.zeros((2, 1, 2), np.float32)
    ranges = calibrate(
        network(product), tiles_of([product], 2, 3), np.arange(2), one_by_one(values)
    )
    assert ranges.inputs.tolist() == ranges.outputs.tolist() == [1]


def test_ranges_of_other_pieces_are_refused():
    product = layer("point")
    chip = Chip([product], [images(product)])
    chip.ranges = Ranges(chip.ranges.inputs, chip.ranges.outputs[:-1])
    with pytest.raises(ValueError, match="ranges of 1 products and 1 pieces; there are 1 and 2"):
        chip.products()
