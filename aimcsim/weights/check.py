"""Bad weight files are found before any work starts."""

from collections.abc import Mapping
from pathlib import Path

from aimcsim.weights.registry import WeightSet


def check_files(weights: Mapping[str, WeightSet], results: Path) -> None:
    """Read every file that the workflow has not read in its present state.

    Raises
    ------
    UserError
        A file is missing or unusable; the message names it, the value found and the remedy.
    """
    results = Path(results)
    for name, definition in weights.items():
        made, images = (results / stage / f"{name}.nc" for stage in ("weights", "images"))
        definition.check(name, made, images)
