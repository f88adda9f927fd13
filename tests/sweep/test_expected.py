"""What a study is expected to cost."""

from dataclasses import replace

import pytest

from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.sweep.expected import expected
from aimcsim.sweep.resolve import settled

STUDY = {
    "cores": 3,
    "weights": {"a": {"kind": "gaussian"}},
    "methods": {
        "iterative": {"algorithm": "iterative", "iterations": 10},
        "gdp": {"algorithm": "gdp", "iterations": [20, 40], "batch_size": 512},
    },
    "execution": {"keep_conductances": True, "backend": "cpu"},
}
TILES = {"a": [(256, 256), (256, 128)]}


def of(**changes):
    return expected([settled(from_mapping(STUDY | changes))], TILES)


def test_runs_and_iterations_are_counted():
    found = of()
    assert found.runs == 3 * 3
    assert found.core_iterations == 3 * 2 * (10 + 20 + 40)


def test_time_grows_with_cells_and_mvms():
    each = (10 + 2 * 60) * 0.8e-3 + 3 * 0.05  # 512 MVMs are two of 256
    assert of().seconds == pytest.approx(3 * 1.5 * each)


def test_states_are_the_disk():
    states = 3 * 3 * (256 * 384) * 2 * 3.7
    assert of().disk == pytest.approx(states + 3 * 3 * 2 * 6000)
    assert of(execution={"keep_conductances": False, "backend": "cpu"}).disk < 0.03 * states
    pair = of(core={"unit_cell": "tdp"}, evaluation={"statistics": "hermes_tdp", "times": []})
    assert pair.disk > 1.9 * states


def test_what_has_no_room_is_refused(tmp_path):
    found = of()
    found.require_room(tmp_path / "results" / "mine")
    with pytest.raises(UserError, match=r"results.mine: the study takes 1e\+03 TB"):
        replace(found, disk=1e15).require_room(tmp_path / "results" / "mine")
    with pytest.raises(UserError, match="this machine has"):
        replace(found, memory_mb=10**9).require_room(tmp_path)
