"""The few operations that cost time, each stated once in NumPy and made fast beside it.

Every back end is a :class:`aimcsim.kernels.interface.Kernels`.
"""

from aimcsim.kernels.interface import Kernels


def backend(name: str) -> Kernels:
    """The kernels called ``name``: ``cpu`` (compiled), ``gpu`` (CUDA), ``reference`` (NumPy).

    ``auto`` is ``cpu``: what a study's ``auto`` means is settled where it is planned. A
    :class:`aimcsim.common.errors.UserError` says what ``gpu`` lacks.
    """
    if name == "reference":
        from aimcsim.kernels import reference

        return reference
    if name == "gpu":
        from aimcsim.kernels import gpu

        return gpu.on_cuda()
    from aimcsim.kernels import cpu

    return cpu
