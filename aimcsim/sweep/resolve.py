"""What is settled before any work starts: the device's numbers, and the back end that programs."""

from collections.abc import Sequence

from aimcsim.common.errors import UserError
from aimcsim.config.design import Range
from aimcsim.config.models import Config
from aimcsim.kernels.cuda.device import available


def settled(config: Config) -> Config:
    """``config`` with a device free of files: it holds the numbers that they give.

    What is computed from it then depends on what a table says, not on where it lies.

    Raises
    ------
    UserError
        A file is missing or unusable; or the device is none for the study's methods, or for values
        that it sweeps.
    """
    config = config.model_copy(update={"device": config.device.resolved()})
    _check_methods(config)
    return config


def settled_backend(configs: Sequence[Config]) -> str:
    """``cpu``, ``gpu`` or ``reference`` for a study and its cases, all by the same one.

    Raises
    ------
    UserError
        ``execution.backend`` is gpu, and a GPU has no kernels for what a case asks for.
    """
    asked = configs[0].execution.backend
    unable = next(filter(None, map(_unable, configs)), None)
    if asked == "auto":
        return "gpu" if unable is None and available() else "cpu"
    if asked == "gpu" and unable is not None:
        raise UserError(
            f"execution.backend: gpu has no kernels for {unable}. Set execution.backend: cpu."
        )
    return asked


def _check_methods(config: Config) -> None:
    """A :class:`UserError` names what the methods cannot do, or do not use, on the device."""
    law, model = config.device.law(), f"device.model {config.device.model}"
    for name, entry in config.methods.items():
        refused = entry.method.refuses(law)
        if refused:
            raise UserError(f"methods.{name} on a device of {model}: {refused}.")
        for key in entry.method.unused_on(law):
            values = getattr(entry, key)
            if isinstance(values, Range) or len(values) > 1:
                many = "a range of" if isinstance(values, Range) else len(values)
                raise UserError(
                    f"methods.{name}.{key}: {many} values, which change nothing on a device of "
                    f"{model}. Give one."
                )


def _unable(config: Config) -> str | None:
    """What of ``config`` a GPU cannot do; None: it can do all."""
    if not config.device.on_gpu:
        return f"device.model {config.device.model}"
    if config.wires.on:
        return f"wires of {config.wires.row:g} and {config.wires.column:g} Ohm (wires.row, column)"
    return None
