"""A short run of the fuzzer: ``python -m tests.config.fuzz`` is the long one."""

import pytest

from tests.config.fuzz import KINDS, run


@pytest.mark.parametrize("kind", KINDS)
def test_configurations_are_read_or_refused_with_one_message(tmp_path, kind):
    found, wrong = run(kind, count=200, number=1, folder=tmp_path)
    assert not wrong, wrong[0]
    assert sum(found.values()) >= 180
    assert found["refused"] > 20
    assert found["planned"] > 3
