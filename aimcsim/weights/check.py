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
        definition.check(name, Path(results.weights(name)), Path(results.images(name)))
