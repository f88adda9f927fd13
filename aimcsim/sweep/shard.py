"""Run one shard: program its cores by both methods and record what happened."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import TypeAdapter

from aimcsim import kernels
from aimcsim.affine import IDENTITY
from aimcsim.config.devices import Device
from aimcsim.config.hardware import Core, Defects, Periphery, Wires
from aimcsim.config.programming import Hadamard, Iterative, OpenLoop
from aimcsim.core import COUNTERS, Cores, UnitCores, manufacture
from aimcsim.errors import UserError
from aimcsim.programming import gdp, hadamard, iterative, open_loop
from aimcsim.programming.cells import Tuning
from aimcsim.programming.outcome import Outcome
from aimcsim.sweep.points import point_id
from aimcsim.sweep.refresh import Refresh
from aimcsim.weights.layout import matrices
from aimcsim.weights.tiles import Tile, normalised, split

ITERATIVE = "iterative"
RUNS_AT_ONCE = 256  # programmed as one batch, at most, unless one tile has more


@dataclass(frozen=True)
class ShardSpec:
    """A shard's description, read from its JSON file."""

    weight_set: str
    seed: int
    cores: np.ndarray  # int (K,), chip instances
    points: list[dict[str, Any]]
    core: Core
    device: Device
    defects: Defects
    wires: Wires
    periphery: Periphery
    iterative: Iterative
    methods: tuple[str, ...]  # beside iterative and GDP, in the order of results
    hadamard: Hadamard
    open_loop: OpenLoop
    backend: str
    text: str
    refresh: Refresh | None = None

    @property
    def baselines(self) -> list[str]:
        """Methods that know no hyperparameter point."""
        return [ITERATIVE, *self.methods]

    @property
    def states(self) -> list[str]:
        """Names of the programmed states of a core: the baselines, then every point."""
        return [*self.baselines, *(point_id(point) for point in self.points)]

    @property
    def corrected(self) -> bool:
        """Whether any state comes with a digital scale and offset per column."""
        return any(point["affine"] != "none" for point in self.points)


def read_spec(path: Path) -> ShardSpec:
    """Read a shard's description; a :class:`UserError` names a file that is none."""
    try:
        return parse_spec(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not a shard description ({error}). Delete it and run the workflow again."
        ) from error


def parse_spec(text: str) -> ShardSpec:
    """A shard's description from the text of its JSON file."""
    content = json.loads(text)
    return ShardSpec(
        content["weight_set"],
        content["seed"],
        np.array(content["cores"]),
        content["points"],
        Core(**content["core"]),
        TypeAdapter(Device).validate_python(content["device"]),
        Defects(**content.get("defects", {})),
        Wires(**content.get("wires", {})),
        Periphery(**content["periphery"]),
        Iterative(**content["iterative"]),
        tuple(content.get("methods", ())),
        Hadamard(**content.get("hadamard", {})),
        OpenLoop(**content.get("open_loop", {})),
        content["backend"],
        text,
        Refresh(**content["refresh"]) if "refresh" in content else None,
    )


@dataclass(frozen=True)
class TileGroup:
    """Tiles of one shape on the shard's cores: U = tiles x cores unit cores, tile-major."""

    tiles: list[Tile]
    targets: np.ndarray  # float32 (U, R, C), uS
    units: UnitCores


def tile_groups(spec: ShardSpec, weights: xr.Dataset, periphery: Periphery) -> list[TileGroup]:
    """Cut a weight set into tiles and manufacture the unit cores that hold them."""
    blocks = [matrix for _, matrix in matrices(weights)]
    by_shape: dict[tuple[int, int], list[Tile]] = {}
    for tile in split(blocks, spec.core.rows, spec.core.columns):
        by_shape.setdefault((tile.rows, tile.columns), []).append(tile)
    # Many tiles are programmed in turns, so that memory does not grow with the matrix.
    most = max(1, RUNS_AT_ONCE // (len(spec.cores) * len(spec.states)))
    turns = [tiles[i : i + most] for tiles in by_shape.values() for i in range(0, len(tiles), most)]
    groups = []
    for tiles in turns:
        normal = np.stack([normalised(tile, blocks) for tile in tiles])
        g_max = spec.device.g_max * spec.core.devices_per_polarity
        targets = np.repeat(normal * np.float32(g_max), len(spec.cores), axis=0)
        units = manufacture(
            spec.seed,
            np.tile(spec.cores, len(tiles)),
            np.repeat([tile.index for tile in tiles], len(spec.cores)),
            targets,
            spec.device,
            periphery,
            kernels.backend(spec.backend),
            spec.core.unit_cell,
            spec.defects,
            spec.wires,
        )
        groups.append(TileGroup(tiles, targets, units))
    return groups


def count_runs(spec: ShardSpec, weights: xr.Dataset) -> int:
    """Programming runs of a shard, the baselines included."""
    blocks = [matrix for _, matrix in matrices(weights)]
    tiles = split(blocks, spec.core.rows, spec.core.columns)
    return len(tiles) * len(spec.cores) * len(spec.states)


def run(
    spec: ShardSpec, weights: xr.Dataset, progress: Callable[[int], None] = lambda runs: None
) -> tuple[xr.Dataset, xr.Dataset]:
    """Program every core of a shard by both methods at every point.

    Returns the record (status, error per iteration, ledger; dims tile, core, state) and the
    programmed conductances (uS, one variable per tile). ``progress`` is called with the number of
    runs just finished.
    """
    groups = tile_groups(spec, weights, spec.periphery)
    tiles = sum(len(group.tiles) for group in groups)
    # Max fill tunes two devices per cell, one after the other.
    rounds = 2 if spec.core.unit_cell == "max_fill" else 1
    longest = max(
        [rounds * spec.iterative.iterations, *(point["iterations"] for point in spec.points)]
    )
    if "hadamard" in spec.methods:
        longest = max(longest, spec.hadamard.iterations)
    shape = (tiles, len(spec.cores), len(spec.states))
    record = {
        "status": np.full(shape, -1, np.int8),
        "error_per_iteration": np.full((*shape, longest), np.nan, np.float32),
        "spent_per_iteration": np.full((*shape, longest, len(COUNTERS)), np.nan),
        "cell_reads": np.zeros(shape, np.int64),
        "mvms": np.zeros(shape, np.int64),
        "pulses": np.zeros(shape, np.int64),
        "set_pulses": np.zeros(shape, np.int64),
        "pulse_current": np.zeros(shape),
    }
    if spec.refresh:
        record |= spec.refresh.empty(shape)
    conductances = {}
    for group in groups:
        states, affine = _program_group(spec, group, record, progress)
        for row, tile in enumerate(group.tiles):
            names = (f"row_{tile.index:04d}", f"column_{tile.index:04d}")
            conductances[f"conductance_{tile.index:04d}"] = (
                ("core", "state", "device", *names),
                states[row],
                {"units": "uS", "long_name": f"programmed conductances of tile {tile.index}"},
            )
            if spec.corrected:
                conductances[f"affine_{tile.index:04d}"] = (
                    ("core", "state", "correction", names[1]),
                    affine[row],
                    {"long_name": "scale, 1, and offset, uS x input, behind each column"},
                )
    coordinates = {"core": spec.cores, "state": spec.states}
    attributes = {"shard": spec.text, "weight_set": spec.weight_set}
    return (
        _record_dataset(record, tiles, coordinates, attributes, spec.refresh),
        xr.Dataset(conductances, coordinates, attributes),
    )


def _program_group(spec, group: TileGroup, record, progress) -> tuple[np.ndarray, np.ndarray]:
    """Program one group and fill ``record``.

    Returns states (tile, core, state, D, R, C) and their corrections (tile, core, state, 2, C).
    """
    units, count = group.units, len(group.units.chip)
    grid = (len(group.tiles), len(spec.cores))
    rows = [tile.index for tile in group.tiles]
    per_core = (len(units.polarity), units.rows, units.columns)
    states = np.empty((*grid, len(spec.states), *per_core), np.float32)
    affine = np.empty((*grid, len(spec.states), 2, units.columns), np.float32)
    affine[:] = IDENTITY

    def keep(cores: Cores, outcome: Outcome, columns: list[int]) -> None:
        """File the runs of ``cores`` (tile, core, point) under the states ``columns``."""
        where = np.ix_(rows, range(grid[1]), columns)
        own = (*grid, len(columns))
        record["status"][where] = outcome.status.reshape(own)
        length = outcome.error.shape[1]
        record["error_per_iteration"][..., :length][where] = outcome.error.reshape(*own, length)
        if outcome.spent is not None:
            spent = outcome.spent.reshape(*own, length, len(COUNTERS))
            record["spent_per_iteration"][..., :length, :][where] = spent
        record["cell_reads"][where] = cores.ledger.cell_reads.reshape(own)
        record["mvms"][where] = cores.ledger.mvms.reshape(own)
        record["pulses"][where] = cores.ledger.pulses.reshape(own)
        record["set_pulses"][where] = cores.ledger.set_pulses.reshape(own)
        record["pulse_current"][where] = cores.ledger.pulse_current.reshape(own)
        states[:, :, columns] = cores.true_conductances().reshape(*own, *per_core)
        if outcome.affine is not None:
            affine[:, :, columns] = outcome.affine.reshape(*own, 2, units.columns)
        progress(len(cores))

    def refresh(cores: Cores, outcome: Outcome, columns: list[int], method) -> None:
        if spec.refresh is None:
            return
        where = np.ix_(rows, range(grid[1]), columns)
        for name, values in spec.refresh.run(cores, outcome, group.targets, method).items():
            record[name][where] = values.reshape(*grid, len(columns), *values.shape[1:])

    baseline = Cores(units, np.arange(count))
    tunings = iterative.start(baseline, group.targets, spec.iterative)
    erased = baseline.branch(1)  # prepared, nothing tuned yet
    outcome = iterative.program(baseline, group.targets, spec.iterative, tunings)
    keep(baseline, outcome, [0])
    refresh(baseline, outcome, [0], _verified_again(spec, group, outcome))
    for column, method in enumerate(spec.methods, start=1):
        if method == "open_loop":
            keep(*open_loop.program(units, group.targets, spec.open_loop), [column])
        else:
            cores, verified = _hadamard(spec, group, baseline, outcome, erased, tunings)
            keep(cores, verified, [column])
            refresh(cores, verified, [column], _decoded_again(spec, group, verified))
    for settings, start, columns in _batches(spec, count):
        if start == "iterative":
            cores, current = baseline.branch(len(columns)), outcome.current
            untuned = np.zeros_like(group.targets)
        else:
            cores, current = erased.branch(len(columns)), tunings[0].current
            # At most the whole target: what Max SET Fill left SET has taken its part of it.
            untuned = np.where(tunings[0].cells, group.targets, 0)
        current, device, tunable, untuned = (
            np.repeat(array, len(columns), axis=0)
            for array in (current, outcome.device, outcome.tunable, untuned)
        )
        programmed = gdp.program(
            cores, group.targets, current, settings, spec.iterative.count, device, tunable, untuned
        )
        keep(cores, programmed, columns)
        refresh(cores, programmed, columns, _descended_again(spec, group, programmed, settings))
    return states, affine


def _hadamard(spec, group, baseline, outcome, erased, tunings) -> tuple[Cores, Outcome]:
    """Hadamard-verified programming from where the iterative method ended, or from RESET."""
    fresh = spec.hadamard.start == "reset"
    cores = (erased if fresh else baseline).branch(1)
    return cores, hadamard.program(
        cores, group.targets, tunings[0].current if fresh else outcome.current, outcome.device,
        outcome.tunable, spec.hadamard, spec.iterative, tunings[0].cells if fresh else None,
    )  # fmt: skip


def _decoded_again(spec: ShardSpec, group: TileGroup, outcome: Outcome):
    """Hadamard-verified programming of drifted cells."""
    return lambda cores, loss: hadamard.program(
        cores, group.targets, outcome.current, outcome.device, outcome.tunable, spec.hadamard,
        spec.iterative, again=True,
    )  # fmt: skip


def _verified_again(spec: ShardSpec, group: TileGroup, outcome: Outcome):
    """Iterative programming of drifted cells: the devices and currents of ``outcome``."""
    cells = (np.abs(group.targets) > spec.iterative.count / 2) & outcome.tunable
    tuning = Tuning(outcome.device, cells, outcome.tunable, outcome.current, group.targets)
    return lambda cores, loss: iterative.program(
        cores, group.targets, spec.iterative, [tuning], again=True
    )


def _descended_again(spec: ShardSpec, group: TileGroup, outcome: Outcome, settings):
    """GDP from drifted cells, each off by the expected loss at first."""
    return lambda cores, loss: gdp.program(
        cores, group.targets, outcome.current, settings, spec.iterative.count, outcome.device,
        outcome.tunable, loss, again=True,
    )  # fmt: skip


def _batches(spec: ShardSpec, units: int):
    """Points that can run as one batch: same start, batch size and input distribution.

    Yields (hyperparameters of units x points runs, start, state columns of the points).
    """
    groups: dict[tuple, list[int]] = {}
    for column, point in enumerate(spec.points, start=len(spec.baselines)):
        key = (point["start"], point["batch_size"], point["inputs"])
        groups.setdefault(key, []).append(column)
    for (start, batch_size, distribution), columns in groups.items():
        chosen = [spec.points[column - len(spec.baselines)] for column in columns]

        def values(name: str, chosen=chosen) -> np.ndarray:
            return np.tile(np.array([point[name] for point in chosen]), units)

        settings = gdp.Hyperparameters(
            batch_size=batch_size,
            inputs=distribution,
            iterations=values("iterations"),
            learning_rate=values("learning_rate"),
            noise_threshold=values("noise_threshold"),
            floor=values("floor"),
            floor_slope=values("floor_slope"),
            stopping=values("floor_schedule") == "stopping",
            running=values("estimator") == "running",
            prior=values("prior"),
            target_error=values("target_error"),
            opposite=values("opposite"),
            affine=values("affine") == "column",
        )
        yield settings, start, columns


def _record_dataset(record, tiles: int, coordinates, attributes, refresh) -> xr.Dataset:
    runs = ("tile", "core", "state")
    further = {}
    if refresh is not None:
        for name in refresh.empty(()):
            last = ("refresh_time", "compensation")[: record[name].ndim - len(runs)]
            further[name] = ((*runs, *last), record[name])
        coordinates = coordinates | {"refresh_time": ("refresh_time", refresh.times)}
    return xr.Dataset(
        {
            **further,
            "status": (runs, record["status"]),
            "error_per_iteration": (
                (*runs, "iteration"),
                record["error_per_iteration"],
                {"units": "percent"},
            ),
            "spent_per_iteration": (
                (*runs, "iteration", "counter"),
                record["spent_per_iteration"],
                {"long_name": "used by the time the error was measured"},
            ),
            "cell_reads": (runs, record["cell_reads"], {"units": "unit cells"}),
            "mvms": (runs, record["mvms"], {"units": "MVMs"}),
            "pulses": (runs, record["pulses"], {"units": "pulses"}),
            "set_pulses": (runs, record["set_pulses"], {"units": "pulses"}),
            "pulse_current": (runs, record["pulse_current"], {"units": "RESET currents"}),
        },
        {
            **coordinates,
            "tile": np.arange(tiles),
            "iteration": np.arange(1, record["error_per_iteration"].shape[-1] + 1),
            "counter": list(COUNTERS),
        },
        attributes,
    )
