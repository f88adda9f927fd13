"""C1e: C1 at equal programming energy, against the best tuned of the other algorithms."""

from typing import ClassVar

from aimcsim.study.claims import CLAIMS
from aimcsim.study.claims.smaller_error import SmallerErrorAtEqualCost


@CLAIMS.register("C1e")
class SmallerErrorAtEqualEnergy(SmallerErrorAtEqualCost):
    """See the base class."""

    quantity: ClassVar = "energy"
