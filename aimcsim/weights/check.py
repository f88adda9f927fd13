"""Bad weight files are found before any work starts."""

from collections.abc import Mapping
from pathlib import Path

from aimcsim.config.weights import CIFAR10, FileWeights, NetworkWeights, WeightSet
from aimcsim.errors import UserError
from aimcsim.weights.dataset import build


def check_files(weights: Mapping[str, WeightSet], results: Path) -> None:
    """Read every file that the workflow has not read in its present state.

    Raises
    ------
    UserError
        A file is missing or unusable; the message names it, the value found and the remedy.
    """
    for name, definition in weights.items():
        if isinstance(definition, NetworkWeights):
            _check_images(name, definition, Path(results) / "images" / f"{name}.nc")
        path = getattr(definition, "path", None)
        if not path or not isinstance(definition, FileWeights | NetworkWeights):
            continue
        if not _current(Path(results) / "weights" / f"{name}.nc", Path(path)):
            build(name, definition, seed=0)


def _check_images(name: str, definition: NetworkWeights, read: Path) -> None:
    """Images that the workflow can download may be missing."""
    from aimcsim.weights import cifar10, images

    source = Path(definition.image_source or CIFAR10)
    if source.suffix and not source.is_dir():
        if _current(read, source):
            return
    elif source == Path(CIFAR10) or cifar10.test_file(source):
        return
    try:
        images.read(source, 1, 1)
    except UserError as error:
        raise UserError(f"weights.{name}.images: {error}") from error


def _current(made: Path, source: Path) -> bool:
    """Whether ``made`` was made from ``source`` as it is."""
    exist = source.is_file() and made.is_file()
    return exist and made.stat().st_mtime >= source.stat().st_mtime
