"""All tests."""

import pytest

from aimcsim.common.threads import single_threaded


@pytest.fixture(autouse=True, scope="session")
def _one_blas_thread():
    """As the command line runs every shard: bits and times must not depend on the machine."""
    with single_threaded():
        yield
