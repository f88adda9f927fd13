"""A small network programmed on two chips, judged by its images."""

import functools
import json

import numpy as np
import onnx
import pytest
import xarray as xr
from aimcsim.shards.points import points

from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.networks import dataset
from aimcsim.networks.execute import ExactProducts
from aimcsim.networks.images import read
from aimcsim.networks.judge import confusion, judge, software
from aimcsim.networks.programmed import Age
from aimcsim.shards.spec import parse_spec
from aimcsim.sweep.shard import run
from aimcsim.weights.dataset import build
from aimcsim.weights.network import NetworkWeights
from tests.networks import small
from tests.networks.models import runtime_scores

TEST_IMAGES, TRAIN_IMAGES = 50, 30
YEAR = Age(31536000.0, 1, "hermes_odp")
STUDY = from_mapping(
    {
        "core": {"rows": 40, "columns": 12},
        "weights": {"net": {"kind": "gaussian", "rows": 4, "columns": 4}},
        "gdp": {"batch_size": 128, "iterations": 30},
    }
)
SPEC = parse_spec(
    json.dumps(
        {
            "weight_set": "net",
            "seed": 3,
            "cores": [4, 7],
            "points": points(STUDY.gdp)[:1],
            "core": STUDY.core.model_dump(),
            "device": STUDY.device.model_dump(),
            "periphery": STUDY.periphery.model_dump(),
            "iterative": STUDY.iterative.model_dump(),
            "backend": "cpu",
        }
    )
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "net.onnx"
    onnx.save(small.network(), path)
    return build("net", NetworkWeights(kind="network", path=str(path)), seed=0)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "pictures.npz"
    return read(small.save_images(path, TEST_IMAGES, TRAIN_IMAGES), 1000, 1000)


@pytest.fixture(scope="module")
def judged(weights, images):
    """:func:`judge` of the programmed chips, by its further arguments."""
    _, states = run(SPEC, weights)
    return functools.cache(functools.partial(judge, SPEC, weights, states, images))


def test_in_software_it_is_what_onnx_runtime_says(weights, images):
    done = []
    found = software(SPEC, weights, images, progress=done.append)
    pictures, labels = small.images(TEST_IMAGES, seed=2)
    said = runtime_scores(small.network(), pictures).argmax(axis=1)
    table = np.zeros((3, 3), int)
    np.add.at(table, (labels, said), 1)
    np.testing.assert_array_equal(found["software_confusion"], table)
    assert float(found["software_accuracy"]) == pytest.approx(100 * (said == labels).mean())
    assert float(found["software_accuracy"]) > 80
    assert abs(float(found["converter_accuracy"] - found["software_accuracy"])) <= 4
    assert sum(done) == 2 * TEST_IMAGES
    assert found.attrs["images"].endswith("pictures.npz")


def test_the_place_of_every_weight_is_known(weights, images):
    found = software(SPEC, weights, images)
    assert found["layer"].values.tolist() == ["conv1", "conv2", "gemm"]
    assert found["layer_rows"].values.tolist() == [9, 36, 96]
    assert found["layer_columns"].values.tolist() == [4, 6, 3]
    held = [np.zeros(shape, int) for shape in ((9, 4), (36, 6), (96, 3))]
    cores = np.zeros((int(found["piece_core"].max()) + 1, 40, 12), int)
    names = ("core", "matrix", "row", "column", "rows", "columns", "at_row", "at_column")
    for piece in zip(*(found[f"piece_{name}"].values for name in names), strict=True):
        core, matrix, row, column, rows, columns, at_row, at_column = piece
        held[matrix][row : row + rows, column : column + columns] += 1
        cores[core, at_row : at_row + rows, at_column : at_column + columns] += 1
    assert all((matrix == 1).all() for matrix in held)
    assert cores.max() == 1
    assert len(cores) < len(found["piece"])


def test_every_state_and_compensation_is_judged(weights, images, judged):
    found = judged(7)
    assert found["state"].values.tolist() == SPEC.states
    assert dict(found["accuracy"].sizes) == {"state": 2, "compensation": 2}
    assert found.attrs["core"] == 7
    assert (found["confusion"].sum(("actual", "said")) == TEST_IMAGES).all()
    right = np.trace(found["confusion"].values, axis1=2, axis2=3)
    np.testing.assert_allclose(found["accuracy"], 100 * right / TEST_IMAGES)
    assert (found["accuracy"] > 60).all()
    assert (found["layer_error"] > 1).all()
    assert (found["layer_error"] < 60).all()


def test_the_same_again_and_another_chip(weights, images, judged):
    done = []
    again = judged.__wrapped__(7, progress=done.append)
    xr.testing.assert_identical(again, judged(7))
    assert sum(done) == 2 * 2 * TEST_IMAGES
    assert (judged(4)["layer_error"] != again["layer_error"]).all()


def test_gdp_leaves_smaller_errors_of_layers(judged):
    errors = np.mean([judged(core)["layer_error"] for core in (4, 7)], axis=0)
    iterative, gdp = errors.mean(axis=(1, 2))
    assert gdp < iterative


def test_fewer_bits_leave_larger_errors(judged):
    assert (judged(7, None, 4)["layer_error"] > judged(7)["layer_error"]).all()


def test_drift_is_compensated_by_a_factor(judged):
    now, later = judged(7)["layer_error"], judged(7, YEAR)["layer_error"]
    assert (later > now).all()
    plain, factor = (later.sel(compensation=kind) for kind in ("none", "tile"))
    assert (factor < 0.8 * plain).all()


def test_a_class_that_the_network_cannot_say_is_named(weights, images):
    """Classes counted from 1, say, would be an accuracy near 0 without a word."""
    counted_from_one = images.assign(test_labels=images["test_labels"] + 1)
    with pytest.raises(UserError, match=r"pictures\.npz.* class 3, .*'net' has 3 scores.*0 to 2"):
        software(SPEC, weights, counted_from_one)


def test_scores_that_are_no_numbers_are_named(weights, images):
    """They would all be the first class."""
    network = dataset.network_of(weights)

    def broken(index, values, first_image):
        with np.errstate(invalid="ignore"):  # the second layer meets what the first made
            return ExactProducts(network)(index, values, first_image) * np.float32(np.nan)

    with pytest.raises(UserError, match=r"no numbers for 50 of 50 test images from .*pictures"):
        confusion(network, images, broken, lambda done: None)


def test_images_of_another_shape_are_named(weights, images):
    with pytest.raises(UserError, match=r"pictures\.npz.*\(1, 8, 7\).*'net'.*\(1, 8, 8\)"):
        software(SPEC, weights, images.isel(axis_2=slice(0, 7)))
