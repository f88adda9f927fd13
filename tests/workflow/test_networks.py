"""A network of the user's own, from its ONNX file to the page, by the real pipeline."""

import json

import numpy as np
import onnx
import pytest
import yaml
from onnx import helper

from aimcsim.common.storage import read_dataset
from tests.networks import small
from tests.networks.models import runtime_scores

pytestmark = pytest.mark.workflow

TEST_IMAGES = 60
TDP = {
    "cores": 2,
    "core": {"unit_cell": "tdp"},
    "evaluation": {"statistics": "hermes_tdp", "times": [300.0]},
    "inference": {"adc_bits": []},
}
STUDY = {
    "cores": 3,
    "core": {"rows": 40, "columns": 12, "unit_cell": "odp"},
    "weights": {
        "net": {"kind": "network", "path": "../net.onnx", "images": "../pictures.npz"},
    },
    "methods": {
        "iterative": {"iterations": 10},
        "gdp": {"batch_size": 128, "iterations": 8, "noise_threshold": [1.0, 3.0]},
    },
    "evaluation": {"inputs": 128, "times": [200.0], "error_budget": False},
    "inference": {"adc_bits": [4], "calibration": 30, "compensation": ["tile", "none"]},
    "compare": {"unit_cell": {"cases": {"odp": {}, "tdp": TDP}}},
    "execution": {"runs_per_shard": 1000},
}


@pytest.fixture(scope="module")
def studied(project) -> str:
    """Path of the config of a study of a network that has run."""
    onnx.save(small.network(), project.path / "net.onnx")
    small.save_images(project.path / "pictures.npz", TEST_IMAGES)
    config = project.config("networks", **STUDY)
    project.snakemake("--configfile", config)
    return config


def test_accuracy_is_complete_and_plausible(project, studied):
    results = project.results("networks")
    accuracy = read_dataset(results / "accuracy.nc")
    # The study is its case "odp".
    assert accuracy["case"].values.tolist() == ["unit_cell/odp", "unit_cell/tdp"]
    assert accuracy["network"].values.tolist() == ["net"]
    assert accuracy["programmed_by"].values.tolist() == ["iterative", "gdp"]
    assert accuracy["evaluation_time"].values.tolist() == ["programmed", "time0", "adc4"]
    assert accuracy["compensation"].values.tolist() == ["tile", "none"]
    assert accuracy.sizes["core"] == 3
    assert accuracy["time"].sel({"evaluation_time": "time0"}).values.tolist() == [200, 300]
    assert accuracy["layer"].values.tolist() == ["conv1", "conv2", "gemm"]

    of = accuracy["accuracy"].sel({"network": "net"})
    assert of.sel({"case": "unit_cell/odp"}).notnull().all()
    tdp = of.sel({"case": "unit_cell/tdp", "core": [0, 1]})
    assert tdp.sel({"evaluation_time": ["programmed", "time0"]}).notnull().all()
    assert int(of.sel({"case": "unit_cell/tdp"}).notnull().sum()) == 2 * 2 * 2 * 2
    software = accuracy["software_accuracy"].item()
    pictures, labels = small.images(TEST_IMAGES, seed=2)
    said = runtime_scores(small.network(), pictures).argmax(axis=1)
    assert software == pytest.approx(100 * (said == labels).mean(), abs=1e-3)
    assert software > 75
    assert abs(accuracy["converter_accuracy"].item() - software) < 5
    programmed = of.sel({"evaluation_time": "programmed", "compensation": "tile"})
    assert (programmed.stack(run=programmed.dims).dropna("run") > 100 / small.CLASSES + 20).all()
    at = {"case": "unit_cell/odp", "evaluation_time": "programmed", "network": "net"}
    over = ("programmed_by", "compensation")
    counted = accuracy["confusion"].sel(at).transpose("actual", "said", *over)
    assert (counted.sum(("actual", "said")) == 3 * TEST_IMAGES).all()
    right = 100 * np.trace(counted.values) / (3 * TEST_IMAGES)
    expected = accuracy["accuracy"].sel(at).mean("core").transpose(*over)
    np.testing.assert_allclose(right, expected, rtol=1e-5)
    errors = accuracy["layer_error"].sel({"case": "unit_cell/odp", "compensation": "tile"})
    few, all_bits = (errors.sel({"evaluation_time": at}) for at in ("adc4", "programmed"))
    assert (few > all_bits).all()
    by_method = all_bits.mean(("core", "layer"))
    assert by_method.sel({"programmed_by": "gdp"}) < by_method.sel({"programmed_by": "iterative"})

    # Layers are cut (96 rows on cores of 40) and share cores, and every cell has one weight.
    assert accuracy["piece_core"].max() == 1
    assert accuracy.sizes["piece"] > 3
    areas = (accuracy["piece_rows"] * accuracy["piece_columns"]).sum()
    assert areas == 9 * 4 + 36 * 6 + 96 * 3
    claims = {claim["id"]: claim for claim in json.loads((results / "claims.json").read_text())}
    assert claims["C4"]["verdict"] == "not measured"


def test_the_digits_are_a_network_like_any_other(project, finished):
    """Their chips and times are one job, as they are little work."""
    results = project.results("base")
    accuracy = read_dataset(results / "accuracy.nc").sel({"network": "digits"})
    assert accuracy["accuracy"].notnull().all()
    assert accuracy["evaluation_time"].values.tolist() == ["programmed", "time0", "time1", "time2"]
    assert accuracy.attrs["level"] == 0.95
    now = accuracy["accuracy"].sel({"evaluation_time": "programmed", "case": "study"})
    assert (now > 70).all()
    assert accuracy["software_accuracy"].item() > 90
    shards = list((results / "states").glob("digits-*.nc"))
    assert len(list((results / "inferred").glob("*/digits-*/*.nc"))) == len(shards)


def test_the_page_is_there_and_linked(project, studied):
    site = project.path / "reports" / "networks"
    assert "GDP gains" in (site / "accuracy.html").read_text()
    assert 'href="accuracy.html"' in (site / "index.html").read_text()


def test_a_second_run_does_nothing(project, studied):
    again = project.snakemake("--configfile", studied)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_killed_inference_is_made_again_with_the_same_bytes(project, studied):
    """As where the run was killed before the chip's file was written."""
    results = project.results("networks")
    lost = sorted((results / "inferred").glob("*/*/1-time0-200.0.nc"))[0]
    whole = (results / "accuracy.nc").read_bytes()
    before = lost.read_bytes()
    lost.unlink()
    (results / "accuracy.nc").unlink()
    planned = project.planned("--configfile", studied)
    assert planned["infer"] == 1
    assert not {"program", "evaluate", "images", "software"} & set(planned)
    project.snakemake("--configfile", studied, "--", "results/networks/accuracy.nc")
    assert lost.read_bytes() == before
    assert (results / "accuracy.nc").read_bytes() == whole


def test_a_further_time_or_resolution_infers_only_what_is_new(project, studied):
    evaluation = STUDY["evaluation"] | {"times": [200.0, 3600.0]}
    inference = STUDY["inference"] | {"adc_bits": [4, 6]}
    try:
        config = project.config("networks", **(STUDY | {"evaluation": evaluation}))
        planned = project.planned("--configfile", config)
        assert planned["infer"] == 3  # of the study and its case "odp", one per chip
        assert not {"program", "images", "software", "weights"} & set(planned)
        config = project.config("networks", **(STUDY | {"inference": inference}))
        planned = project.planned("--configfile", config)
        assert planned["infer"] == 3
        assert not {"program", "evaluate", "images", "software"} & set(planned)
    finally:
        project.config("networks", **STUDY)
        project.planned("--configfile", studied)


def unsupported() -> onnx.ModelProto:
    model = small.network()
    model.graph.node[1].CopyFrom(helper.make_node("Tan", ["a"], ["b"], "strange"))
    return model


NET = STUDY["weights"]["net"]
BAD = {
    "operator": ({"path": "../strange.onnx"}, ["weights.net", "strange.onnx", "Tan", "strange"]),
    "images missing": ({"images": "no.npz"}, ["weights.net.images", "no.npz", "Correct the path"]),
    "packing": ({"packing": "tight"}, ["weights.net.packing", "'tight'", "shared"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_networks_are_one_message_and_cost_nothing(project, studied, name):
    """More of them in tests/weights/test_check.py."""
    onnx.save(unsupported(), project.path / "strange.onnx")
    changes, words = BAD[name]
    results = project.results("networks")
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    path = project.path / "config" / "bad.yaml"
    study = yaml.safe_load((project.path / studied).read_text())
    path.write_text(yaml.safe_dump(study | {"weights": {"net": NET | changes}}))
    done = project.snakemake("--configfile", "config/bad.yaml", check=False)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in output
    assert output.count("aimcsim: error:") == 1
    for word in words:
        assert word in output
    after = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    assert after == before
