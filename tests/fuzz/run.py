"""Damaged files by the thousand: ``python -m tests.fuzz.run --inputs 5000``.

Every input is read in a process of its own kind, which is watched: one that takes too long, ends by
itself or takes too much memory is counted, and another goes on behind it.
"""

import argparse
import resource
import sys
from collections import Counter
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS, MEGABYTES = 60.0, 600
"""Of one input, at most; memory beyond what reading intact files takes."""
HANG, DIED, MEMORY = "hang", "process died", "memory"
_WARM_UP = 8  # inputs after which the memory is that of a process at work


def _work(connection: Connection, folder: str, first: int, last: int) -> None:
    from tests.fuzz.judge import outcome

    at_work = 0
    for seed in range(first, last):
        connection.send(("begins", seed, ""))
        found, what = outcome(
            seed, Path(folder), lambda found, seed=seed: connection.send(("so far", seed, found))
        )
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if seed - first < _WARM_UP:
            at_work = now
        elif now - at_work > MEGABYTES:
            found, at_work = MEMORY, now
        connection.send((found, seed, what))


def run(first: int, inputs: int, tell=lambda found, what: None) -> Counter:
    """Outcomes of inputs ``first`` and on, by kind; ``tell`` is told each."""
    counts, seed, last = Counter(), first, first + inputs
    context = get_context("spawn")
    with TemporaryDirectory() as folder:
        while seed < last:
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(theirs, folder, seed, last), daemon=True)
            worker.start()
            theirs.close()
            began, so_far = False, ""
            while seed < last:
                try:
                    # The first answer waits for the imports and the files to damage.
                    if not ours.poll(SECONDS if began else 30 * SECONDS):
                        found, what = so_far or HANG, f"{seed}: more than {SECONDS:g} s"
                        break
                    found, number, what = ours.recv()
                except EOFError:
                    found, what = so_far or DIED, f"{seed}: the process ended"
                    break
                if found == "begins":
                    so_far = ""
                    continue
                if found == "so far":
                    so_far = what
                    continue
                counts[found] += 1
                tell(found, what)
                seed, began = number + 1, True
            else:
                worker.join()
                break
            worker.kill()
            worker.join()
            counts[found] += 1
            tell(found, what)
            seed += 1
    return counts


def main() -> int:
    """Counts on the screen; 1 where something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1_000_000, help="Number of the first input.")
    chosen = parser.parse_args()
    from tests.fuzz.judge import FINE

    def tell(found: str, what: str) -> None:
        if found not in FINE:
            print(f"{found}: {what}", flush=True)

    counts = run(chosen.seed, chosen.inputs, tell)
    for found, count in counts.most_common():
        print(f"{count:8,}  {found}")
    return int(bool(set(counts) - FINE))


if __name__ == "__main__":
    sys.exit(main())
