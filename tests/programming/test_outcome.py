"""How a run ended, from the course of its measured errors."""

import numpy as np
import pytest

from aimcsim.programming.outcome import Status, ended

OPEN = Status.IMPROVING
FALL = np.linspace(50, 20, 40)


def status_of(course, before=OPEN) -> Status:
    """Of one run; NaN to the end of 60 iterations, as where others of the batch go on."""
    error = np.full((1, 60), np.nan, np.float32)
    error[0, : len(course)] = course
    return Status(ended(error, np.array([before], np.int8))[0])


def noisy(mean, relative, seed=1):
    return mean * (1 + relative * np.random.default_rng(seed).standard_normal(len(mean)))


@pytest.mark.parametrize(
    ("course", "status"),
    [
        (FALL, Status.IMPROVING),
        (noisy(FALL, 0.005), Status.IMPROVING),
        (np.full(40, 10.0), Status.CONVERGED),
        (noisy(np.full(40, 10.0), 0.05), Status.CONVERGED),
        (np.concatenate([FALL, np.full(20, 20.0)]), Status.CONVERGED),
        # By 0.2 % from window to window, however clearly.
        (np.linspace(50, 48, 60), Status.CONVERGED),
        # By 3 %, which scatters of 10 % hide.
        (noisy(np.linspace(20, 17, 30), 0.1), Status.CONVERGED),
        (np.linspace(20, 17, 30), Status.IMPROVING),
        (np.linspace(10, 12, 40), Status.DIVERGED),
        # A single measurement says neither.
        (np.concatenate([FALL, np.full(19, 20.0), [55]]), Status.CONVERGED),
        # From below to above where it began.
        (np.concatenate([FALL, np.linspace(20, 60, 20)]), Status.DIVERGED),
        # Too short to tell.
        ([50, 40, 30], Status.IMPROVING),
        ([50, 60, 70], Status.IMPROVING),
        ([50], Status.IMPROVING),
        ([10, 20, 30, 40], Status.DIVERGED),
    ],
)  # fmt: skip
def test_an_open_ended_run_by_its_course(course, status):
    assert status_of(course) == status


def test_long_runs_are_judged_by_a_tenth_of_their_iterations():
    """A wave of 3 iterations, in which the mean of the last 6 of 60 neither falls nor rises."""
    wave = np.tile([1.0, 0.0, -1.0], 20)
    assert status_of(20 + 2 * wave) == Status.CONVERGED
    assert status_of(np.linspace(40, 20, 60) + 0.1 * wave) == Status.IMPROVING


@pytest.mark.parametrize("course", [FALL, np.full(40, 10.0), np.linspace(10, 12, 40)])
def test_what_is_known_stays_but_for_silence_at_a_higher_error(course):
    assert status_of(course, Status.REACHED) == Status.REACHED
    rises = course[-1] > course[0]
    silent = status_of(course, Status.NOISE_FLOOR)
    assert silent == (Status.DIVERGED if rises else Status.NOISE_FLOOR)


def test_runs_are_judged_one_by_one():
    courses = [FALL, np.full(40, 10.0), np.linspace(10, 12, 40)]
    found = ended(np.array(courses, np.float32), np.full(3, OPEN, np.int8))
    assert found.tolist() == [Status.IMPROVING, Status.CONVERGED, Status.DIVERGED]
