"""Bad weight files are found before any work starts."""

from collections.abc import Container, Mapping

from aimcsim.weights.registry import WeightSet


def check_files(
    weights: Mapping[str, WeightSet],
    built: Container[str] = (),
    images_read: Container[str] = (),
) -> None:
    """Read every file that the workflow has not read in its present state.

    ``built``, ``images_read``: names of the weight sets that it has built, and read the images of,
    from the files as they are.

    Raises
    ------
    UserError
        A file is missing or unusable; the message names it, the value found and the remedy.
    """
    for name, definition in weights.items():
        definition.check(name, name in built, name in images_read)
