"""The long run: python -m tests.faults --faults 200 --seed 1 --folder /tmp/faults"""

import argparse
import random
import sys
from pathlib import Path

from tests.faults.harness import BAD, Bench, long_run, table
from tests.workflow.conftest import copy_of_sources


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--faults", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--folder", type=Path, required=True, help="for the project; made anew")
    chosen = options.parse_args()
    project = chosen.folder / "project"
    if not project.exists():
        project.mkdir(parents=True)
        copy_of_sources(project)
    bench = Bench(project, random.Random(chosen.seed))
    long_run(bench, chosen.faults)
    print("\n".join(map(str, bench.faults)))
    print(f"seed {chosen.seed}, {len(bench.faults)} faults: {table(bench)}")
    sys.exit(any(fault.outcome in BAD for fault in bench.faults))


if __name__ == "__main__":
    main()
