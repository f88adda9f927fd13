"""Bad weight files are found before any work starts."""

from collections.abc import Mapping
from pathlib import Path

from aimcsim.config.weights import FileWeights, WeightSet
from aimcsim.weights.dataset import build


def check_files(weights: Mapping[str, WeightSet], results: Path) -> None:
    """Read every file that the workflow has not read in its present state.

    Raises
    ------
    UserError
        A file is missing or unusable; the message names it, the value found and the remedy.
    """
    for name, definition in weights.items():
        if not isinstance(definition, FileWeights):
            continue
        source, built = Path(definition.path), Path(results) / "weights" / f"{name}.nc"
        current = source.is_file() and built.is_file()
        if not current or built.stat().st_mtime < source.stat().st_mtime:
            build(name, definition, seed=0)
