"""Which back end programs a study: settled once, when it is planned."""

from collections.abc import Sequence

from aimcsim.common.errors import UserError
from aimcsim.config.models import Config
from aimcsim.kernels.cuda.device import available


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


def _unable(config: Config) -> str | None:
    """What of ``config`` a GPU cannot do; None: it can do all."""
    if config.device.model != "melt_quench":
        return f"device.model {config.device.model}"
    if config.wires.on:
        return f"wires of {config.wires.row:g} and {config.wires.column:g} Ohm (wires.row, column)"
    return None
