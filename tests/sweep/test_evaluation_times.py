"""When networks are judged, and the jobs that do it."""

import dataclasses

import numpy as np
import pytest

from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.sweep import evaluation_times as module
from aimcsim.sweep.cut import cut
from aimcsim.sweep.evaluation_times import (
    evaluation_times,
    inference_jobs,
    inferring,
    judged_networks,
)

MAPPING = {
    "cores": 3,
    "weights": {
        "shipped": {"kind": "network"},
        "judged": {"kind": "network", "path": "a.onnx", "images": "a.npz"},
        "programmed": {"kind": "network", "path": "b.onnx"},
        "digits": {"kind": "digits"},
    },
    "evaluation": {"times": [200.0, 3600.5], "adc_bits": 7},
    "inference": {"adc_bits": [4, 10]},
}


def config(**sections):
    changed = {
        key: MAPPING.get(key, {}) | value if isinstance(value, dict) else value
        for key, value in sections.items()
    }
    return from_mapping(MAPPING | changed, "test")


def jobs(study, weight_set, folder):
    """Jobs of all shards of a weight set."""
    return [
        job
        for shard in cut([study], folder)[0]
        if shard.weight_set == weight_set
        for job in inference_jobs(study, shard)
    ]


def test_every_time_and_resolution_is_an_evaluation_time():
    assert evaluation_times(config()) == [
        EvaluationTime("programmed", adc_bits=7),
        EvaluationTime("time0", 200.0, 0, 7),
        EvaluationTime("time1", 3600.5, 1, 7),
        EvaluationTime("adc4", adc_bits=4),
        EvaluationTime("adc10", adc_bits=10),
    ]


def test_a_chip_and_time_of_a_network_is_a_job(tmp_path):
    study = config()
    found = jobs(study, "shipped", tmp_path)
    assert [(job.chips, job.times) for job in found] == [
        ((chip,), (at,)) for chip in range(3) for at in evaluation_times(study)
    ]
    assert len({job.name for job in found}) == 15
    assert found[6].name == "1-time0-200.0"


@pytest.mark.parametrize(("most", "times"), [(40, [5] * 3), (2, [2, 2, 1] * 3), (0, [1] * 15)])
def test_on_a_device_a_chip_is_a_job(tmp_path, monkeypatch, most, times):
    """With as many of its times as are a minute of work."""
    study = config()
    (shard,) = (one for one in cut([study], tmp_path)[0] if one.weight_set == "shipped")
    each = len(shard.runs) * len(study.inference.compensation)
    monkeypatch.setattr(module, "DEVICE_PASSES", most * each)
    found = inference_jobs(study, dataclasses.replace(shard, backend="gpu"))
    assert [len(job.times) for job in found] == times
    pairs = [(chip, at) for job in found for chip in job.chips for at in job.times]
    assert pairs == [(chip, at) for chip in range(3) for at in evaluation_times(study)]


def test_a_time_in_another_place_is_another_job(tmp_path):
    """Its draws have another address."""
    first = jobs(config(evaluation={"times": [3600.5]}), "shipped", tmp_path)[1]
    second = jobs(config(), "shipped", tmp_path)[2]
    assert first.times[0].time == second.times[0].time
    assert first.name != second.name


@pytest.mark.parametrize(
    "further",
    [{"evaluation": {"times": [200.0, 3600.5, 7200.0]}}, {"inference": {"adc_bits": [5]}}],
)
def test_further_times_leave_the_others_where_they_are(tmp_path, further):
    study, before = config(**further), config()
    assert inferring(study) == inferring(before)
    new = {job.name for job in jobs(study, "shipped", tmp_path)}
    assert len(new - {job.name for job in jobs(before, "shipped", tmp_path)}) == 3


def test_the_digits_are_one_job(tmp_path):
    study = config()
    (job,) = jobs(study, "digits", tmp_path)
    assert job.chips == (0, 1, 2)
    assert list(job.times) == evaluation_times(study)
    assert "/" not in job.name
    (other,) = jobs(config(inference={"adc_bits": [4, 8]}), "digits", tmp_path)
    assert other.name != job.name


@pytest.mark.parametrize("hidden", [[256], [1024], [4096, 512], [4096, 4096]])
def test_more_work_is_cut_into_more_jobs_that_share_it_out(tmp_path, hidden):
    study = config(weights={"digits": {"kind": "digits", "hidden": hidden}}, cores=10)
    found = jobs(study, "digits", tmp_path)
    times = evaluation_times(study)
    pairs = [(chip, at) for job in found for chip in job.chips for at in job.times]
    assert sorted(pairs, key=str) == sorted(((c, t) for c in range(10) for t in times), key=str)
    layers = [64, *hidden, 10]
    macs = 540 * len(study.runs()) * np.sum(np.multiply(layers[1:], layers[:-1]))
    for job in found:
        assert len(job.chips) * len(job.times) == 1 or (
            macs * len(job.chips) * len(job.times) <= 10**10
        )
    assert len({job.name for job in found}) == len(found)


@pytest.mark.parametrize(
    "change",
    [
        {"evaluation": {"adc_bits": 8}},
        {"evaluation": {"statistics": "pcm_90nm", "times": [300.0]}},
        {"inference": {"images": 50}},
        {"inference": {"calibration": 50}},
        {"inference": {"compensation": ["none"]}},
    ],
)
def test_another_way_to_judge_has_another_name(change):
    assert inferring(config(**change)) != inferring(config())


def test_networks_with_images_are_judged(tmp_path):
    study = config()
    assert judged_networks(study) == ["shipped", "judged", "digits"]
    assert jobs(study, "programmed", tmp_path) == []


@pytest.mark.parametrize("changed", [{"adc_bits": [4, 5, 4]}, {"compensation": ["tile", "tile"]}])
def test_what_is_named_twice_is_refused(changed):
    with pytest.raises(UserError, match=f"inference.{next(iter(changed))} names a value twice"):
        config(inference=changed)
