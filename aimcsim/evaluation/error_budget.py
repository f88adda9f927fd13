"""Error budget: the MVM error that each effect alone would leave, and that of all together.

Everything is judged as in :mod:`aimcsim.evaluation.judge`, on the same fresh inputs and after the
same global scale. "On targets" means a core whose conductances are exactly its targets: the whole
target on the first device of its polarity, all other devices at 0. Where targets are not in
proportion to the weights, as they are clipped or for a time to come (core.clip_sigmas,
core.target_time), effects alone are of the outputs of these targets; that they are out of
proportion counts as ``programming``, and at a time after programming as ``drift``.

Of the unit core, whatever was programmed (on targets, all other effects off):

- ``read_noise``: white read noise of the devices, drawn anew at each MVM
- ``converters``: the DAC's range, the ADC's steps, range and noise. The DAC's steps are part of the
  ideal product, as in the MVM error, so they count only where its range is not 1.
- ``columns``: gain and offset of the columns
- ``wires``: the wires' resistance

Of the unit core at a time (on targets, exact products):

- ``drift``: conductances drifted since programming
- ``slow_read_noise``: the slow (1/f) read noise of conductances that have not drifted

Of each programmed state, right after programming:

- ``programming``: the programmed conductances, exact products: the held error
- ``stuck``: the part of that in cells with a stuck device; all other cells on targets
- ``seen``: the programmed conductances behind the core's own columns and wires, without noise and
  steps; behind the digital scales and offsets as well, where a state comes with them
- ``together``: everything: the MVM error

Independent effects add up in squares, apart from what the global scale takes back. Programming
sees columns and wires, and moves the conductances to make up for them: so programming, columns and
wires are not independent, and together leave less than their squares say. ``seen`` is those three
as they come, and does add up with read noise and converters. ``stuck`` is part of ``programming``
and no further summand; at a time after programming ``slow_read_noise`` takes the place of
``read_noise``.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from aimcsim.chip.core import UnitCores
from aimcsim.chip.drift import Ageing
from aimcsim.chip.periphery import Columns
from aimcsim.chip.settings import Wires
from aimcsim.common.arrays import to_host
from aimcsim.evaluation.judge import Judge
from aimcsim.evaluation.variables import AGEING, ALONE, OF_STATE, SEEN

FINE = 24  # bits: steps of a thousandth of a percent of the outputs, exact in single precision


def budget_coordinates(times: Sequence[float]) -> dict[str, list[str]]:
    """Names of the parts along the dimensions of the variables of :func:`budget_of`."""
    ageing = {"ageing": list(AGEING)} if len(times) else {}
    return {"effect": list(ALONE), "part": list(OF_STATE), **ageing}


def budget_of(judge: Judge, times: Sequence[float]) -> dict[str, np.ndarray]:
    """The budget of a group, percent, per unit core.

    ``error_budget_alone`` (U, effect), ``error_budget_of_state`` (U, state, part), and with times
    ``error_budget_ageing`` (U, time, ageing). An effect that is off has 0.
    """
    units, targets = judge.units, on_targets(judge.units, to_host(judge.group.targets))
    own = judge.of_targets()
    nothing = np.zeros(len(targets))
    alone = []
    for effect in ALONE:
        only = with_only(units, (effect,), judge.group.targets)
        alone.append(nothing if only is None else own.errors(only, targets)[:, 0])
    states = judge.start
    programming, together = (judge.programmed[name] for name in ("held_error", "mvm_error"))
    seeing = with_only(units, SEEN, judge.group.targets)
    seen = programming if seeing is None else judge.errors(seeing, states, judge.affine)
    stuck = np.zeros(states.shape[:2])
    if units.stuck is not None:
        cells = ~np.isnan(to_host(units.stuck)).all(axis=1)  # (U, R, C), with a stuck device
        there = cells[:, None, None]
        stuck = own.exact_errors(np.where(there, states, targets))
    found = {
        "error_budget_alone": np.stack(alone, axis=-1),
        "error_budget_of_state": np.stack([programming, stuck, seen, together], axis=-1),
    }
    if len(times):
        ageing = Ageing(units, targets, judge.laws)
        moments = [
            [
                judge.exact_errors(ageing.at(time, index).drifted)[:, 0],
                own.exact_errors(ageing.at(time, index, drifts=False).read)[:, 0],
            ]
            for index, time in enumerate(times)
        ]
        found["error_budget_ageing"] = np.transpose(moments, (2, 0, 1))
    return found


def on_targets(units: UnitCores, targets: np.ndarray) -> np.ndarray:
    """Conductances that are exactly ``targets`` (U, R, C), uS: float32 (U, 1, D, R, C)."""
    exact = np.zeros((len(targets), 1, len(units.polarity), *targets.shape[1:]), np.float32)
    exact[:, 0, 0] = np.maximum(targets, 0)
    exact[:, 0, units.devices_per_polarity] = np.maximum(-targets, 0)
    return exact


def with_only(units: UnitCores, effects: Sequence[str], targets: np.ndarray) -> UnitCores | None:
    """The unit cores with some effects of ``ALONE``, and no others; None where all are off."""
    settings = units.periphery
    converting = {
        "periphery": settings.model_copy(
            update={"adc_bits": FINE, "adc_noise": 0.0, "dac_range": 1.0}
        ),
        # Well beyond any output, whatever the columns' gains and a programmed state add.
        "full_scale": (4 * np.abs(targets).sum(axis=1).max(axis=1) + units.full_scale).astype("f4"),
    }
    perfect = {
        "device": units.model.read_silently(),
        "converters": Columns(*(np.full_like(units.converters.gain, fill) for fill in (1, 0))),
        "wires": Wires(),
        **converting,
    }
    shift = units.full_scale / perfect["full_scale"]  # offsets are in full scales
    columns = Columns(units.converters.gain, units.converters.offset * shift[:, None])
    known = {
        "read_noise": (units.model.noisy_reads, {"device": units.device}),
        "converters": (True, {name: getattr(units, name) for name in converting}),
        "columns": (max(settings.gain_spread, settings.column_offset) > 0, {"converters": columns}),
        "wires": (units.wires.on, {"wires": units.wires}),
    }
    acting = [known[effect][1] for effect in effects if known[effect][0]]
    for changes in acting:
        perfect |= changes
    return dataclasses.replace(units, **perfect) if acting else None
