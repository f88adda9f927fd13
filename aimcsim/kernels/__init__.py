"""The few operations that cost time, each stated once in NumPy and made fast beside it.

Every back end has the same functions; :mod:`aimcsim.kernels.reference` documents them. Its ``xp``
is the array module of all large arrays. The random numbers are the same integers in all of them,
and the arithmetic agrees to single-precision rounding.
"""

from typing import Any


def backend(name: str) -> Any:
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


def device_of(back_end: Any) -> Any | None:
    """The device that ``back_end`` runs on, see :class:`aimcsim.kernels.gpu.Device`; None: the
    host."""
    return getattr(back_end, "on", None)


def describe(back_end: Any) -> str:
    """What the kernels are, for records: ``cpu``, ``reference``, or ``gpu`` with the device."""
    device = device_of(back_end)
    return back_end.__name__.rpartition(".")[2] if device is None else f"gpu: {device.name}"
