"""Compare with other simulators; print tables and write JSON.

.peers/bin/python -m benchmarks.peers [--rounds 9] [--output FOLDER]
"""

import argparse
import contextlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from aimcsim.common.threads import single_threaded
from benchmarks.machine import machine
from benchmarks.peers.aihwkit_side import PRESETS, SETTINGS, Aihwkit
from benchmarks.peers.crosssim_side import VECTORS, CrossSim, draws
from benchmarks.peers.ours import CORES, Ours
from benchmarks.peers.problem import Problem
from benchmarks.tables import Table
from benchmarks.timing import in_turns, spread

RESULTS = Path(__file__).parents[1] / "results"
BUDGET, LONGER = 40, 4  # iterations that aihwkit's settings are tried for; times as many later
FINALISTS = 4  # settings that are tried for longer
OURS = "aimcsim"
REACHED = {
    "simulator": "simulator", "method": "method", "iterations": "iterations",
    "mvm_error": "MVM error (%)", "held_error": "held error (%)", "mvms": "MVMs",
    "cell_reads": "cell reads", "pulses": "pulses per cell", "seconds": "time (s)",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="samples of each figure")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args()
    compared = {"machine": machine() | {name: version(name) for name in ("aihwkit", "torch")}}
    problem = Problem()
    with single_threaded():
        tables = measure(problem, options.rounds)
    compared["tables"] = {name: asdict(table) for name, table in tables.items()}
    options.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(compared, indent=1, allow_nan=False) + "\n"
    (options.output / "peers.json").write_text(text, encoding="utf-8")


def measure(problem: Problem, rounds: int) -> dict[str, Table]:
    ours, theirs = Ours(problem), Aihwkit(problem)
    ranked = {name: theirs.ranked(name, SETTINGS, BUDGET) for name in PRESETS}
    best = {name: rows[0] for name, rows in ranked.items()}
    longer = [
        theirs.ranked(name, [row["setting"] for row in rows[:FINALISTS]], LONGER * BUDGET)[0]
        for name, rows in ranked.items()
    ]
    rows = [*ours.programmed(), *best.values(), *longer, theirs.one_shot_row()]
    reached = Table(
        "What programming reaches",
        f"One {problem.size} x {problem.size} core, uniform weights. All errors by our formula on "
        "2,048 fresh inputs, through equal converters and read noise of equal size. aihwkit: the "
        f"best of {len(SETTINGS)} settings for each preset after {BUDGET} iterations, and of the "
        f"first {FINALISTS} of them after {LONGER * BUDGET}. Its devices differ in kind from ours; "
        "its CPU back end does not count pulses.",
        list(REACHED.values()),
        [[row[key] for key in REACHED] for row in rows],
    )
    print(reached.text(), end="\n\n", flush=True)
    tables = {"reached": reached}
    tables["descent"] = _descent(problem, ours, theirs, best, rounds)
    tables["noisy"] = _noisy(problem, ours, theirs, rounds)
    tables["converters"] = _converters(problem, ours, theirs, rounds)
    tables["one_shot"] = _compared(
        "One-shot programming noise, HERMES with one device",
        "A tile with programming noise drawn; ours with all else that a programmed core has.",
        "draw", {OURS: (ours.one_shot(), 1), "aihwkit": (theirs.one_shot(), 1)}, rounds,
    )  # fmt: skip
    return tables


def _descent(problem, ours, theirs, best, rounds: int) -> Table:
    tasks = {
        OURS: (ours.descent(1, "uniform"), 1),
        f"{OURS}, per core of {CORES}": (ours.descent(CORES, "uniform"), 1),
        f"{OURS}, orthogonal inputs": (ours.descent(1, "orthogonal"), 1),
    }
    for name in PRESETS:
        tasks[f"aihwkit, {name} preset as shipped"] = (theirs.descent(name, "shipped", 0.1, 1.0), 1)
        tasks[f"aihwkit, {name} preset, best setting"] = (
            theirs.descent(name, *best[name]["setting"]),
            1,
        )
    return _compared(
        "Closed loop on the MVM error",
        f"One iteration: {problem.batch} inputs and the update. Best setting: least error after "
        f"{BUDGET} iterations.", "iteration", tasks, rounds,
    )  # fmt: skip


def _noisy(problem, ours, theirs, rounds: int) -> Table:
    batch = problem.batch
    tasks = {
        OURS: (ours.multiplication(), batch),
        "aihwkit, C++ tile": (theirs.multiplication(noisy=True), batch),
    }
    try:
        tasks["CrossSim"] = (CrossSim(problem).multiplication(noisy=True), batch)
    except ImportError:
        tasks["CrossSim not installed; its normal draws alone"] = (draws(problem), VECTORS)
    noise = [problem.noise(one.multiply) for one in (ours, theirs)]
    return _compared(
        "MVM with read noise that depends on the state",
        "DAC, ADC, output noise, and read noise new in each MVM, of a standard deviation of "
        f"{noise[0]:.3f} (ours) and {noise[1]:.3f} (aihwkit) weights x inputs. aihwkit's torch "
        "tile has no read noise.",
        "MVM", tasks, rounds,
    )  # fmt: skip


def _converters(problem, ours, theirs, rounds: int) -> Table:
    batch = problem.batch
    tasks = {
        OURS: (ours.multiplication(read_noise=0.0), batch),
        "aihwkit, C++ tile": (theirs.multiplication(noisy=False), batch),
        "aihwkit, torch tile": (theirs.multiplication(noisy=False, back_end="torch"), batch),
    }
    with contextlib.suppress(ImportError):
        tasks["CrossSim, no output noise"] = (CrossSim(problem).multiplication(noisy=False), batch)
    return _compared(
        "MVM with converters and output noise alone", "No read noise.", "MVM", tasks, rounds
    )


def _compared(title: str, note: str, unit: str, tasks: dict, rounds: int) -> Table:
    times = in_turns({name: task for name, (task, _) in tasks.items()}, rounds)
    each = {name: times[name] / count for name, (_, count) in tasks.items()}
    table = Table(
        title,
        f"{note} One thread; time that it had a core for, medians of {rounds} rounds in turns, "
        "ratios taken round by round.",
        ["simulator", f"time per {unit} (ms)", "spread (%)", f"{unit}s per s", "times ours"],
    )
    for name, samples in each.items():
        middle = float(np.median(samples))
        ratio = float(np.median(samples / each[OURS]))
        table.rows.append([name, 1e3 * middle, 100 * spread(samples), 1 / middle, ratio])
    print(table.text(), end="\n\n", flush=True)
    return table


if __name__ == "__main__":
    main()
