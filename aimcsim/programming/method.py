"""What a programming method is, and the registry of all.

A method is one class in one file: its fields are its hyperparameters, its function ``program`` is
its law. It knows a core only through its ports (:class:`aimcsim.chip.core.Cores`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import getattr_static
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from aimcsim.chip.core import Cores
from aimcsim.chip.devices.interface import Device, DeviceModel
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core
from aimcsim.common.registry import Registry
from aimcsim.common.section import Section
from aimcsim.programming.cells import Tuning, prepare
from aimcsim.programming.outcome import Outcome

RESET, BASELINE = "reset", "baseline"  # values of a method's key ``start`` that are no names

# No key of a method can be called so: in studies and in results these are something else.
TAKEN = frozenset(
    (
        "algorithm", "label", "method", "points", "run", "weight_set", "tile", "core",
        "iteration", "time", "compensation", "conductance", "phase", "part", "effect", "ageing",
        "counter", "refresh_time", "rows", "columns", "scale", "target_rms", "strongest_column",
        "cells", "published_spread", "zero_columns",
        "matrix", "status", "error_per_iteration", "spent_per_iteration", "cell_reads", "mvms",
        "pulses", "set_pulses", "pulse_current", "mvm_error", "held_error", "weight_error",
        "saturation", "saturated", "saturated_reads", "mvm_saturation", "read_saturation",
        "tuning_pulses", "calibrated_error", "programming_error_mean", "programming_error_spread",
        "error_over_time", "held_over_time", "open_loop_error", "error_budget_alone",
        "error_budget_ageing", "error_budget_of_state", "programming_time",
        "programming_energy", "time_per_iteration", "energy_per_iteration", "drifted_error",
        "refreshed_error", "refresh_status", "refresh_cell_reads", "refresh_mvms",
        "refresh_pulses", "refresh_set_pulses", "refresh_pulse_current", "refresh_duration",
        "refresh_energy", "error", "excess", "own_best", "chosen", "shared",
    )
)  # fmt: skip

Again = Callable[[Cores, np.ndarray], Outcome]
"""Programs drifted cores (N runs) again; expected losses of their cells (N, R, C), uS."""


@dataclass(frozen=True)
class Start:
    """A state of U unit cores that a method goes on from; arrays are (U, R, C)."""

    cores: Cores
    """One run per unit core. A method branches it and leaves it as it is."""
    device: np.ndarray
    """int8, index of the device of each cell that is to be tuned."""
    tunable: np.ndarray
    """bool, cells whose device may be tuned."""
    current: np.ndarray
    """float32, RESET currents: last used on, or known to suit, that device. Of an accumulating
    device the SET pulses since its last RESET."""
    untuned: np.ndarray
    """float32, uS, how far each cell is known to be from its target as nothing was tuned yet."""
    first: np.ndarray | None = None
    """bool, cells that want a first pulse of ``current``; None: none do."""
    tunings: tuple[Tuning, ...] = ()
    """What is to be tuned, one device of a cell after the other, where nothing is tuned yet."""

    @classmethod
    def fresh(cls, cores: Cores, targets: np.ndarray) -> "Start":
        """Prepare RESET cells for ``targets`` (U, R, C), uS: all but the devices to tune are set.

        See :mod:`aimcsim.programming.cells`.
        """
        tunings = prepare(cores, targets)
        first, device = tunings[0], tunings[0].device
        for tuning in tunings[1:]:
            device = np.where(tuning.cells, tuning.device, device)
        # At most the whole target: what Max SET Fill left SET has taken its part of it.
        untuned = np.where(first.cells, targets, 0)
        return cls(
            cores, device, tunings[-1].tunable, first.current, untuned, first.cells, tuple(tunings)
        )

    @classmethod
    def after(cls, cores: Cores, outcome: Outcome) -> "Start":
        """Where a method has left ``cores``, one run per unit core."""
        untuned = np.zeros_like(outcome.current)
        return cls(cores, outcome.device, outcome.tunable, outcome.current, untuned)

    def repeated(self, copies: int) -> "Start":
        """``copies`` runs for each unit core, next to each other."""
        device, tunable, current, untuned = (
            np.repeat(array, copies, axis=0)
            for array in (self.device, self.tunable, self.current, self.untuned)
        )
        first = None if self.first is None else np.repeat(self.first, copies, axis=0)
        return Start(self.cores.branch(copies), device, tunable, current, untuned, first)


@dataclass(frozen=True)
class Programmed:
    """Runs of a method on U unit cores at its points, in the order unit core, point."""

    cores: Cores
    outcome: Outcome
    again: Again | None
    """Programs them after drift; None: the method has no loop to run again."""


class Footprint(NamedTuple):
    """Bytes that a method needs beside the states of the cores."""

    of_unit: int = 0
    """Per unit core: inputs and ideal outputs."""
    of_run: int = 0
    """Per run: its outputs."""
    scratch: int = 0


class Method(Section):
    """Base of every method. Fields are its hyperparameters, each a single value here; a study
    gives each a value or a list of values.

    A method that goes on from another has a field ``start``: ``baseline``, the name of another
    method of the study with a single setting, or ``reset``. One without it starts from prepared
    cells.
    """

    label: ClassVar[str] = ""
    """Its name in figures and texts; empty: the name that a study gives it."""
    sees: ClassVar[str] = "error as measured through the ports"
    """What the error of each iteration, as recorded, is the error of."""
    role: ClassVar[Literal["baseline", "subject"] | None] = None
    """What it is in a study that names no methods; None: it is not in that study."""
    default_study: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Entries of the default study by this algorithm, by name, as a configuration would have them:
    what differs from the defaults. That with a role is called as the algorithm."""
    alike: ClassVar[tuple[str, ...] | None] = None
    """Keys in which points have to agree to be programmed as one batch; None: one at a time."""
    goes_on: ClassVar[bool] = True
    """Whether another method can start where it ended."""
    reads_cells: ClassVar[bool] = True
    """Whether it reads unit cells, each by itself."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if cls.longest is Method.longest:
            raise TypeError(f"{cls.__name__} has no method 'longest'")
        if getattr_static(cls, "program") is getattr_static(Method, "program"):
            raise TypeError(f"{cls.__name__} has no class method 'program'")
        for name in cls.model_fields:
            if name in TAKEN or hasattr(Method, name):
                raise TypeError(
                    f"{cls.__name__} has a key '{name}', which means something else in studies or "
                    "results; call the key otherwise"
                )

    @property
    def begins_at(self) -> str:
        """Where it starts: ``reset``, ``baseline`` or the name of another method."""
        return getattr(self, "start", RESET)

    @property
    def corrects(self) -> bool:
        """Whether its states come with a digital scale and offset per column."""
        return False

    @property
    def limited(self) -> bool:
        """Whether it keeps to a limit of time or energy, and so depends on the study's ``cost``."""
        return False

    @property
    def drawn_by(self) -> str:
        """Published statistics that its states are drawn by; empty: they are programmed."""
        return ""

    def longest(self, core: Core) -> int:
        """Iterations that a run can have, at most."""
        raise NotImplementedError

    def footprint(self, rows: int, columns: int) -> Footprint:
        """What a run on one tile needs beside its states."""
        return Footprint()

    @property
    def accepted_within(self) -> float:
        """How far from its target a cell may read to be left alone, g_max; inf: it is not read."""
        return np.inf

    @property
    def orthogonal_batch(self) -> int:
        """MVMs of an iteration with orthogonal inputs; 0: none, or whole passes."""
        return 0

    @property
    def mean_square(self) -> float:
        """Mean square of the inputs of its MVMs, full-scale inputs squared; 0: it makes none."""
        return 0.0

    @property
    def inputs_key(self) -> str:
        """The key that sets ``mean_square``, with its value."""
        return ""

    def check(self, core: Core, device: Device, periphery: Periphery) -> None:
        """Raise a ValueError, ``<key> <value> ...; <remedy>``, where it does not fit the chip."""

    def never_fires(self, core: Core, device: Device, periphery: Periphery) -> str:
        """Why it fires no pulse after its first measurement, ``<key> <value>: ...``; empty: it
        may. ``device`` is free of files."""
        return ""

    @classmethod
    def refuses(cls, device: DeviceModel) -> str:
        """Why it cannot program ``device``, with the remedy; empty: it can."""
        return ""

    @classmethod
    def unused_on(cls, device: DeviceModel) -> tuple[str, ...]:
        """Keys that change nothing on ``device``."""
        return ()

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        """Program every unit core at every point, from ``start``.

        Parameters
        ----------
        points : settings that agree in the keys ``alike``
        start : one run per unit core, to be branched
        targets : float32 (U, R, C), uS
        """
        raise NotImplementedError


METHODS: Registry[type[Method]] = Registry("method", "aimcsim.programming", Method)


def values_of(points: Sequence[Any], name: str, units: int) -> np.ndarray:
    """A key of ``points`` for all runs, (units x points,), in the order unit core, point."""
    return np.tile(np.array([getattr(point, name) for point in points]), units)
