"""The GPU's kernels for callers that have NumPy arrays, so that tests can treat all alike."""

import inspect

import numpy as np

# Arguments with one entry per run stay on the host.
ON_HOST = frozenset(
    """
    runs unit x_of of running prior noise_threshold floor least rate decay changes address jitter
    quench
    """.split()  # noqa: SIM905
)  # fmt: skip


class Converting:
    """Kernels whose arrays go to the device before a call, and back behind it with its changes."""

    def __init__(self, kernels):
        self.kernels = kernels

    def __getattr__(self, name):
        function = getattr(self.kernels, name)
        names = inspect.signature(function)

        def call(*args, **kwargs):
            bound, moved = names.bind(*args, **kwargs), []

            def move(key, value):
                if key in ON_HOST:
                    return value
                if isinstance(value, tuple):  # a group
                    return type(value)(*map(move, value._fields, value))
                if not isinstance(value, np.ndarray):
                    return value
                moved.append((value, self.kernels.to_device(value)))
                return moved[-1][1]

            for key, value in bound.arguments.items():
                bound.arguments[key] = move(key, value)
            found = function(*bound.args, **bound.kwargs)
            for before, after in moved:
                before[...] = self.kernels.to_host(after)
            return self._back(found)

        return call

    def _back(self, found):
        if isinstance(found, tuple):
            return tuple(map(self._back, found))
        return self.kernels.to_host(found) if isinstance(found, self.kernels.xp.ndarray) else found
