"""What is settled before any work starts: the device's numbers, and the back end that programs."""

from collections.abc import Sequence

from aimcsim.chip.settings import Core
from aimcsim.common.errors import UserError
from aimcsim.config.checks import refused, warnings
from aimcsim.config.load import cases
from aimcsim.config.models import Config
from aimcsim.kernels.cuda.device import available


def settled(config: Config) -> Config:
    """``config`` with a device free of files: it holds the numbers that they give.

    What is computed from it then depends on what a table says, not on where it lies.

    Raises
    ------
    UserError
        A file is missing or unusable; or the device is none for the study, see
        :mod:`aimcsim.config.checks`.
    """
    config = config.model_copy(update={"device": config.device.resolved()})
    if found := refused(config, "device"):
        raise UserError("\n".join(found))
    return config


def core_of(config: Config) -> Core:
    """The cores of shards, with the statistics that targets for a time to come are chosen by.

    Not of a study: its cases would take over what is theirs to choose.
    """
    core = config.core
    if core.target_time is None or core.target_statistics is not None:
        return core
    return core.model_copy(update={"target_statistics": config.evaluation.statistics})


def warned(config: Config) -> list[str]:
    """What a study is warned of, and each of its cases where the study itself is not.

    Raises
    ------
    UserError
        See :func:`settled`.
    """
    own = warnings(settled(config))
    found = list(own)
    for case in cases(config):
        for text in warnings(settled(case.config)):
            if text not in own:
                found.append(f"compare.{case.label}: {text}")
    return found


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
    if not config.device.on_gpu:
        return f"device.model {config.device.model}"
    if config.wires.on:
        return f"wires of {config.wires.row:g} and {config.wires.column:g} Ohm (wires.row, column)"
    return None
