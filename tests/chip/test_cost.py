"""From counts to time and energy: worked by hand from the stated lengths and currents."""

import numpy as np
import pytest

from aimcsim.chip.core import COUNTERS
from aimcsim.chip.cost import PHASES, Cost, assumptions, joules, seconds
from tests.samples import make_cores, uniform_targets


def used(**values) -> dict[str, np.ndarray]:
    return {name: np.array([values.get(name, 0.0)]) for name in COUNTERS}


def test_an_mvm_of_a_whole_core_takes_what_the_chip_paper_says():
    """1.008 TOPS and 10.5 TOPS/W for 256 x 256 cells (JSSC 2022)."""
    one = used(mvms=1)
    time = seconds(Cost(), one, np.array(256)).sum()
    assert 2 * 256 * 256 / time == pytest.approx(1.008e12, rel=1e-3)
    assert 2 * 256 * 256 / joules(Cost(), one, 256, 256).sum() == pytest.approx(10.5e12)


def test_a_row_is_read_in_one_slot_and_narrow_tiles_waste_nothing():
    cost = Cost(read_time=100.0, reads_at_once=64)
    for columns, slots in ((256, 4), (64, 1), (16, 1)):
        time = seconds(cost, used(cell_reads=columns), np.array(columns))
        assert time[0].tolist() == pytest.approx([slots * 100e-9, 0, 0])


def test_pulses_take_length_and_charge():
    cost = Cost(reset_time=50, reset_current=400, set_time=2000, set_current=100, supply=3)
    counts = used(pulses=10, set_pulses=4, pulse_current=4.5)
    assert seconds(cost, counts, np.array(8))[0, 2] == pytest.approx(6 * 50e-9 + 4 * 2000e-9)
    expected = 3 * (4.5 * 400e-6 * 50e-9 + 4 * 100e-6 * 2000e-9)
    assert joules(cost, counts, np.array(8), np.array(8))[0].tolist() == pytest.approx(
        [0, 0, expected]
    )
    parallel = cost.model_copy(update={"pulses_at_once": 4})
    alone, shared = (seconds(c, counts, np.array(8))[0, 2] for c in (cost, parallel))
    assert shared == pytest.approx(alone / 4)


def test_the_ledger_adds_up_currents_but_not_those_of_full_sets():
    targets = uniform_targets(1, 6, 4)
    cores = make_cores(targets)
    start = cores.ledger.pulse_current.copy()
    assert start.tolist() == [2 * 6 * 4]  # every device RESET once, at the full current
    current = np.zeros((1, 6, 4), np.float32)
    current[0, :2] = 0.25
    current[0, 2] = -1.0
    cores.pulse(current, np.zeros(current.shape, np.int8), np.array([0]))
    assert (cores.ledger.pulse_current - start).tolist() == [2 * 4 * 0.25]
    assert cores.ledger.counts(np.array([0]))[0].tolist() == [0, 0, 48 + 12, 4, 50]
    assert cores.branch(2).ledger.pulse_current.tolist() == [50, 50]


def test_every_number_is_stated_with_its_source():
    rows = assumptions(Cost(supply=5.0))
    assert len(rows) == len(Cost.model_fields)
    assert all(all(row) for row in rows)
    assert [row[3] for row in rows if row[2] == "5 V"] == ["the study's configuration"]
    assert PHASES == ("reads", "mvms", "pulses")
