"""What the runs of a shard leave behind: how each went, and the conductances it ended with."""

import numpy as np
import xarray as xr

from aimcsim.chip.column_correction import IDENTITY
from aimcsim.chip.core import COUNTERS
from aimcsim.common.arrays import to_host
from aimcsim.evaluation import refresh
from aimcsim.mapping.tiles import Tile
from aimcsim.programming.outcome import Status
from aimcsim.shards.groups import TileGroup
from aimcsim.shards.runs import coordinates_of
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.methods import Part

RUNS = ("tile", "core", "run")
# As in the ledger of the cores.
USED = {
    "cell_reads": ("unit cells", "unit cells read"),
    "mvms": ("MVMs", "MVMs while programming"),
    "pulses": ("pulses", "pulses fired, of any kind"),
    "set_pulses": ("pulses", "of these, full SETs"),
    "saturated": ("conversions", "MVM conversions at an end of the ADC's range"),
    "saturated_reads": ("conversions", "cell reads at an end of the ADC's range"),
    "pulse_current": ("RESET currents", "currents of all but full SETs, added up"),
}
STATUS = {
    "units": "1",
    "long_name": "why the run ended",
    "flag_values": np.array([int(value) for value in Status], np.int8),
    "flag_meanings": " ".join(value.name.lower() for value in Status),
}


class Record:
    """Arrays over all runs of a shard, filled part by part."""

    def __init__(self, spec: ShardSpec, tiles: list[Tile], ran: str):
        """``ran``: what programs the runs, see :class:`aimcsim.kernels.interface.Kernels`."""
        self.spec, self.ran = spec, ran
        self.tiles = len(tiles)
        shape = (self.tiles, len(spec.cores), len(spec.runs))
        self.status = np.full(shape, -1, np.int8)
        self.error = np.full((*shape, spec.longest), np.nan, np.float32)
        self.spent = np.full((*shape, spec.longest, len(COUNTERS)), np.nan)
        self.used: dict[str, np.ndarray] = {name: np.zeros(shape, np.int64) for name in USED}
        self.used["pulse_current"] = np.zeros(shape)
        self.refreshed = refresh.empty(spec.refresh, shape) if spec.refresh else {}
        # Per tile (core, run, D, R, C), uS, and (core, run, 2, C).
        self.conductances: dict[int, np.ndarray] = {}
        self.affine: dict[int, np.ndarray] = {}
        devices = 2 * spec.core.devices_per_polarity
        for tile in tiles:
            cell = (devices, tile.rows, tile.columns)
            self.conductances[tile.index] = np.empty((*shape[1:], *cell), np.float32)
            self.affine[tile.index] = np.empty((*shape[1:], 2, tile.columns), np.float32)
            self.affine[tile.index][:] = IDENTITY

    def file(self, group: TileGroup, part: Part) -> None:
        """File the runs of ``part``."""
        outcome, cores = part.programmed.outcome, part.programmed.cores
        ledger = cores.ledger
        where = self._where(group, part)
        length = outcome.error.shape[1]
        self.status[where] = self._grid(group, part, outcome.status)
        # Targets that are all zero give a relative error nothing to be relative to.
        held = to_host(group.targets.any(axis=(1, 2)))[cores.unit, None]
        error = np.where(held, outcome.error, np.nan)
        self.error[..., :length][where] = self._grid(group, part, error)
        if outcome.spent is not None:
            self.spent[..., :length, :][where] = self._grid(group, part, outcome.spent)
        for name, values in self.used.items():
            values[where] = self._grid(group, part, getattr(ledger, name))
        conductances = self._grid(group, part, to_host(cores.true_conductances()))
        within = np.ix_(group.cores, part.columns)
        for tile, values in zip(group.tiles, conductances, strict=True):
            self.conductances[tile.index][within] = values
        if outcome.affine is not None:
            affine = self._grid(group, part, outcome.affine)
            for tile, values in zip(group.tiles, affine, strict=True):
                self.affine[tile.index][within] = values

    def file_refreshed(self, group: TileGroup, part: Part, found: dict[str, np.ndarray]) -> None:
        """File what :func:`.refreshed` found for the runs of ``part``."""
        for name, values in found.items():
            self.refreshed[name][self._where(group, part)] = self._grid(group, part, values)

    def _where(self, group: TileGroup, part: Part) -> tuple[np.ndarray, ...]:
        rows = [tile.index for tile in group.tiles]
        return np.ix_(rows, group.cores, part.columns)

    def _grid(self, group: TileGroup, part: Part, values: np.ndarray) -> np.ndarray:
        """(N, ...) to (tile, core, column, ...)."""
        grid = (len(group.tiles), len(group.cores), len(part.columns))
        return values.reshape(*grid, *values.shape[1:])

    def runs(self) -> xr.Dataset:
        """Status, error and ledger per iteration, ledger, and what refreshing found, per run."""
        variables: dict[str, tuple] = {}
        coordinates = self._coordinates()
        for name, values in self.refreshed.items():
            last = ("refresh_time", "compensation")[: values.ndim - len(RUNS)]
            variables[name] = ((*RUNS, *last), values, refresh.LABELS[name])
        if self.spec.refresh:
            coordinates["refresh_time"] = (
                "refresh_time",
                list(self.spec.refresh.times),
                {"units": "s", "long_name": "time after programming, when programmed again"},
            )
        variables["status"] = (RUNS, self.status, STATUS)
        variables["error_per_iteration"] = (
            (*RUNS, "iteration"),
            self.error,
            {
                "units": "percent",
                "long_name": "error per iteration as measured through the ports",
                "comment": "each method by its own measure; NaN once a run has stopped, and where "
                "all weights are zero",
            },
        )
        variables["spent_per_iteration"] = (
            (*RUNS, "iteration", "counter"),
            self.spent,
            {"long_name": "used by the time the error was measured"},
        )
        for name, (units, text) in USED.items():
            variables[name] = (RUNS, self.used[name], {"units": units, "long_name": text})
        coordinates |= {
            "tile": np.arange(self.tiles),
            "iteration": np.arange(1, self.spec.longest + 1),
            "counter": list(COUNTERS),
        }
        return xr.Dataset(variables, coordinates, self._attributes())

    def states(self) -> xr.Dataset:
        """Programmed conductances, uS, a variable per tile; and digital corrections, if any."""
        variables: dict[str, tuple] = {}
        for index, values in self.conductances.items():
            row, column = f"row_{index:04d}", f"column_{index:04d}"
            variables[f"conductance_{index:04d}"] = (
                ("core", "run", "device", row, column),
                values,
                {"units": "uS", "long_name": f"programmed conductances of tile {index}"},
            )
            if self.spec.corrected:
                variables[f"affine_{index:04d}"] = (
                    ("core", "run", "correction", column),
                    self.affine[index],
                    {"long_name": "scale, 1, and offset, uS x input, behind each column"},
                )
        return xr.Dataset(variables, self._coordinates(), self._attributes())

    def _coordinates(self) -> dict:
        return {"core": self.spec.cores, **coordinates_of(self.spec.runs)}

    def _attributes(self) -> dict[str, str]:
        return {"shard": self.spec.text, "weight_set": self.spec.weight_set, "backend": self.ran}
