"""Peak memory of a batch of cores, each measured in a process of its own."""

import multiprocessing

from aimcsim.common.threads import single_threaded
from benchmarks.cores import Case, Trial
from benchmarks.machine import peak_memory
from benchmarks.tables import Table

MIB = 2**20
SIZES, BATCHES = (128, 256, 512), (256, 1024)
FEW, MANY = 2, 10  # cores
QUICK_SIZES, QUICK_BATCHES = (64,), (16,)
NOTE = (
    "Most memory that a process holds while it programs a batch, the iterative start included; per "
    f"core from the difference between {MANY} and {FEW} cores of one point each. State: what of "
    "it are the two devices of each cell."
)


def table(quick: bool) -> Table:
    sizes, batches = (QUICK_SIZES, QUICK_BATCHES) if quick else (SIZES, BATCHES)
    columns = ["cells", "inputs B", "process, 2 cores (MiB)", "per core (MiB)", "times its state"]
    result = Table("Peak memory", NOTE, columns)
    # Fresh programs, not copies of this one with all that it holds.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for size in sizes:
            for batch in batches:
                few, many = (
                    pool.apply(peak, (Case(count, 1, batch, size, iterations=2),))
                    for count in (FEW, MANY)
                )
                each = (many - few) / (MANY - FEW)
                state = 2 * 4 * size**2
                result.rows.append([f"{size} x {size}", batch, few / MIB, each / MIB, each / state])
    return result


def peak(case: Case) -> int:
    """Most memory, bytes, of this process after it has run ``case``."""
    with single_threaded():
        Trial(case).iterate()
    return peak_memory()
