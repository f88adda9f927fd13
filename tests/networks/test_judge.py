"""A small network programmed on two chips, judged by its images."""

import dataclasses
import functools

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.networks import dataset
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.execute import ExactProducts
from aimcsim.networks.images import read
from aimcsim.networks.judge import How, confusion, judge, software
from aimcsim.sweep.shard import run
from tests.networks import small
from tests.networks.models import runtime_scores

TEST_IMAGES, TRAIN_IMAGES = 50, 30
NOW = EvaluationTime.programmed()
YEAR = EvaluationTime.after(31536000.0, 1)
FEW_BITS = EvaluationTime.at_resolution(4)
SPEC = small.shard()
CHIPS = SPEC.cores.tolist()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return small.weights(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "pictures.npz"
    return read(small.save_images(path, TEST_IMAGES, TRAIN_IMAGES), 1000, 1000)


@pytest.fixture(scope="module")
def judge_them(weights, images):
    """:func:`judge` of the programmed chips, by its further arguments."""
    _, states = run(SPEC, weights)
    return functools.partial(judge, SPEC, weights, states, images)


@pytest.fixture(scope="module")
def judged(judge_them):
    """All chips at three evaluation times."""
    return judge_them(CHIPS, [NOW, YEAR, FEW_BITS])


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


def test_every_run_and_compensation_is_judged(judged):
    assert judged["core"].values.tolist() == CHIPS
    assert judged["evaluation_time"].values.tolist() == ["programmed", "time1", "adc4"]
    assert judged["run"].values.tolist() == SPEC.run_ids
    np.testing.assert_array_equal(judged["time"], [np.nan, YEAR.time, np.nan])
    assert judged["adc_bits"].values.tolist() == [8.714, 8.714, 4]
    sizes = {"core": 2, "evaluation_time": 3, "run": 2, "compensation": 2}
    assert dict(judged["accuracy"].sizes) == sizes
    assert (judged["confusion"].sum(("actual", "said")) == TEST_IMAGES).all()
    right = np.trace(judged["confusion"].values, axis1=4, axis2=5)
    np.testing.assert_allclose(judged["accuracy"], 100 * right / TEST_IMAGES)
    now = judged.sel(evaluation_time="programmed")
    assert (now["accuracy"] > 60).all()
    assert (now["layer_error"] > 1).all()
    assert (now["layer_error"] < 60).all()


def test_results_do_not_depend_on_what_else_the_job_judges(judge_them, judged):
    done = []
    alone = judge_them([7], [YEAR], How(compensation=("none",)), done.append)
    whole = judged.sel(core=[7], evaluation_time=["time1"], compensation=["none"])
    xr.testing.assert_identical(alone, whole)
    assert sum(done) == len(SPEC.runs) * TEST_IMAGES


def test_another_chip_is_another(judged):
    one, two = (judged["layer_error"].sel(core=chip) for chip in CHIPS)
    assert (one != two).all()


def test_gdp_leaves_smaller_errors_of_layers(judged):
    errors = judged["layer_error"].sel(evaluation_time="programmed")
    iterative, gdp = errors.mean(("core", "compensation", "layer"))
    assert gdp < iterative


def test_fewer_bits_leave_larger_errors(judged):
    now, few = (judged["layer_error"].sel(evaluation_time=at) for at in ("programmed", "adc4"))
    assert (few > now).all()


def test_drift_is_compensated_by_a_factor(judged):
    errors = judged["layer_error"].sel(core=7)
    now, later = (errors.sel(evaluation_time=at) for at in ("programmed", "time1"))
    assert (later > now).all()
    plain, factor = (later.sel(compensation=kind) for kind in ("none", "tile"))
    assert (factor < 0.8 * plain).all()


def test_targets_for_a_year_leave_smaller_errors_then(weights, images, judged):
    """And larger ones before, behind the right digital scales all the same."""
    how = {"target_time": YEAR.time, "target_statistics": "hermes_odp"}
    spec = dataclasses.replace(SPEC, core=SPEC.core.model_copy(update=how))
    _, states = run(spec, weights)
    aimed = judge(spec, weights, states, images, CHIPS, [NOW, YEAR])

    def error(found, at, compensation="tile"):
        chosen = {"evaluation_time": at.name, "compensation": compensation}
        return float(found["layer_error"].sel(chosen).mean())

    assert error(aimed, YEAR) < 0.9 * error(judged, YEAR)
    assert error(aimed, NOW) > 1.1 * error(judged, NOW)
    assert error(aimed, NOW, "none") < 1.1 * error(aimed, NOW)


def test_a_class_that_the_network_cannot_say_is_named(weights, images):
    """Classes counted from 1, say, would be an accuracy near 0 without a word."""
    counted_from_one = images.assign(test_labels=images["test_labels"] + 1)
    with pytest.raises(
        UserError, match=r"weights\.net\.images.*pictures\.npz.* class 3, .*3 scores.*0 to 2"
    ):
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
    with pytest.raises(
        UserError, match=r"weights\.net\.images.*pictures\.npz.*\(1, 8, 7\).*\(1, 8, 8\)"
    ):
        software(SPEC, weights, images.isel(axis_2=slice(0, 7)))
