"""Bad weight files are found before any work starts."""

from collections.abc import Mapping
from pathlib import Path

from aimcsim.common.paths import Results
from aimcsim.weights.registry import WeightSet


def check_files(weights: Mapping[str, WeightSet], results: Results) -> None:
    """Read every file that the workflow has not read in its present state.

    Raises
    ------
    UserError
        A file is missing or unusable; the message names it, the value found and the remedy.
    """
    for name, definition in weights.items():
        made = Path(results.weights(name)), Path(results.images(name))
        built = definition.check(name, *made)
        last = None if built is None else definition.last_class()
        if built is not None and last is not None:
            from aimcsim.networks.dataset import network_of  # slow to import
            from aimcsim.networks.judge import require_fit

            network = network_of(built)
            require_fit(name, network, network.input_shape, last, str(definition.image_source))
