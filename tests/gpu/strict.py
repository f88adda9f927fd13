"""Arrays that act as CuPy's do where NumPy's are more lenient, for tests without a GPU.

CuPy follows NumPy's protocols: NumPy's functions and operators work on its arrays and give such
arrays. But it never turns one into a NumPy array by itself and takes no NumPy array beside one.
:class:`DeviceArray` raises in the same places. It knows only what the GPU back end uses: whatever
else is asked of it fails, and is to be looked up in CuPy's reference before it is added here.
"""

import numpy as np

# ruff: noqa: SIM905  (lists of words)
METHODS = frozenset(
    """
    all any argmax astype clip copy cumsum fill max mean min nonzero ravel repeat reshape round
    std sum swapaxes take trace transpose var view
    """.split()
)  # fmt: skip
FUNCTIONS = frozenset(
    """
    all any argmax array_equal broadcast_to clip concatenate copyto count_nonzero cumsum einsum
    empty_like flatnonzero full_like max mean min nonzero ones_like pad repeat select stack std sum
    swapaxes take take_along_axis tile trace transpose triu unravel_index where zeros_like
    """.split()
)  # fmt: skip
CREATION = frozenset(
    """
    arange array broadcast_to concatenate empty full interp linspace ones stack where zeros
    """.split()
)  # fmt: skip


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array "on the device"; ``host`` is where it really is."""

    __slots__ = ("host",)

    def __init__(self, host: np.ndarray):
        assert type(host) is np.ndarray
        if host.dtype.isbuiltin != 1 or host.dtype.kind not in "biufc":
            raise TypeError(f"Unsupported type {host.dtype}")
        self.host = host

    def __array__(self, *_args, **_kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method not in ("__call__", "at"):
            raise TypeError(f"np.{ufunc.__name__}.{method} is not available")
        if "out" in kwargs:
            kwargs["out"] = tuple(_host(one) for one in kwargs["out"])
        found = getattr(ufunc, method)(*map(_host, inputs), **kwargs)
        return self if "out" in kwargs else _device(found)

    def __array_function__(self, function, _types, args, kwargs):
        if function.__name__ not in FUNCTIONS:
            raise TypeError(f"np.{function.__name__} is not available on device arrays")
        found = function(*_host(args), **_host(kwargs))
        if function is np.where and not any(isinstance(one, DeviceArray) for one in args[1:]):
            # The type that CuPy gives two numbers depends on its version: here it is one that no
            # kernel takes, so that callers say which they want.
            found = found.astype(np.float64)
        if function is np.einsum:
            # CuPy's may come out of a product with its axes in another order.
            found = np.asfortranarray(found)
        return _device(found)

    def __getitem__(self, key):
        return _device(self.host[_index(key)])

    def __setitem__(self, key, value):
        self.host[_index(key)] = _host(value)

    def __getattr__(self, name):
        if name in METHODS:
            method = getattr(self.host, name)
            return lambda *args, **kwargs: _device(method(*_host(args), **_host(kwargs)))
        if name in ("shape", "dtype", "ndim", "size", "nbytes", "flags", "strides"):
            return getattr(self.host, name)
        raise AttributeError(f"device arrays have no {name} here")

    def get(self) -> np.ndarray:
        return self.host.copy()

    @property
    def T(self):
        return _device(self.host.T)

    def __len__(self):
        return len(self.host)

    def __iter__(self):
        return (_device(part) for part in self.host)

    def __bool__(self):
        return bool(self.host)

    def __int__(self):
        return int(self.host)

    def __float__(self):
        return float(self.host)


class _Module:
    """What stands for the module ``cupy``."""

    ndarray = DeviceArray

    @staticmethod
    def asarray(array, dtype=None) -> DeviceArray:
        """CuPy's copies from the host; a copy here too, so that no memory is shared."""
        if isinstance(array, DeviceArray):
            return array if dtype in (None, array.dtype) else array.astype(dtype)
        return DeviceArray(np.array(array, dtype))

    @staticmethod
    def array(array, dtype=None, order="K") -> DeviceArray:
        host = array.host if isinstance(array, DeviceArray) else array
        return DeviceArray(np.array(host, dtype, order=order))

    @staticmethod
    def ascontiguousarray(array, dtype=None) -> DeviceArray:
        if isinstance(array, DeviceArray):
            return DeviceArray(np.ascontiguousarray(array.host, dtype))
        return DeviceArray(np.array(array, dtype, order="C"))

    def __getattr__(self, name):
        if name in CREATION or name in FUNCTIONS or isinstance(getattr(np, name, None), np.ufunc):
            return lambda *args, **kwargs: _device(getattr(np, name)(*_host(args), **_host(kwargs)))
        raise AttributeError(f"the device's array module has no {name} here")


xp = _Module()


def _host(value):
    """Arguments for NumPy; a NumPy array among them raises."""
    if isinstance(value, DeviceArray):
        return value.host
    if isinstance(value, (tuple, list)):
        return type(value)(map(_host, value))
    if isinstance(value, dict):
        return {key: _host(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)} beside a device array")
    return value


def _index(key):
    """Indices, which alone may be NumPy arrays: CuPy copies them to the device."""
    if isinstance(key, tuple):
        return tuple(map(_index, key))
    return key.host if isinstance(key, DeviceArray) else key


def _device(found):
    """Results: arrays and, as CuPy's, numbers too, which are arrays without a dimension."""
    if isinstance(found, tuple):
        return tuple(map(_device, found))
    if isinstance(found, list):
        return [_device(one) for one in found]
    if isinstance(found, np.ndarray):
        return DeviceArray(found)
    if isinstance(found, np.generic):
        return DeviceArray(np.asarray(found))
    return found
