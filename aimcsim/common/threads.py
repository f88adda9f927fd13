"""One thread for one shard: bits must not depend on how many a BLAS library finds."""

import scipy.linalg  # noqa: F401  # loads the BLAS that numba's np.dot will call
from threadpoolctl import threadpool_limits


def single_threaded() -> threadpool_limits:
    """Context in which every BLAS and OpenMP pool of this process has one thread.

    Parallelism comes from the workflow, which runs one shard per core of the machine.
    """
    return threadpool_limits(limits=1)
