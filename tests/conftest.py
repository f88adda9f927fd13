"""All tests."""

import os

import pytest

from aimcsim.common.threads import single_threaded

# Hundreds of tests and jobs start Python: what it compiles of the sources is kept for the next.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True, scope="session")
def _one_blas_thread():
    """As the command line runs every shard: bits and times must not depend on the machine."""
    with single_threaded():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker waits long for another's last one."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)
