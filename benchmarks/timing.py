"""Timing on a machine that other work may share: medians of samples taken in turns."""

import time
from collections.abc import Callable, Mapping

import numpy as np


class Stopwatch:
    """``with Stopwatch() as watch: ...``, then ``watch.cpu`` and ``watch.wall``, s.

    ``cpu`` is the time that this process had a core for: where one thread computes and waits for
    nothing, what the work takes on a machine of its own. Other programs lengthen ``wall`` alone.
    """

    def __enter__(self) -> "Stopwatch":
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu


def in_turns(
    tasks: Mapping[str, Callable[[], float]], rounds: int, warm_up: bool = True
) -> dict[str, np.ndarray]:
    """What every task returns, (rounds, ...) each: one sample of each in every round.

    In turns, so that what slows the machine for a while slows all tasks alike: ratios are taken
    round by round. ``warm_up``: a first round, unrecorded, compiles and fills the caches.
    """
    if warm_up:
        for task in tasks.values():
            task()
    samples = [[task() for task in tasks.values()] for _ in range(rounds)]
    return dict(zip(tasks, np.swapaxes(samples, 0, 1), strict=True))


def spread(samples: np.ndarray) -> float:
    """Half the distance between the quartiles, over the median."""
    low, middle, high = np.percentile(samples, (25, 50, 75))
    return float((high - low) / 2 / middle)
