"""A perceptron of the digits on cores with made-up conductances: what costs accuracy."""

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.settings import Core
from aimcsim.mapping.dataset import matrix_name
from aimcsim.mapping.tiles import join, normalised
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.judge import How, judge, software
from aimcsim.shards.groups import tile_groups, tiles_of
from aimcsim.weights.dataset import build
from aimcsim.weights.digits import DigitsWeights
from tests.networks import small
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, changed, split

DEFINITION = DigitsWeights(kind="digits", hidden=(12,))
ONE_IMAGE = 100 / 540
PLACES = [
    ((64, 16), {}),  # one tile per layer
    ((30, 7), {}),  # six tiles, of which rows are summed digitally
    ((30, 7), {"scale": "column"}),
    ((64, 26), {"packing": "shared"}),  # layers side by side on one core
    ((80, 16), {"packing": "shared", "scale": "column"}),  # one beneath the other
    ((30, 7), {"packing": "shared", "scale": "column"}),  # both, in pieces
]


@pytest.fixture(scope="module")
def network() -> xr.Dataset:
    return build("net", DEFINITION, seed=1)


@pytest.fixture(scope="module")
def images() -> xr.Dataset:
    return DEFINITION.read_images(1, 540, 256)


def shard(shape, device=NOISE_FREE, converters=IDEAL_CONVERTERS, chips=2):
    return small.shard(
        core=Core(rows=shape[0], columns=shape[1]), device=device, periphery=converters,
        cores=np.arange(chips), runs=(small.ITERATIVE,),
    )  # fmt: skip


def states_of(spec, network, change=lambda net, tile, chip: net) -> xr.Dataset:
    """Every target met exactly, but for ``change`` of net conductances (rows, columns), uS."""
    variables = {}
    for group in tile_groups(spec, network, spec.periphery):
        for place, tile in enumerate(group.tiles):
            first = place * len(spec.cores)
            nets = [change(group.targets[first + c], tile, c) for c in range(len(spec.cores))]
            values = split(np.stack(nets))[:, None]
            dims = ("core", "run", "device", f"row_{tile.index}", f"column_{tile.index}")
            variables[f"conductance_{tile.index:04d}"] = (dims, values)
    return xr.Dataset(variables, attrs={"shard": spec.text})


def accuracy(spec, network, images, states=None) -> np.ndarray:
    """Of each chip right after programming, without compensation, percent."""
    states = states_of(spec, network) if states is None else states
    at = [EvaluationTime.programmed()]
    how = How(compensation=("none",))
    judged = judge(spec, network, states, images, spec.cores.tolist(), at, how)
    return judged["accuracy"].values.ravel()


def in_software(spec, network, images) -> float:
    return float(software(spec, network, images)["software_accuracy"])


@pytest.mark.parametrize(("shape", "attributes"), PLACES)
def test_a_perfect_network_is_as_accurate_as_software(network, images, shape, attributes):
    network, spec = network.assign_attrs(attributes), shard(shape)
    expected = in_software(spec, network, images)
    assert expected > 90
    found = accuracy(spec, network, images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.01 * ONE_IMAGE)


@pytest.mark.parametrize(("shape", "attributes"), PLACES)
def test_a_network_is_as_accurate_as_software_with_the_weights_that_it_was_left_with(
    network, images, shape, attributes
):
    """Conductances off by 3 uS, no noise: images right of 540, to one on the edge."""
    network, spec = network.assign_attrs(attributes), shard(shape)
    blocks, tiles = tiles_of(spec, network)
    g_max = spec.device.g_max

    def change(net, tile, chip):
        generator = np.random.default_rng((tile.index, chip))
        return net + generator.normal(0, 3, net.shape)

    found = accuracy(spec, network, images, states_of(spec, network, change))
    for chip, value in enumerate(found):
        left = [change(normalised(t, blocks) * np.float32(g_max), t, chip) / g_max for t in tiles]
        disturbed = network.copy()
        for index, matrix in enumerate(join(tiles, left, [block.shape for block in blocks])):
            name = matrix_name(index)
            disturbed[name] = disturbed[name].copy(data=matrix.astype(np.float32))
        expected = in_software(spec, disturbed, images)
        assert expected < in_software(spec, network, images) - 2
        assert value == pytest.approx(expected, abs=1.01 * ONE_IMAGE)


@pytest.mark.parametrize("noise", ["adc_noise", "read_noise"])
def test_read_out_noise_lowers_the_accuracy(network, images, noise):
    """Mean over chips, falling at every step from none to a level that drowns the signal."""
    levels = {"adc_noise": (0, 3.4, 6.8, 13.5, 21), "read_noise": (0, 0.25, 0.5, 1)}[noise]
    found = []
    for level in levels:
        device, converters = NOISE_FREE, IDEAL_CONVERTERS
        if noise == "read_noise":
            device = changed(device, read_noise=level)
        else:
            converters = changed(converters, adc_noise=level)
        found.append(accuracy(shard((64, 16), device, converters, 8), network, images).mean())
    expected = in_software(shard((64, 16)), network, images)
    assert found[0] == pytest.approx(expected, abs=1.01 * ONE_IMAGE)
    assert (np.diff(found) < -1).all()
    assert found[-1] < 80


def test_coarse_converters_lower_the_accuracy(network, images):
    found = [
        accuracy(
            shard((64, 16), converters=changed(IDEAL_CONVERTERS, adc_bits=bits)), network, images
        ).mean()
        for bits in (2, 3, 8)
    ]
    assert found[0] < found[1] - 1
    assert found[1] < found[2]
    assert found[2] > in_software(shard((64, 16)), network, images) - 1


def test_the_correction_behind_each_column_is_used_at_the_networks_own_ranges(network, images):
    """Columns so uneven that the network fails; with the correction it is as good as software."""
    uneven = changed(IDEAL_CONVERTERS, column_gain=0.9, column_offset=0.2, adc_range_sigmas=20)
    spec = shard((30, 7), converters=uneven)
    states = states_of(spec, network)
    bare = accuracy(spec, network, images, states)
    for group in tile_groups(spec, network, spec.periphery):
        columns, scale = group.units.converters, group.units.full_scale[:, None]
        values = np.stack([1 / columns.gain, -columns.offset * scale / columns.gain], axis=1)
        for place, tile in enumerate(group.tiles):
            chips = len(spec.cores)
            of_tile = values[place * chips : (place + 1) * chips, None]
            dims = ("core", "run", "correction", f"column_{tile.index}")
            states[f"affine_{tile.index:04d}"] = (dims, of_tile.astype(np.float32))
    corrected = accuracy(spec, network, images, states)
    assert (bare < in_software(spec, network, images) - 10).all()
    # Outputs beyond the calibrated range are clipped before they are corrected.
    assert (corrected > bare + 10).all()
