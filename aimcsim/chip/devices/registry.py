"""What memory devices there are, by the name that ``device.model`` gives."""

from aimcsim.chip.devices.interface import Device
from aimcsim.common.registry import Registry

DEVICES: Registry[type[Device]] = Registry("device", "aimcsim.chip.devices", base=Device)
"""Settings of every device; ``DEVICES["mine.py:Mine"]`` are those of a user's own."""

DEFAULT = "melt_quench"
"""Device of a study that names none."""
