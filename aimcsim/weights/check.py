"""Bad weight files are found before any work starts."""

from collections.abc import Mapping
from pathlib import Path

from aimcsim.common.errors import UserError
from aimcsim.networks import images
from aimcsim.networks.cifar10 import SHAPE, test_file
from aimcsim.weights.dataset import build
from aimcsim.weights.settings import CIFAR10, FileWeights, NetworkWeights, WeightSet


def check_files(weights: Mapping[str, WeightSet], results: Path) -> None:
    """Read every file that the workflow has not read in its present state.

    Raises
    ------
    UserError
        A file is missing or unusable; the message names it, the value found and the remedy.
    """
    for name, definition in weights.items():
        made = Path(results) / "weights" / f"{name}.nc"
        if isinstance(definition, NetworkWeights):
            _check_network(name, definition, made, Path(results) / "images" / f"{name}.nc")
        elif isinstance(definition, FileWeights) and not _current(made, Path(definition.path)):
            build(name, definition, seed=0)


def _check_network(name: str, definition: NetworkWeights, made: Path, read: Path) -> None:
    """The model, the images, and that they fit together."""
    built = None
    if definition.path is not None and not _current(made, Path(definition.path)):
        built = build(name, definition, seed=0)
    if definition.image_source is None:
        return
    source = Path(definition.image_source)
    seen = _image_shape(name, source, None if built else read)
    if seen is None:
        return
    wanted = SHAPE
    if definition.path is not None:
        from aimcsim.networks.dataset import network_of  # slow to import

        wanted = network_of(built or build(name, definition, seed=0)).input_shape
    if seen != wanted:
        raise UserError(
            f"weights.{name}.images: {source} has images of shape {seen}, but the network takes "
            f"{wanted}. Give images of that shape."
        )


def _image_shape(name: str, source: Path, read: Path | None) -> tuple[int, ...] | None:
    """Shape of one image; None where the workflow has ``read`` the source in its present state.

    Images that the workflow can download may be missing.
    """
    file = source if source.is_file() else test_file(source)
    if file is not None and read is not None and _current(read, file):
        return None
    if (source.is_dir() and file is not None) or source == Path(CIFAR10):
        return SHAPE
    try:
        return images.read(source, 1, 1)["test_images"].shape[1:]
    except UserError as error:
        raise UserError(f"weights.{name}.images: {error}") from error


def _current(made: Path, source: Path) -> bool:
    """Whether ``made`` was made from ``source`` as it is."""
    exist = source.is_file() and made.is_file()
    return exist and made.stat().st_mtime >= source.stat().st_mtime
