"""C4t: C4 at equal programming time, against the most accurate of the other algorithms."""

from typing import ClassVar

from aimcsim.study.claims import CLAIMS
from aimcsim.study.claims.accuracy_gain import GainAtEqualCost


@CLAIMS.register("C4t")
class GainAtEqualTime(GainAtEqualCost):
    """See the base class."""

    quantity: ClassVar = "time"
