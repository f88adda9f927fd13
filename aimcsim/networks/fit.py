"""Do images belong to a network?"""

import numpy as np

from aimcsim.common.errors import UserError
from aimcsim.networks.execute import ExactProducts, run
from aimcsim.networks.graph import Network


def require_fit(
    name: str, network: Network, shape: tuple[int, ...], largest_label: int, source: str
) -> None:
    """Raise :class:`UserError` where images are not those of network ``name``.

    ``shape`` of one image, ``largest_label``: the last class that occurs, ``source``: their file.
    """
    if shape != network.input_shape:
        raise UserError(
            f"weights.{name}.images: {source} has images of shape {shape}, but the network takes "
            f"{network.input_shape}. Give images of that shape."
        )
    blank = np.zeros((1, *shape), np.float32)
    with np.errstate(all="ignore"):
        classes = run(network, blank, ExactProducts(network)).shape[1]
    if largest_label >= classes:
        raise UserError(
            f"weights.{name}.images: {source} has images of the class {largest_label}, but the "
            f"network has {classes} scores: classes 0 to {classes - 1}. Count classes from 0, or "
            "give its own images."
        )
