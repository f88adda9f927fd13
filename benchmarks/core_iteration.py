"""Time of one GDP iteration per core, against the matrix products that it cannot avoid."""

import dataclasses

import numpy as np

from benchmarks.cores import Case, Trial
from benchmarks.roofline import COLOURS, Limits
from benchmarks.tables import Table
from benchmarks.timing import in_turns, spread

BASE = Case()
AXES = {
    "batch": (64, 128, 256, 512, 1024),
    "cores": (1, 4, 16, 64),
    "points": (1, 4, 16),
    "size": (64, 128, 256, 512),
}
QUICK_BASE = Case(cores=2, points=2, batch=32, size=32, iterations=3)
QUICK_AXES = {"batch": (16, 32), "cores": (1, 4)}
KINDS = tuple(COLOURS)  # of inputs

TITLES = {
    "batch": "Time per core-iteration over the inputs of an iteration",
    "cores": "Time per core-iteration over the cores in the batch, one point each",
    "points": "Time per core-iteration over the points of a core",
    "size": "Time per core-iteration over the size of the core",
}
NOTE = (
    "One thread; time that it had a core for, medians of {rounds} rounds in turns, ratios taken "
    "round by round. Products: those of random inputs, in warm buffers, for both kinds of inputs; "
    "orthogonal ones need them only where the inputs are no whole passes. Operations and "
    "bytes as `benchmarks/cores.py` counts them; limit: the longer of "
    "operations / peak and bytes / cache bandwidth."
)
COLUMNS = [
    "cores", "points", "inputs per iteration", "cells", "inputs", "GDP (ms)", "spread (%)",
    "products (ms)", "GDP / products", "operations (M)", "bytes (MB)", "limit (ms)", "GDP / limit",
]  # fmt: skip


def tables(limits: Limits, rounds: int, quick: bool) -> dict[str, Table]:
    """One table for each axis; one thread."""
    base, axes = (QUICK_BASE, QUICK_AXES) if quick else (BASE, AXES)
    made = {axis: _along(axis, values, base, limits, rounds) for axis, values in axes.items()}
    for other in list(made.values())[1:]:
        other.note = "As above."
    return made


def _along(axis: str, values: tuple[int, ...], base: Case, limits: Limits, rounds: int) -> Table:
    if axis == "cores":
        base = dataclasses.replace(base, points=1)
    cases = [dataclasses.replace(base, **{axis: value}) for value in values]
    if axis == "size":  # a whole pass of orthogonal inputs at least
        cases = [dataclasses.replace(case, batch=max(case.batch, case.size)) for case in cases]
    tasks = {}
    for case in cases:
        for kind in KINDS:
            trial = Trial(dataclasses.replace(case, inputs=kind))
            tasks[case, kind] = trial.iterate
        tasks[case, "products"] = trial.products
    times = in_turns(tasks, rounds)
    table = Table(TITLES[axis], NOTE.format(rounds=rounds), COLUMNS)
    for case in cases:
        bare = times[case, "products"]
        for kind in KINDS:
            own, mine = times[case, kind], dataclasses.replace(case, inputs=kind)
            floor = limits.shortest(mine.operations(), mine.traffic())
            table.rows.append([
                case.cores, case.points, case.batch, f"{case.size} x {case.size}", kind,
                _ms(own), 100 * spread(own), _ms(bare), float(np.median(own / bare)),
                mine.operations() / 1e6, mine.traffic() / 1e6, 1e3 * floor,
                float(np.median(own)) / floor,
            ])  # fmt: skip
    return table


def _ms(samples: np.ndarray) -> float:
    return 1e3 * float(np.median(samples))
