"""Programming again after drift: what a method makes of its own cores, some time later.

At each time, the programmed states drift by published statistics (:mod:`aimcsim.chip.drift`), each
polarity of a cell with its own exponent, and the method programs them again on the ports, towards
the same targets and within the same budget. It remembers of each cell the device it tuned last and
that device's current; how long ago that was, and what the data sheet says about drift. (Targets
drawn with a published error have no loop to run again.) Times are independent of each other: each
refreshes what was programmed at the start.

Judged right then, before and after, on the inputs and by the definition of the MVM error right
after programming. Simplifications: reading has the white noise of programming and not the slow
noise of that age; and nothing drifts between the new pulses and judging, although the devices
pulsed now drift afresh from then on and the others go on as they were.
"""

import numpy as np

from aimcsim.chip.column_correction import apply
from aimcsim.chip.core import COUNTERS, Cores, UnitCores, blocks
from aimcsim.chip.drift import Ageing
from aimcsim.chip.inputs import driven, requested_inputs
from aimcsim.chip.statistics import laws_on
from aimcsim.common.random import Phase
from aimcsim.evaluation.mvm_error import COMPENSATIONS, mvm_errors
from aimcsim.physics.state_statistics import StateStatistics, drifted
from aimcsim.programming.method import Programmed
from aimcsim.shards.spec import RefreshSettings

BEFORE, AFTER, STATUS = "drifted_error", "refreshed_error", "refresh_status"
USED = tuple(f"refresh_{name}" for name in COUNTERS)
LABELS = {
    BEFORE: {"units": "percent", "long_name": "MVM error after drift, before programming again"},
    AFTER: {"units": "percent", "long_name": "MVM error after programming again"},
    STATUS: {"units": "1", "long_name": "why programming again ended"},
    "refresh_cell_reads": {"units": "unit cells", "long_name": "unit cells read to program again"},
    "refresh_mvms": {"units": "MVMs", "long_name": "MVMs to program again"},
    "refresh_pulses": {"units": "pulses", "long_name": "pulses fired to program again"},
    "refresh_set_pulses": {"units": "pulses", "long_name": "of these, full SETs"},
    "refresh_pulse_current": {
        "units": "RESET currents", "long_name": "currents of all but full SETs, added up",
    },
}  # fmt: skip
_TIMES_FROM_BIT = 20  # of the quantity's word: draws of another time are others


def empty(settings: RefreshSettings, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Arrays for the record of runs ``shape``: the variables over times (and compensations)."""
    shape = (*shape, len(settings.times))
    errors = (*shape, len(COMPENSATIONS))
    return {
        BEFORE: np.full(errors, np.nan, np.float32),
        AFTER: np.full(errors, np.nan, np.float32),
        STATUS: np.full(shape, -1, np.int8),
        **{name: np.zeros(shape) for name in USED},
    }


def refreshed(
    settings: RefreshSettings, programmed: Programmed, targets: np.ndarray, wanted: np.ndarray
) -> dict[str, np.ndarray]:
    """Let every run drift and be programmed again, by the method that programmed it.

    ``targets``, and what products are ``wanted`` of, (U, R, C), uS; runs are in the order of unit
    cores, as many for each. Returns the variables of :func:`empty` for these runs, (N, times, ...).
    """
    cores, outcome, program = programmed.cores, programmed.outcome, programmed.again
    assert program is not None
    units = cores.units
    laws = laws_on(settings.statistics, units.device, units.unit_cell)
    judge = _Judge(units, wanted, settings.inputs)
    states = cores.true_conductances()
    states = states.reshape(len(units.chip), -1, *states.shape[1:])
    ageing, found = Ageing(units, states, laws), empty(settings, (len(cores),))
    for index, time in enumerate(settings.times):
        later = ageing.at(time, index).drifted
        again = cores.later(later.reshape(-1, *later.shape[2:]), phase_of(index))
        found[BEFORE][:, index] = judge.errors(again, outcome.affine)
        loss = expected_loss(laws, targets[cores.unit], time)
        renewed = program(again, loss)
        found[AFTER][:, index] = judge.errors(again, renewed.affine)
        found[STATUS][:, index] = renewed.status
        counts = again.ledger.counts(np.arange(len(again)))
        for column, name in enumerate(USED):
            found[name][:, index] = counts[:, column]
    return found


class _Judge:
    """MVM error of states right now, with each compensation, (N, compensations), percent."""

    def __init__(self, units: UnitCores, wanted: np.ndarray, count: int):
        self.x = requested_inputs(units, "uniform", count, 0, Phase.EVALUATION)
        self.ideal = units.kernels.ideal_products(self.x, np.arange(len(self.x)), wanted)

    def errors(self, cores: Cores, corrections: np.ndarray | None) -> np.ndarray:
        """Some runs at a time, as their outputs together would take most of the memory."""
        kernels = cores.units.kernels
        judged = Cores(cores.units, cores.unit, cores.true_conductances(), Phase.EVALUATION)
        x, found = driven(cores.units.periphery, self.x), []
        for runs in blocks(judged):
            y = judged.mvm(x, runs)
            if corrections is not None:
                apply(kernels.xp.asarray(corrections[runs]), y)
            found.append(mvm_errors(y, self.ideal, judged.unit[runs], kernels))
        return np.concatenate(found)


def phase_of(index: int) -> int:
    """Phase of the draws of programming again at the time ``index``: of no other time's."""
    return int(Phase.REFRESH) + (index << _TIMES_FROM_BIT)


def expected_loss(laws: StateStatistics, targets: np.ndarray, time: float) -> np.ndarray:
    """What a cell at its target loses with the mean drift exponent, float32, uS."""
    magnitude = np.abs(targets)
    mean = laws.drift_mean(magnitude / laws.g_max)
    return (magnitude - drifted(laws, magnitude, mean, time)).astype(np.float32)
