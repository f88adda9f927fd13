"""Moments at which networks are judged, and the names of their files."""

import pytest

from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.sweep.moments import Moment, inferring, judged_networks, moment_of, moments

MAPPING = {
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
    return from_mapping(MAPPING | {k: MAPPING.get(k, {}) | v for k, v in sections.items()}, "test")


def test_every_time_and_resolution_is_a_moment():
    assert moments(config()) == [
        Moment("programmed", adc_bits=7),
        Moment("time0", 200.0, 0, 7),
        Moment("time1", 3600.5, 1, 7),
        Moment("adc4", adc_bits=4),
        Moment("adc10", adc_bits=10),
    ]


def test_a_label_says_which_moment_it_is():
    study = config()
    found = moments(study)
    assert len({moment.label for moment in found}) == len(found)
    for moment in found:
        assert moment_of(moment.label, study.evaluation.adc_bits) == moment


def test_a_time_in_another_place_has_another_label():
    """Its draws have another address."""
    first = moments(config(evaluation={"times": [3600.5]}))[1]
    second = moments(config())[2]
    assert first.time == second.time
    assert first.label != second.label


@pytest.mark.parametrize(
    "further", [{"evaluation": {"times": [200.0, 7200.0]}}, {"inference": {"adc_bits": [5]}}]
)
def test_further_moments_leave_the_others_where_they_are(further):
    assert inferring(config(**further)) == inferring(config())


@pytest.mark.parametrize(
    "change",
    [
        {"evaluation": {"adc_bits": 8}},
        {"evaluation": {"statistics": "hermes_tdp", "times": [300.0]}},
        {"inference": {"images": 50}},
        {"inference": {"calibration": 50}},
        {"inference": {"compensation": ["none"]}},
    ],
)
def test_another_way_to_judge_has_another_name(change):
    assert inferring(config(**change)) != inferring(config())


def test_networks_with_images_are_judged():
    assert judged_networks(config()) == ["shipped", "judged"]


@pytest.mark.parametrize("changed", [{"adc_bits": [4, 5, 4]}, {"compensation": ["tile", "tile"]}])
def test_what_is_named_twice_is_refused(changed):
    with pytest.raises(UserError, match=f"inference.{next(iter(changed))} names a value twice"):
        config(inference=changed)
