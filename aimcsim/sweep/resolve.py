"""A bad device table is found before any work starts, and read once."""

from aimcsim.chip.devices.registry import model_of
from aimcsim.chip.devices.table import resolved
from aimcsim.common.errors import UserError
from aimcsim.config.models import Config

UNUSED = ("learning_rate", "floor", "floor_slope")  # by GDP on accumulating devices


def settled(config: Config) -> Config:
    """``config`` with the numbers of its device table in place of the path.

    What is computed from it then depends on what the table says, not on where it lies.

    Raises
    ------
    UserError
        The table is missing or unusable; the study sweeps a key of ``gdp`` that its device has no
        use for; or it asks for a method that moves currents, which its device has not.
    """
    if config.device.model == "table":
        config = config.model_copy(update={"device": resolved(config.device)})
    if model_of(config.device).accumulates:
        for key in UNUSED:
            values = getattr(config.gdp, key)
            if len(values) > 1:
                raise UserError(
                    f"gdp.{key}: {len(values)} values, which change nothing on a device of "
                    f"device.model {config.device.model} that accumulates SET pulses. Give one."
                )
        if "hadamard" in config.methods:
            raise UserError(
                "methods: hadamard moves the current of RESET pulses; a device of device.model "
                f"{config.device.model} that accumulates SET pulses has none. Leave it out."
            )
    return config
