"""Published statistics and the chip they are named for: what fits loads, all else is refused."""

import pytest

from aimcsim.common.errors import UserError
from aimcsim.config.load import cases, from_mapping

WEIGHTS = {"g": {"kind": "gaussian"}}
METHODS = {"iterative": {}, "gdp": {}}
BOTH_TUNE = {"methods": {"iterative": {}, "gdp": {"start": "baseline"}}}  # as max_fill wants
TDP, MAX_FILL = {"unit_cell": "tdp"}, {"unit_cell": "max_fill"}
ACCUMULATING = {"model": "set_accumulation"}


def by(name, *times):
    return {"statistics": name, "times": list(times)}


def drawn(name, **evaluation):
    methods = METHODS | {"published": {"algorithm": "open_loop", "statistics": name}}
    return {"methods": methods, "evaluation": {"times": []} | evaluation}


REFUSED = [
    ({"core": TDP}, "evaluation.statistics hermes_odp is of one device", "use hermes_tdp"),
    (
        {"core": TDP, "evaluation": by("pcm_90nm", 20.0)},
        "evaluation.statistics pcm_90nm is of one device per polarity, and core.unit_cell tdp has "
        "two devices",
        "use hermes_tdp (times from 300 s on)",
    ),
    (
        {"core": MAX_FILL, "evaluation": by("hermes_odp")} | BOTH_TUNE,
        "evaluation.statistics hermes_odp",
        "core.unit_cell max_fill has two devices; use hermes_tdp",
    ),
    (
        {"evaluation": by("hermes_tdp", 300.0)},
        "evaluation.statistics hermes_tdp is of two devices per polarity, and core.unit_cell odp "
        "has one device",
        "use hermes_odp (times from 200 s on) or pcm_90nm (times from 20 s on)",
    ),
    (
        {"device": ACCUMULATING, "evaluation": by("hermes_odp")},
        "evaluation.statistics hermes_odp was measured on other devices than those of "
        "device.model set_accumulation",
        "use pcm_90nm (times from 20 s on)",
    ),
    (
        {"device": ACCUMULATING, "evaluation": by("hermes_tdp")},
        "evaluation.statistics hermes_tdp is of two devices",
        "use pcm_90nm",
    ),
    (
        drawn("hermes_tdp"),
        "methods.published.statistics hermes_tdp is of two devices",
        "use hermes_odp",
    ),
    (
        {"core": TDP} | drawn("pcm_90nm", statistics="hermes_tdp"),
        "methods.published.statistics pcm_90nm is of one device",
        "use hermes_tdp",
    ),
    (
        {"device": ACCUMULATING} | drawn("hermes_odp", statistics="pcm_90nm"),
        "methods.published.statistics hermes_odp was measured on other devices",
        "use pcm_90nm",
    ),
    (
        drawn("pcm_90nm", times=[200.0]),
        "methods.published.statistics pcm_90nm draws states of 20 s after programming, and the "
        "drift of evaluation.statistics hermes_odp begins at 200 s",
        "name the same in both",
    ),
    (
        {"evaluation": by("pcm_90nm", 200.0), "refresh": {"times": [10.0]}},
        "refresh.times must rise and be at least t0 of evaluation.statistics, 20 s",
        "",
    ),
]


@pytest.mark.parametrize(("changes", "problem", "remedy"), REFUSED)
def test_what_does_not_fit_is_refused(changes, problem, remedy):
    with pytest.raises(UserError) as raised:
        from_mapping({"weights": WEIGHTS, **changes})
    assert problem in str(raised.value)
    assert remedy in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"core": TDP, "evaluation": by("hermes_tdp", 300.0)},
        {"core": MAX_FILL, "evaluation": by("hermes_tdp", 300.0)} | BOTH_TUNE,
        {"evaluation": by("pcm_90nm", 20.0)},
        {"device": {"g_max": 9.0}},
        {"device": ACCUMULATING, "evaluation": by("pcm_90nm", 20.0)},
        {"device": ACCUMULATING} | drawn("pcm_90nm", **by("pcm_90nm", 20.0)),
        {"core": TDP} | drawn("hermes_tdp", **by("hermes_tdp", 300.0)),
        drawn("hermes_odp", times=[200.0]),
        drawn("pcm_90nm"),
    ],
)
def test_what_fits_loads(changes):
    assert from_mapping({"weights": WEIGHTS, **changes})


def test_cases_of_a_comparison_are_checked_too():
    compare = {"cells": {"cases": {"odp": {}, "tdp": {"core": TDP}}}}
    with pytest.raises(
        UserError, match=r"compare.cells 'tdp'.*\n.*statistics hermes_odp is of one"
    ):
        from_mapping({"weights": WEIGHTS, "compare": compare})
    compare["cells"]["cases"]["tdp"]["evaluation"] = by("hermes_tdp", 300.0)
    assert len(cases(from_mapping({"weights": WEIGHTS, "compare": compare}))) == 2
