"""Targets drawn with the published programming error of conventional programming: no loop is run.

What a study of the chip that knows statistics alone would take for its programmed state; beside the
simulated loops it shows how far the device model is from the chip. Each target becomes itself plus
a normal deviation of the published size (:func:`aimcsim.physics.state_statistics.open_loop`).
Statistics were measured on devices of their own largest conductance; ours is met by share: a target
at a tenth of our g_max gets the error at a tenth of theirs, scaled by the ratio of the two.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np

from aimcsim.chip.core import Cores, UnitCores
from aimcsim.chip.drift import open_loop
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core
from aimcsim.common.arrays import to_host
from aimcsim.common.section import key
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming.method import METHODS, Method, Programmed, Start
from aimcsim.programming.outcome import Outcome, Status


@METHODS.register("open_loop")
class OpenLoop(Method):
    """Targets drawn with a published programming error: no loop, no pulses, nothing read."""

    label: ClassVar = "published error"
    sees: ClassVar = "nothing: no loop is run"
    goes_on: ClassVar = False

    statistics: Literal["hermes_odp", "hermes_tdp", "pcm_90nm"] = key(
        "hermes_odp",
        "Published programming error that targets are drawn with, at the same "
        "share of the largest conductance.",
        source="aihwkit's HermesNoiseModel; Joshi et al., Nat. Commun. 11, 2473, 2020",
    )

    def longest(self, core: Core) -> int:
        return 1

    def check(self, core: Core, periphery: Periphery) -> None:
        if core.unit_cell != "odp" and self.statistics == "hermes_odp":
            raise ValueError(
                f"statistics hermes_odp is that of one-device cells; with core.unit_cell "
                f"{core.unit_cell} use hermes_tdp"
            )

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        (settings,) = points
        return Programmed(*program(start.cores.units, targets, settings), None)


def program(units: UnitCores, targets: np.ndarray, settings: OpenLoop) -> tuple[Cores, Outcome]:
    """Every unit core with drawn conductances for ``targets`` (U, R, C), uS, and an empty ledger.

    The outcome has one iteration, which measured nothing, and status ``reached``: there is no loop
    that could end otherwise. Stuck devices stay where they are stuck.
    """
    laws, targets = BY_NAME[settings.statistics], to_host(targets)
    share = np.float32(laws.g_max / units.g_max)
    drawn = open_loop(units, targets * share, laws)[:, 0]
    others = np.full_like(drawn, units.model.g_reset)
    half = len(units.polarity) // 2
    first = np.zeros(drawn.shape, bool)
    first[:, 0], first[:, half] = targets > 0, targets < 0
    states = np.where(first, drawn / share, others)
    if units.stuck is not None:
        stuck = to_host(units.stuck)
        states = np.where(np.isnan(stuck), states, stuck)
    runs = len(targets)
    cores = Cores(units, np.arange(runs), states)
    outcome = Outcome(
        np.full((runs, 1), np.nan, np.float32),
        np.full(runs, Status.REACHED, np.int8),
        np.zeros(targets.shape, np.float32),
        np.zeros(targets.shape, np.int8),
        np.ones(targets.shape, bool),
    )
    return cores, outcome
