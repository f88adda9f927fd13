"""What a memory device is to a study, to the core, and to a programming rule.

A device has settings (:class:`Device`), which a study gives, and a law (:class:`DeviceModel`),
which the settings make. Both stand in one file, which registers the settings; a user's own device
is such a file outside the package.

The core draws a population of devices and fires pulses at them. A programming rule gets what a
data sheet of the average device would tell, and nothing of the devices drawn.

Two kinds. A *current-controlled* device is set by the current of its last pulse, nearly whatever
was before. An *accumulating* one goes up by SET pulses of one kind and comes back by RESET alone.
Both have a nominal curve of the average device over one abscissa: the current, or the number of
SET pulses since RESET.
"""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeGuard, cast

import numpy as np

from aimcsim.common.section import Section, key
from aimcsim.kernels.interface import Kernels, Pulses

RESET_CURRENT = 1.0
SET_PULSE = -1.0  # what the pulse port takes for a SET in place of a current


class Effect(NamedTuple):
    """A non-ideality, as a row of the report's table."""

    name: str
    on: bool
    detail: str


class Device(Section):
    """Settings of a memory device: what every device has, a user's own included.

    A device of the package registers itself in :data:`aimcsim.chip.devices.registry.DEVICES`. One
    of a user's lies in a file of theirs and is chosen by ``device: {model: "mine.py:Mine", ...}``::

        class Mine(Device):
            g_max: float = key(10.0, "Conductance of a weight of 1.", unit="uS", gt=0)
            slope: float = key(20.0, "Conductance per current.", unit="uS", gt=0)
            read_noise: float = key(0.02, "Read noise per conductance.", unit="1", ge=0)

            def make_law(self) -> "MyModel":
                return MyModel(self)

    Every value must be hashable: a tuple in place of a list.
    """

    on_gpu: ClassVar[bool] = False
    """Whether :meth:`DeviceModel.pulse` runs on the arrays of a CUDA device."""
    unit_cells: ClassVar[tuple[str, ...]] = ("odp",)
    """Values of ``core.unit_cell`` that the device can be used in."""
    statistics: ClassVar[tuple[str, ...]] = ()
    """Published statistics that were measured on such devices; empty: any."""

    model: str = key(..., "Device law: its name, or file.py:Class of a device of one's own.")

    if TYPE_CHECKING:  # each device states them itself, in their place among its keys
        g_max: float
        """Conductance that a normalised weight of 1 is mapped to (one device), uS."""
        read_noise: float
        """Standard deviation of a read, relative to the conductance."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        for name in ("g_max", "read_noise"):
            if name not in cls.model_fields:
                raise TypeError(f"{cls.__name__} has no key '{name}'")
        if cls.make_law is Device.make_law:
            raise TypeError(f"{cls.__name__} has no method 'make_law'")

    def law(self) -> "DeviceModel":
        """Law and data sheet of the device; one object for equal settings.

        Raises
        ------
        UserError
            No law follows from these settings, such as from an unusable table.
        """
        return _law_of(self.resolved() if self.files() else self)

    def make_law(self) -> "DeviceModel":
        """The law, made anew: what a device has to state. Ask for it by :meth:`law`."""
        raise NotImplementedError

    def resolved(self) -> "Device":
        """The same device free of files, whose numbers it holds instead.

        Raises
        ------
        UserError
            A file is missing or unusable.
        """
        return self

    def files(self) -> tuple[Path, ...]:
        """Files that :meth:`resolved` reads."""
        return ()

    def disagreements(self) -> list[str]:
        """What of its settings cannot be meant together, each ``<key> <value> ...; <remedy>``."""
        return []

    def nonidealities(self) -> list[Effect]:
        """What of the device is not ideal: its read noise, after what each device has beside it."""
        floor = getattr(self, "read_floor", 0.0)  # uS
        detail = f"{100 * self.read_noise:g} % of the conductance"
        detail += f" + {floor:g} uS" if floor else ""
        detail += ", independent at each read and MVM"
        return [Effect("Device read noise", max(self.read_noise, floor) > 0, detail)]


_FLAT = 1e-6  # RESET currents per uS, keeps responses above 0 where a curve ends


@lru_cache(maxsize=64)
def _law_of(settings: Device) -> "DeviceModel":
    return settings.make_law()


class Law(Protocol):
    """Devices drawn, a dataclass of arrays (U, D, R, C): at least these two."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def g_reset(self) -> np.ndarray:
        """After a full RESET, uS."""

    @property
    def g_set(self) -> np.ndarray:
        """The most that SET can reach, uS."""


class DeviceModel(Protocol):
    """A device law with its settings."""

    settings: Any
    accumulates: bool

    @property
    def g_reset(self) -> float:
        """Mean conductance after RESET, uS."""

    @property
    def read_floor(self) -> float:
        """Standard deviation of a read at zero conductance, uS, beside ``settings.read_noise``."""

    @property
    def noisy_reads(self) -> bool:
        """Whether reads have any noise of the devices."""
        return self.settings.read_noise > 0 or self.read_floor > 0

    def read_silently(self) -> Any:
        """Settings of the same device without read noise."""

    def draw(
        self,
        kernels: Kernels,
        seed: int,
        chip: np.ndarray,
        tile: np.ndarray,
        shape: tuple[int, int, int],
    ) -> Law:
        """Devices of U unit cores; ``shape`` is (devices per cell, rows, columns)."""

    def pulse(self, kernels: Kernels, law: Any, pulses: Pulses) -> tuple[np.ndarray, np.ndarray]:
        """Fire at devices of ``law``, which ``draw`` gave.

        Returns int64 (n, 2), RESET (or melt-quench) pulses and SET pulses, and float64 (n,), their
        currents above 0 added up, RESET currents.
        """


class CurrentSheet(Protocol):
    """Data sheet of a current-controlled device: a larger current, a lower conductance."""

    @property
    def lowest(self) -> float:
        """Current below which nothing more changes, RESET currents."""

    @property
    def highest(self) -> float:
        """Current of a full RESET, RESET currents."""

    def nominal_current(self, conductance: np.ndarray) -> np.ndarray:
        """Current that brings the average device to ``conductance`` (uS), RESET currents."""

    def scatter(self, conductance: np.ndarray) -> np.ndarray:
        """Standard deviation from pulse to pulse, on one device about ``conductance``, uS."""


class PulseSheet(Protocol):
    """Data sheet of an accumulating device; ``count`` is SET pulses since RESET."""

    @property
    def g_reset(self) -> float:
        """Mean conductance after RESET, uS."""

    def nominal(self, count: np.ndarray) -> np.ndarray:
        """Conductance of the average device, uS."""

    def spread(self, count: np.ndarray) -> np.ndarray:
        """Standard deviation of that over devices and repetitions, uS."""

    def nominal_count(self, conductance: np.ndarray) -> np.ndarray:
        """SET pulses from RESET to ``conductance`` (uS) for the average device; inf: never."""

    def after_set(
        self, g: np.ndarray, count: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the next SET pulse takes devices now at ``g`` (uS), before any clip.

        Returns mean and standard deviation (uS) of the conductance after it, and how much of a
        deviation from ``g`` is left in it (1).
        """


def response(sheet: CurrentSheet, conductance: np.ndarray, over: float) -> np.ndarray:
    """By how much the average device's current falls per conductance about ``conductance``, uS.

    float32, RESET currents per uS, above 0, over +-``over`` uS.
    """
    low = sheet.nominal_current(np.maximum(conductance - over, 0))
    high = sheet.nominal_current(conductance + over)
    width = np.minimum(conductance, over) + over
    return np.maximum((low - high) / width, _FLAT).astype(np.float32)


class CurrentModel(DeviceModel, CurrentSheet, Protocol):
    """Law and data sheet of a current-controlled device."""


def by_current(model: DeviceModel) -> TypeGuard[CurrentModel]:
    """Whether the device is a current-controlled one; the other kind accumulates."""
    return not model.accumulates


def current_sheet(model: DeviceModel) -> CurrentSheet:
    """Data sheet of a current-controlled device."""
    assert by_current(model)
    return model


def pulse_sheet(model: DeviceModel) -> PulseSheet:
    """Data sheet of an accumulating device."""
    assert not by_current(model)
    return cast(PulseSheet, model)


def fire(
    kernels: Kernels, pulses: Pulses, after: Callable[..., np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Change the devices that are fired at, in plain NumPy.

    ``after(own, state, is_set, noise, current)`` returns their conductances after the pulse, uS:
    ``own`` and ``state`` index arrays (U, D, R, C) and (N, D, R, C), ``is_set`` is bool, ``noise``
    standard normal. Returns what :meth:`DeviceModel.pulse` does.
    """
    cells = pulses.current[0].size if len(pulses.current) else 0
    noise = kernels.normals(pulses.quench, cells).reshape(pulses.current.shape)
    fired = np.nonzero(pulses.current)
    n, row, column = fired
    run, device = pulses.runs[n], pulses.device[fired]
    state, own = (run, device, row, column), (pulses.unit[run], device, row, column)
    is_set = pulses.current[fired] < 0
    pulses.g[state] = after(own, state, is_set, noise[fired], pulses.current[fired])
    count = np.stack(
        [np.bincount(n[kind], minlength=len(pulses.runs)) for kind in (~is_set, is_set)]
    )
    total = np.maximum(pulses.current, 0).sum(axis=(1, 2), dtype=float)
    return count.T.astype(np.int64), total


def count_pulses(count: np.ndarray, state: tuple, is_set: np.ndarray) -> np.ndarray:
    """SET pulses since RESET before this pulse, float32; ``count`` goes on."""
    before = count[state]
    more = np.minimum(before, np.iinfo(count.dtype).max - 1) + count.dtype.type(1)
    count[state] = np.where(is_set, more, 0)
    return before.astype(np.float32)
