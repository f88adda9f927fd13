"""Measure speed and memory; print tables, write JSON and the roofline.

python -m benchmarks [--quick] [--only PART ...] [--rounds N] [--output FOLDER]
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from aimcsim.common.threads import single_threaded
from benchmarks import core_iteration, memory, networks, roofline, startup, throughput
from benchmarks.machine import machine
from benchmarks.tables import Table

PARTS = ("iteration", "throughput", "memory", "networks", "startup")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        metavar="PART",
        help=f"of {', '.join(PARTS)}; figures of the others stay",
    )
    parser.add_argument("--rounds", type=int, help="samples of each figure; default 9, quick 1")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 9)
    suite = {"quick": options.quick, "machine": machine(), "tables": {}}
    file = options.output / "suite.json"
    if set(options.only) != set(PARTS) and file.exists():  # the other parts stay
        suite["tables"] = json.loads(file.read_text(encoding="utf-8"))["tables"]
    for name, table in measure(options.only, rounds, options.quick, options.output):
        suite["tables"][name] = asdict(table)
    options.output.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(suite, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def measure(parts: list[str], rounds: int, quick: bool, folder: Path):
    """Yields (name, table) of every part, printed as soon as it is measured."""
    if "iteration" in parts:
        with single_threaded():
            limits = roofline.measure(rounds, quick)
            yield "limits", _printed(roofline.table(limits))
            along = core_iteration.tables(limits, rounds, quick)
        for axis, table in along.items():
            yield axis, _printed(table)
        roofline.draw(limits, along, folder / "roofline.svg")
    if "throughput" in parts:
        yield "throughput", _printed(throughput.table(rounds, quick))
    if "memory" in parts:
        yield "memory", _printed(memory.table(quick))
    if "networks" in parts:
        yield "networks", _printed(networks.table(rounds, quick))
    if "startup" in parts:
        yield "startup", _printed(startup.table(rounds, quick))


def _printed(table: Table) -> Table:
    print(table.text(), end="\n\n", flush=True)
    return table


if __name__ == "__main__":
    main()
