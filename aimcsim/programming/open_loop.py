"""Targets drawn with the published programming error of conventional programming: no loop is run.

What a study of the chip that knows statistics alone would take for its programmed state; beside the
simulated loops it shows how far the device model is from the chip. Each target becomes itself plus
a normal deviation of the published size at the same share of g_max
(:func:`aimcsim.chip.drift.open_loop`): the state that ``open_loop_error`` over time starts from.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from aimcsim.chip.core import Cores, UnitCores
from aimcsim.chip.devices.interface import Device
from aimcsim.chip.drift import open_loop
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core
from aimcsim.chip.statistics import laws_on, misfit
from aimcsim.common.arrays import to_host
from aimcsim.common.section import key
from aimcsim.physics.state_statistics import StatisticsName
from aimcsim.programming.method import METHODS, Method, Programmed, Start
from aimcsim.programming.outcome import Outcome, Status


@METHODS.register("open_loop")
class OpenLoop(Method):
    """Targets drawn with a published programming error: no loop, no pulses, nothing read."""

    label: ClassVar = "published error"
    sees: ClassVar = "nothing: no loop is run"
    goes_on: ClassVar = False
    reads_cells: ClassVar = False

    statistics: StatisticsName = key(
        "hermes_odp",
        "Published programming error that targets are drawn with, at the same "
        "share of the largest conductance.",
        source="aihwkit's HermesNoiseModel; Joshi et al., Nat. Commun. 11, 2473, 2020",
    )

    def longest(self, core: Core) -> int:
        return 1

    @property
    def drawn_by(self) -> str:
        return self.statistics

    def check(self, core: Core, device: Device, periphery: Periphery) -> None:
        if problem := misfit(self.statistics, device, core.unit_cell):
            raise ValueError(f"statistics {problem}")

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        (settings,) = points
        return Programmed(*program(start.cores.units, targets, settings), None)


def program(units: UnitCores, targets: np.ndarray, settings: OpenLoop) -> tuple[Cores, Outcome]:
    """Every unit core with drawn conductances for ``targets`` (U, R, C), uS, and an empty ledger.

    The outcome has one iteration, which measured nothing, and status ``reached``: there is no loop
    that could end otherwise. Stuck devices stay where they are stuck.
    """
    laws = laws_on(settings.statistics, units.device, units.unit_cell)
    states = open_loop(units, to_host(targets), laws)[:, 0]
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
