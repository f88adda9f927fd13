"""A short run of damaged files; the long one is ``python -m tests.fuzz.run``."""

from tests.fuzz.judge import FINE, READ, REFUSED
from tests.fuzz.run import run

INPUTS = 300


def test_damaged_files_end_in_one_message_or_in_right_numbers():
    failures = []
    counts = run(0, INPUTS, lambda found, what: found in FINE or failures.append((found, what)))
    assert not failures
    assert counts.total() == INPUTS
    assert counts[READ] > INPUTS // 20
    assert counts[REFUSED] > INPUTS // 3
