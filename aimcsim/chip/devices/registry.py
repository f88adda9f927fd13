"""The model of a device from its settings: the one place that knows them all."""

from functools import lru_cache

from aimcsim.chip.devices.interface import DeviceModel
from aimcsim.chip.devices.melt_quench import MeltQuenchModel
from aimcsim.chip.devices.set_accumulation import SetAccumulationModel
from aimcsim.chip.devices.settings import Device
from aimcsim.chip.devices.table import table_model


@lru_cache(maxsize=64)
def model_of(settings: Device) -> DeviceModel:
    """The model that ``settings.model`` names. A :class:`UserError` names an unusable table."""
    made = {
        "melt_quench": MeltQuenchModel,
        "set_accumulation": SetAccumulationModel,
        "table": table_model,
    }
    return made[settings.model](settings)
