"""aimcsim: how to program weights into analog in-memory computing chips."""

from typing import TYPE_CHECKING, Any

from aimcsim.common import caches

if TYPE_CHECKING:
    from aimcsim.api import ProgrammedCores, program
    from aimcsim.chip.devices.interface import Device
    from aimcsim.common.errors import UserError
    from aimcsim.programming.method import Method
    from aimcsim.weights.registry import WeightSet

__version__ = "0.1.0"
__all__ = ["Device", "Method", "ProgrammedCores", "UserError", "WeightSet", "program"]

caches.provide()

_HOMES = {
    "Device": "aimcsim.chip.devices.interface",
    "Method": "aimcsim.programming.method",
    "ProgrammedCores": "aimcsim.api",
    "UserError": "aimcsim.common.errors",
    "WeightSet": "aimcsim.weights.registry",
    "program": "aimcsim.api",
}


def __getattr__(name: str) -> Any:
    """Names of ``__all__`` on first use: a command pays for its own imports alone."""
    if name not in _HOMES:
        raise AttributeError(f"module 'aimcsim' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
