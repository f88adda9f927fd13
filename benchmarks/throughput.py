"""One thread for each of many shards, or many threads for one shard?"""

import multiprocessing
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.cores import Case, Trial
from benchmarks.tables import Table

CASE, QUICK_CASE = Case(cores=8, points=4, iterations=10), Case(2, 1, 32, 32, iterations=2)
# Shards at a time, threads of each.
LAYOUTS = {
    "one shard, one thread": (1, 1),
    "one shard, two threads": (1, 2),
    "two shards, one thread each": (2, 1),
    "two shards, two threads each": (2, 2),
}
NOTE = (
    "Core-iterations per second of all shards together, each shard a process, between a common "
    "start and the last one's end; medians of {rounds} rounds in turns, ratios taken round by "
    "round. By processor time: as if no other program had wanted the cores. Threads are those of "
    "BLAS: no kernel of ours has any of its own."
)
COLUMNS = [
    "layout", "shards", "threads each", "core-iterations per s", "times one thread",
    "processor time per core-iteration (ms)", "times one thread by processor time",
]  # fmt: skip
PATIENCE = 600  # s


def table(rounds: int, quick: bool) -> Table:
    case = QUICK_CASE if quick else CASE
    samples = {name: np.empty((rounds, 2)) for name in LAYOUTS}
    with Shards(2, case) as shards:
        for count, threads in LAYOUTS.values():
            shards.throughput(count, threads)  # unrecorded: compiles and warms up
        for i in range(rounds):
            for name, (count, threads) in LAYOUTS.items():
                samples[name][i] = shards.throughput(count, threads)
    alone = samples["one shard, one thread"]
    rows = []
    for name, (count, threads) in LAYOUTS.items():
        rates, busy = samples[name].T
        rows.append([
            name, count, threads, _middle(rates), _middle(rates / alone[:, 0]), 1e3 * _middle(busy),
            _middle(count * alone[:, 1] / busy) if threads == 1 else None,
        ])  # fmt: skip
    return Table("Shards and threads on two cores", NOTE.format(rounds=rounds), COLUMNS, rows)


def _middle(samples: np.ndarray) -> float:
    return float(np.median(samples))


class Shards:
    """Processes that each hold a batch of cores and program it when told to."""

    def __init__(self, count: int, case: Case):
        spawn = multiprocessing.get_context("spawn")
        self._work = case.runs * case.iterations
        self._pipes, self._processes = [], []
        for _ in range(count):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, case), daemon=True)
            process.start()
            theirs.close()  # so that a process that dies is noticed here
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            _receive(pipe)

    def throughput(self, count: int, threads: int) -> tuple[float, float]:
        """Core-iterations per s when ``count`` shards with ``threads`` each start together, and
        processor time of each core-iteration, s."""
        used = self._pipes[:count]
        start = time.perf_counter()
        for pipe in used:
            pipe.send(threads)
        busy = sum(_receive(pipe) for pipe in used)
        work = count * self._work
        return work / (time.perf_counter() - start), busy / count

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *_) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(PATIENCE)


def _serve(pipe, case: Case) -> None:
    trial = Trial(case)
    pipe.send(None)  # ready
    while True:
        try:
            threads = pipe.recv()
        except EOFError:
            return
        with threadpool_limits(threads):
            pipe.send(trial.iterate())


def _receive(pipe):
    if not pipe.poll(PATIENCE):
        raise TimeoutError(f"a shard has not answered within {PATIENCE} s")
    return pipe.recv()
