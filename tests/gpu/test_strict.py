"""The arrays that stand in for CuPy's raise where CuPy's do, and know nothing that it has not."""

import numpy as np
import pytest

from tests.gpu.strict import CREATION, FUNCTIONS, METHODS, DeviceArray, xp

HERE = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def there():
    return xp.asarray(HERE)


@pytest.mark.parametrize(
    "mixed",
    [
        lambda here, there: here + there,
        lambda here, there: there + here,
        lambda here, there: np.maximum(there, here),
        lambda here, there: np.where(there > 1, here, there),
        lambda here, there: np.stack([there, here]),
        lambda here, there: np.asarray(there),
        lambda here, there: here.__setitem__(0, there[0]),
        lambda here, there: there.__setitem__(0, here[0]),
        lambda here, there: here[there[0].astype(int)],
        lambda here, there: np.median(there),
        lambda here, there: there.tolist(),
        lambda here, there: np.add.reduce(there),
    ],
)
def test_mixing_raises(mixed, there):
    with pytest.raises((TypeError, AttributeError, IndexError)):
        mixed(HERE.copy(), there)


def test_what_stays_on_the_device_is_as_in_numpy(there):
    found = np.where(np.sqrt(there)[:, 1:] > 1, there[:, 1:], np.float32(0)).sum(axis=1)
    assert isinstance(found, DeviceArray)
    expected = np.where(np.sqrt(HERE)[:, 1:] > 1, HERE[:, 1:], np.float32(0)).sum(axis=1)
    np.testing.assert_array_equal(found.get(), expected)
    there[np.array([1])] = 0  # indices may be NumPy's
    assert float(there.sum()) == HERE[0].sum()
    assert HERE[1].all()


def test_cupy_has_all_that_it_has():
    cupy = pytest.importorskip("cupy")
    assert all(hasattr(cupy, name) for name in FUNCTIONS | CREATION)
    assert all(hasattr(cupy.ndarray, name) for name in METHODS | {"get"})
