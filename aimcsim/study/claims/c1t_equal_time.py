"""C1t: C1 at equal programming time, against the best tuned of the other algorithms."""

from typing import ClassVar

from aimcsim.study.claims import CLAIMS
from aimcsim.study.claims.smaller_error import SmallerErrorAtEqualCost


@CLAIMS.register("C1t")
class SmallerErrorAtEqualTime(SmallerErrorAtEqualCost):
    """See the base class."""

    quantity: ClassVar = "time"
