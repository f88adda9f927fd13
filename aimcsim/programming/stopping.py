"""When a run has nothing left to do, and how its dead band tightens as the end nears.

A pulse is a draw from a distribution of width s, a device may be redrawn in each of the n rounds
left, and the last draw stays. With an error density near zero of 1 / (s sqrt(2 pi)), the expected
squared error V under the best rule obeys dV/dn = -(4/3) V**1.5 / (s sqrt(2 pi)); redrawing pays
where the error exceeds sqrt(V), which is s / (1 + 0.266 n).
"""

import numpy as np

STOPPING_RATE = 2 / (3 * np.sqrt(2 * np.pi))  # 0.266, per round left
QUIET_ITERATIONS = 3  # without any pulse, after which a run has nothing left to correct
