"""All tests."""

import pytest

from aimcsim.common.threads import single_threaded


@pytest.fixture(autouse=True, scope="session")
def _one_blas_thread():
    """As the command line runs every shard: bits and times must not depend on the machine."""
    with single_threaded():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Parallel runs keep the tests of a file together, and all that run the workflow: they share
    what their fixtures compute."""
    for item in items:
        folder = item.path.parent.name
        group = folder if folder == "workflow" else str(item.path.relative_to(item.config.rootpath))
        item.add_marker(pytest.mark.xdist_group(group))
