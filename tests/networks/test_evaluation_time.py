"""Evaluation times as text, for the command line and the names of files."""

import pytest

from aimcsim.common.errors import UserError
from aimcsim.networks.evaluation_time import EvaluationTime

ALL = [
    EvaluationTime.programmed(7),
    EvaluationTime.after(200.0, 0, 7),
    EvaluationTime.after(3600.5, 12, 7),
    EvaluationTime.after(3.1536e7, 1, 7),
    EvaluationTime.at_resolution(4),
]


def test_a_label_says_which_it_is():
    assert len({at.label for at in ALL}) == len(ALL)
    assert [EvaluationTime.parse(at.label, 7) for at in ALL] == ALL
    assert ALL[1].label == "time0-200.0"


@pytest.mark.parametrize("text", ["", "time0", "time-200.0", "time0-soon", "adc", "adc4-2"])
def test_another_text_is_refused(text):
    with pytest.raises(UserError, match=f"got '{text}'.*programmed, adc<bits>"):
        EvaluationTime.parse(text)
