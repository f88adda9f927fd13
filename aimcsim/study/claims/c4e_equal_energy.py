"""C4e: C4 at equal programming energy, against the most accurate of the other algorithms."""

from typing import ClassVar

from aimcsim.study.claims import CLAIMS
from aimcsim.study.claims.accuracy_gain import GainAtEqualCost


@CLAIMS.register("C4e")
class GainAtEqualEnergy(GainAtEqualCost):
    """See the base class."""

    quantity: ClassVar = "energy"
