"""Loading and checking a study's configuration."""

from aimcsim.config.load import from_mapping, from_yaml
from aimcsim.config.models import Config

__all__ = ["Config", "from_mapping", "from_yaml"]
