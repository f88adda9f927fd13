"""Networks on the GPU back end: layers on cores, digital operators, and whole judgements."""

import dataclasses
import tracemalloc

import numpy as np
import onnx
import pytest

from aimcsim.chip.periphery import Periphery
from aimcsim.common.arrays import to_host
from aimcsim.common.errors import UserError
from aimcsim.kernels import cpu, layers_gpu, reference
from aimcsim.kernels import gpu as back_end
from aimcsim.kernels.cuda.device import available
from aimcsim.kernels.gpu import GpuKernels
from aimcsim.networks import on_device, resnet9
from aimcsim.networks.chip import AnalogProducts, ideal_cores
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.execute import ExactProducts, exact, run
from aimcsim.networks.images import read
from aimcsim.networks.judge import COMPENSATIONS, How, judge, software
from aimcsim.networks.on_device import AS_ON_HOST, OnDevice
from aimcsim.networks.onnx_reader import read_model
from aimcsim.networks.operators import FUNCTIONS, GENERAL
from aimcsim.networks.patches import exact_on, partial_sums
from aimcsim.networks.ranges import Activations, calibrate
from aimcsim.shards import judging
from aimcsim.sweep.shard import run as program
from tests.gpu.host import HostDevice
from tests.gpu.strict import DeviceArray
from tests.networks import small
from tests.networks.layers import GEOMETRIES, images, layer, tiles_of
from tests.networks.models import assert_same
from tests.networks.models import read as read_onnx
from tests.networks.resnet9 import random_dataset
from tests.networks.test_chip import NOISY, Chip
from tests.networks.test_operators import CASES, IMAGES, Case, draw, node
from tests.samples import NOISE_FREE

TIMES = [EvaluationTime.programmed(), EvaluationTime.after(31536000.0, 1)]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_exact_products_are_those_of_the_host(gpu, geometry):
    """Of whole layers, and of pieces that end within channels."""
    for channels in (5, 8):
        product = layer(geometry, channels, columns=37)
        values = images(product)
        there = gpu.to_device(values)
        found = exact_on(gpu.device, product, there)
        np.testing.assert_allclose(to_host(found), exact(product, values), rtol=0, atol=1e-5)
        for piece in tiles_of([product])[1].pieces:
            found = partial_sums(product, piece, there, gpu.device)
            np.testing.assert_allclose(
                to_host(found), partial_sums(product, piece, values), rtol=0, atol=1e-5
            )


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("device", [NOISE_FREE, NOISY], ids=["silent", "read noise"])
def test_products_on_cores_are_those_of_the_host(gpu, geometry, device):
    """Draw for draw: codes that rounding moves are few, and move by one step."""
    product = layer(geometry, channels=8)
    values = images(product, 5)
    chip = Chip([product], [values], device)
    found = to_host(chip.products(kernels=gpu)(0, gpu.to_device(values), 3))
    for kernels in (cpu, reference):
        expected = chip.products(kernels=kernels)(0, values, 3)
        assert found.shape == expected.shape
        moved = np.abs(found - expected)
        assert moved.max() <= 2 * chip.step(0)
        assert (moved > 0.1 * chip.step(0)).mean() < 2e-3


@pytest.mark.parametrize("device", [NOISE_FREE, NOISY], ids=["silent", "read noise"])
def test_what_is_no_number_stays_none(gpu, device):
    """In the outputs that it enters, as on the host: it would be judged as an answer."""
    product = layer("point", channels=8)
    values = images(product, 5)
    chip = Chip([product], [values], device)
    values[2].flat[3] = np.nan
    found = to_host(chip.products(kernels=gpu)(0, gpu.to_device(values), 0))
    expected = chip.products(kernels=cpu)(0, values, 0)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert np.isnan(found[2]).any()
    assert not np.isnan(found[[0, 1, 3, 4]]).any()


def test_a_matrix_without_positions(gpu):
    """One position in an image: those of all images become the positions of one."""
    product = dataclasses.replace(layer("point", channels=20), kernel=(1, 1))
    values = np.random.default_rng(0).normal(size=(33, 20)).astype(np.float32)
    chip = Chip([product], [values])
    found = to_host(chip.products(kernels=gpu)(0, gpu.to_device(values), 0))
    expected = chip.products()(0, values, 0)
    assert (np.abs(found - expected) > 0.1 * chip.step(0)).mean() < 2e-3


def test_values_may_begin_anywhere(gpu):
    """Parts of other values, which loads of four cannot take."""
    product = layer("point", channels=8)
    values = np.random.default_rng(0).normal(size=(1, 8 + 3)).astype(np.float32)
    chip = Chip([product], [values[:, 3:]])
    there = gpu.to_device(values)[:, 3:]
    found = to_host(chip.products(kernels=gpu)(0, there, 0))
    np.testing.assert_allclose(found, chip.products()(0, values[:, 3:], 0), atol=2 * chip.step(0))
    found = to_host(exact_on(gpu.device, product, there))
    np.testing.assert_allclose(found, values[:, 3:] @ product.matrix, atol=1e-5)
    ones, more = (gpu.to_device(np.ones(shape, np.float32)) for shape in (8, (1, 11)))
    layers_gpu.affine(gpu.device, there, ones, ones, more[:, 3:], low=0.0)
    np.testing.assert_array_equal(to_host(there), np.maximum(values[:, 3:] + 2, 0))


@pytest.mark.parametrize("by_column", [False, True])
def test_compensation_and_errors_are_those_of_the_host(gpu, by_column):
    product = layer("same", channels=8)
    values = images(product, 5)
    chip = Chip([product], [values])
    found = []
    for kernels in (gpu, cpu):
        seen = Activations((kernels.xp.asarray(values),))
        compensated = chip.products(kernels=kernels).compensated(seen, by_column)
        found.append((*compensated.factors, compensated.layer_errors(seen)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_operators_are_those_of_the_host(gpu, name):
    case = CASES[name]
    source = case.model(1 if case.alone else "images").SerializeToString()
    net = read_model(source, name)
    pictures = draw(IMAGES, *case.shape, seed=9)
    expected = run(net, pictures, ExactProducts(net))
    place = OnDevice(net, gpu.device)
    found = run(net, pictures, ExactProducts(net, place), place=place)
    assert_same(found, expected)


def test_numbers_that_a_device_does_not_know_stay_on_the_host(gpu):
    """Half precision of brains, there and back."""
    steps = [node("Cast", out="b", to=onnx.TensorProto.BFLOAT16), node("Cast", "b", to=1)]
    net, pictures = read_onnx(Case(steps).model("images")), draw(IMAGES, *Case([]).shape)
    place = OnDevice(net, gpu.device)
    found = run(net, pictures, ExactProducts(net, place), place=place)
    assert_same(found, run(net, pictures, ExactProducts(net)))


def test_the_host_computes_only_what_the_documentation_says():
    """What ONNX's reference evaluator computes, and nothing else."""
    device = HostDevice()
    own = OnDevice(read_onnx(CASES["conv"].model("images")), device)._own
    assert not AS_ON_HOST & set(own)
    assert set(FUNCTIONS) - AS_ON_HOST - set(own) == {GENERAL}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return small.weights(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "pictures.npz"
    return read(small.save_images(path, 50, 30), 1000, 1000)


@pytest.fixture(scope="module")
def states(weights):
    return program(small.shard(), weights)[1]


class Counting(HostDevice):
    """Counts what is copied to it."""

    copies = 0

    def to_device(self, array):
        self.copies += 1
        return super().to_device(array)


class Full(HostDevice):
    """A device that refuses frames of more than ``most`` images."""

    def __init__(self, most: int):
        super().__init__()
        self.most = most

    def launch(self, kernel, threads, rows, *arguments):
        if kernel == "frame" and rows > self.most:
            raise self.out_of_memory(f"{rows} images")
        super().launch(kernel, threads, rows, *arguments)


def judged_on(device, monkeypatch, function, *arguments):
    """On ``device``, which stands for the CUDA device; None: that is missing."""
    monkeypatch.setattr(judging, "available", lambda: device is not None)
    monkeypatch.setattr(back_end, "on_cuda", lambda: GpuKernels(device))
    return function(small.shard(backend="gpu"), *arguments)


def assert_agree(ours, theirs):
    """A code that rounding moves makes an image or two differ, and errors a little."""
    assert set(ours.data_vars) == set(theirs.data_vars)
    assert ours.sizes == theirs.sizes
    np.testing.assert_allclose(ours["layer_error"], theirs["layer_error"], rtol=2e-3)
    moved = np.abs(ours["confusion"] - theirs["confusion"]).sum(("actual", "said")) / 2
    assert moved.max() <= 1
    assert moved.mean() < 0.1


def test_judging_agrees_with_the_cpu(weights, states, pictures, monkeypatch):
    how = How(compensation=COMPENSATIONS)
    arguments = (weights, states, pictures, [4, 7], TIMES, how)
    ours = judged_on(HostDevice(), monkeypatch, judge, *arguments)
    theirs = judged_on(None, monkeypatch, judge, *arguments)
    assert (ours.attrs["judged_by"], theirs.attrs["judged_by"]) == ("gpu: host", "cpu")
    assert_agree(ours, theirs)


def test_software_agrees_with_the_cpu(weights, pictures, monkeypatch):
    ours, theirs = (
        judged_on(device, monkeypatch, software, weights, pictures)
        for device in (HostDevice(), None)
    )
    assert (ours.attrs["judged_by"], theirs.attrs["judged_by"]) == ("gpu: host", "cpu")
    np.testing.assert_array_equal(ours["software_confusion"], theirs["software_confusion"])
    assert abs(float(ours["converter_accuracy"] - theirs["converter_accuracy"])) <= 2


@pytest.mark.gpu
@pytest.mark.skipif(not available(), reason="no CUDA device")
def test_judging_on_the_device_agrees_with_the_cpu(weights, states, pictures, monkeypatch):
    how = How(compensation=COMPENSATIONS)
    arguments = (weights, states, pictures, [4, 7], TIMES, how)
    ours = judge(small.shard(backend="gpu"), *arguments)
    assert ours.attrs["judged_by"].startswith("gpu: ")
    assert_agree(ours, judge(small.shard(), *arguments))


@pytest.fixture(scope="module")
def net():
    return read_model(resnet9.to_onnx(random_dataset((4, 6, 6))).SerializeToString(), "net")


@pytest.fixture(scope="module")
def pixels(net):
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (7, *net.input_shape)).astype(np.uint8)


class TestResnet9:
    def test_scores_are_those_of_the_host(self, gpu, net, pixels):
        expected = run(net, pixels, ExactProducts(net))
        found = self.scored(gpu.device, net, pixels)
        assert_same(found, expected, 1e-5)

    def test_nothing_is_computed_on_the_host(self, net, pixels, monkeypatch):
        monkeypatch.setattr(OnDevice, "_by_host", None)
        self.scored(HostDevice(), net, pixels)

    @staticmethod
    def scored(device, net, pixels, **kwargs):
        place = OnDevice(net, device)
        return run(net, pixels, ExactProducts(net, place), place=place, **kwargs)

    def test_threads_wait_for_none(self, net, pixels):
        """From the last thread to the first, every kernel gives the same bits."""
        found = [self.scored(HostDevice(backwards=back), net, pixels) for back in (False, True)]
        np.testing.assert_array_equal(*found)

    def test_images_are_copied_once_for_many_runs(self, net, pixels):
        device = Counting()
        place = OnDevice(net, device)
        device.copies = 0
        kept = [place.kept(pixels) for _ in range(3)]
        assert device.copies == 1
        expected = run(net, pixels, ExactProducts(net, place), place=place)
        found = run(net, kept[2], ExactProducts(net, place), place=place)
        np.testing.assert_array_equal(found, expected)
        assert place.kept(pixels[:2]).shape == (2, *pixels.shape[1:])
        device.memory = pixels.nbytes
        assert OnDevice(net, device).kept(pixels) is pixels

    def test_scores_depend_on_no_batch(self, gpu, net, pixels):
        whole = self.scored(gpu.device, net, pixels)
        for batch in (1, 3):
            found = self.scored(gpu.device, net, pixels, batch=batch)
            np.testing.assert_array_equal(found, whole)

    def test_nothing_but_images_and_scores_is_copied_for_a_batch(self, net, pixels, monkeypatch):
        tiles, copies, scores = tiles_of(net.products, 40, 33), [], []
        back = []
        get = DeviceArray.get
        monkeypatch.setattr(DeviceArray, "get", lambda self: back.append(self.shape) or get(self))
        cores = ideal_cores(tiles, [product.matrix for product in net.products])
        ranges = calibrate(net, tiles, pixels)
        for batch in (7, 1):
            device = Counting()
            place = OnDevice(net, device)
            products = AnalogProducts(net, cores, ranges, Periphery(), GpuKernels(device))
            device.copies = 0
            scores.append(run(net, pixels, products, batch, place=place))
            copies.append(device.copies)
        np.testing.assert_array_equal(*scores)
        assert copies == [1, 7]
        assert back == [(7, 10), *[(1, 10)] * 7]

    @pytest.mark.parametrize(("images", "batches"), [(100, [7]), (4, [4, 3]), (3, [3, 3, 1])])
    def test_a_batch_is_what_the_memory_holds(self, net, pixels, images, batches):
        """In batches of about one size."""
        whole, device, done = HostDevice(), HostDevice(), []
        place = OnDevice(net, whole)
        run(net, pixels, ExactProducts(net, place), place=place)
        device.memory = int(images * place._bytes / on_device.SHARE)
        self.scored(device, net, pixels, progress=done.append)
        assert np.diff([0, *done]).tolist() == batches

    def test_the_bytes_of_an_image_are_those_that_it_takes(self, net, pixels):
        """At the peak: within what is planned, and not far below."""
        device = HostDevice()
        place, many = OnDevice(net, device), pixels.repeat(4, axis=0)
        run(net, many, ExactProducts(net, place), place=place)
        tracemalloc.start()
        run(net, many, ExactProducts(net, place), place=place, batch=len(many))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        planned = place._bytes * len(many)
        assert 0.4 * planned < peak < planned

    def test_a_full_device_gets_half_as_many_images(self, net, pixels):
        whole, done = self.scored(HostDevice(), net, pixels), []
        found = self.scored(Full(2), net, pixels, progress=done.append)
        np.testing.assert_array_equal(found, whole)
        assert np.diff([0, *done]).tolist() == [1] * 7  # of 7, 3 and 1

    def test_not_even_an_image_is_a_message_and_no_traceback(self, net, pixels):
        with pytest.raises(UserError, match=r"values for one image.*execution\.backend: cpu"):
            self.scored(Full(0), net, pixels)
