"""The GPU's kernels for callers that have NumPy arrays, so that tests can treat all alike."""

import inspect

import numpy as np

from aimcsim.kernels.patterns import SignPatterns

# Arguments with one entry per run stay on the host.
ON_HOST = frozenset(
    """
    runs unit x_of of running prior noise_threshold floor slope rate changes address jitter_address
    quench_address
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

            def move(value):
                if isinstance(value, SignPatterns):
                    return SignPatterns(value.level, move(value.of_row), move(value.of_pattern))
                if isinstance(value, tuple):
                    return tuple(map(move, value))
                if not isinstance(value, np.ndarray):
                    return value
                moved.append((value, self.kernels.to_device(value)))
                return moved[-1][1]

            for key, value in bound.arguments.items():
                if key not in ON_HOST:
                    bound.arguments[key] = move(value)
            found = function(*bound.args, **bound.kwargs)
            for before, after in moved:
                before[...] = self.kernels.to_host(after)
            return self._back(found)

        return call

    def _back(self, found):
        if isinstance(found, tuple):
            return tuple(map(self._back, found))
        return self.kernels.to_host(found) if isinstance(found, self.kernels.xp.ndarray) else found
