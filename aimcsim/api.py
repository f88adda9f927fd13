"""Programmed cores from Python: no workflow, no files, NumPy and xarray in and out.

    cores = aimcsim.program(weights, chips=4, seed=1)
    y = x @ cores                    # MVMs on every chip
    cores.error()                    # percent, by chip
    cores.at(86400.0).error()        # a day later

The stages of the workflow call the same functions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from aimcsim.chip import column_correction
from aimcsim.chip.core import Cores
from aimcsim.chip.devices.interface import Device
from aimcsim.chip.devices.registry import DEFAULT, DEVICES
from aimcsim.chip.drift import Ageing
from aimcsim.chip.periphery import to_dac_grid
from aimcsim.chip.statistics import age_otherwise, fitting, laws_on
from aimcsim.common.errors import UserError
from aimcsim.common.random import Phase
from aimcsim.common.threads import single_threaded
from aimcsim.config.load import from_mapping
from aimcsim.config.methods import of_role
from aimcsim.config.models import Config
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import draws_of, matrices, matrix_variables
from aimcsim.programming.method import BASELINE, METHODS, RESET, Method
from aimcsim.shards.groups import TileGroup, tile_groups
from aimcsim.shards.runs import Run
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.resolve import core_of, settled, settled_backend
from aimcsim.sweep.shard import run as run_shard

__all__ = ["ProgrammedCores", "program"]

_COMPENSATION = "global"
MOST_COUNT = 100_000  # chips of one call, as of a study
MOST_CHIPS = 2**32  # a chip's number is a 32-bit word of the addresses of its random draws
_ANY = {"any": {"kind": "gaussian"}}  # a study has weights; these are never drawn


def program(
    weights: ArrayLike | Mapping[str, ArrayLike] | xr.Dataset,
    method: str | Method = "",
    chips: int | Sequence[int] = 1,
    seed: int = 1,
    *,
    start: str | Method = BASELINE,
    core: Mapping[str, Any] | None = None,
    device: Mapping[str, Any] | None = None,
    defects: Mapping[str, Any] | None = None,
    wires: Mapping[str, Any] | None = None,
    periphery: Mapping[str, Any] | None = None,
    backend: str = "cpu",
    **settings: Any,
) -> "ProgrammedCores":
    """Program matrices into the cores of simulated chips.

    Parameters
    ----------
    weights : a matrix (inputs, outputs), or several by name, or a weight set as the workflow keeps
        it; any real type, no unit. A matrix larger than a core is cut into tiles. Of a weight set
        with several draws chip k holds draw k, counted round.
    method : name of an algorithm (``aimcsim.programming``: gdp, iterative, ...), ``mine.py:Mine``,
        or a :class:`Method`; empty: that of the default study
    chips : how many chip instances, or their numbers; each has devices and converters of its own
    seed : of every random draw; the same arguments give the same bits
    start : of a method that goes on from another: that method; ``baseline``: that of the default
        study; or ``reset``: prepared cells
    core, device, defects, wires, periphery : keys of these sections of the configuration that
        differ from its defaults, see config/default.yaml
    backend : ``cpu``, ``gpu`` or ``reference``
    settings : hyperparameters of the method that differ from its defaults

    Raises
    ------
    UserError
        A key or value is wrong; the message names it and the remedy.
    """
    dataset, numbers = _dataset(weights), _chips(chips)
    asked = _method("method", method or of_role("subject"), settings)
    sections = {"core": core, "device": device, "defects": defects, "wires": wires}
    config, run = _study(
        asked,
        start,
        {"seed": seed, "execution": {"backend": backend}, "periphery": periphery, **sections},
    )
    spec = ShardSpec(
        "weights",
        {},
        config.seed,
        core_of(config),
        config.device,
        config.defects,
        config.wires,
        config.periphery,
        settled_backend([config]),
        cost=config.cost if run.settings.limited else None,
        cores=numbers,
        runs=(run,),
    )
    with single_threaded():
        record, states = run_shard(spec, dataset)
    return ProgrammedCores(spec, dataset, record, states)


@dataclass(frozen=True, eq=False, repr=False)
class ProgrammedCores:
    """Cores that hold weights, on one or more chips. ``x @ cores`` multiplies on all of them."""

    spec: ShardSpec
    """The chips and how they were programmed."""
    weights: xr.Dataset
    """The matrices they hold."""
    record: xr.Dataset
    """How programming went: status, error per iteration, reads, MVMs and pulses used."""
    states: xr.Dataset
    """Programmed conductances, uS."""
    time: float | None = None
    """s after programming; None: right after it."""
    statistics: str = ""
    """Published statistics of drift and slow read noise that ``time`` goes by."""

    __array_ufunc__ = None  # NumPy leaves x @ cores to __rmatmul__

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {matrix.shape}" for name, matrix in matrices(self.weights))
        age = "" if self.time is None else f", {self.time:g} s after programming"
        (run,) = self.spec.runs
        return f"<ProgrammedCores: {shapes}; by {run.method}; {len(self.spec.cores)} chips{age}>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_cores"}

    def mvm(self, x: ArrayLike, matrix: int | str = 0) -> np.ndarray:
        """Multiply inputs by a matrix on every chip, through its converters and with read noise.

        Parameters
        ----------
        x : (inputs,) or (batch, inputs), full-scale inputs: what lies outside [-1, 1] is clipped
        matrix : its number among the matrices programmed, or its name

        Returns
        -------
        float32 (chips, outputs) or (chips, batch, outputs), in units of the weights. Each call
        draws new noise.
        """
        known = matrices(self.weights)
        names = [name for name, _ in known]
        if isinstance(matrix, str) and matrix in names:
            matrix = names.index(matrix)
        if isinstance(matrix, str):
            raise UserError(f"matrix '{matrix}': there is none; there are {', '.join(names)}.")
        if not isinstance(matrix, (int, np.integer)) or isinstance(matrix, bool):
            raise UserError(f"matrix: got {matrix!r}; give its number or its name.")
        if not 0 <= matrix < len(known):
            raise UserError(f"matrix {matrix}: there are {len(known)}, numbered from 0.")
        inputs, outputs = known[matrix][1].shape
        try:
            values = np.asarray(x)
        except ValueError:
            raise UserError("x: holds rows of several lengths. Give (batch, inputs).") from None
        batch = np.atleast_2d(values)
        if values.ndim > 2 or batch.shape[1] != inputs:
            raise UserError(
                f"x has the shape {values.shape}; matrix {matrix} takes ({inputs},) or (batch, "
                f"{inputs})."
            )
        if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
            raise UserError("x: holds values that are not finite real numbers. Replace them.")
        with np.errstate(over="ignore"):  # clipped like all beyond full scale
            batch = batch.astype(np.float32)
        converters = self.spec.periphery
        driven = to_dac_grid(batch, converters.dac_bits, converters.dac_range)
        total = np.zeros((len(self.spec.cores), len(batch), outputs), np.float32)
        with single_threaded():
            for group, cores, corrections in self._cores:
                self._add_products(total, driven, matrix, group, cores, corrections)
        return total if values.ndim == 2 else total[:, 0]

    def __rmatmul__(self, x: ArrayLike) -> np.ndarray:
        """``x @ cores``: :meth:`mvm` with the first matrix."""
        return self.mvm(x)

    def at(self, time: float, statistics: str = "") -> "ProgrammedCores":
        """The same cores ``time`` seconds after programming: drifted, with slow read noise.

        ``statistics`` names published statistics; empty: those of the device and unit cell in use,
        and of cores drawn by published statistics those.

        Raises
        ------
        UserError
            The time is before t0 of the statistics, or they are not those of these cores.
        """
        (run,) = self.spec.runs
        drawn_by = run.settings.drawn_by
        name = statistics or drawn_by or _fitting(self.spec.device, self.spec.core.unit_cell)
        how = _evaluation(self.spec, times=[time], statistics=name)
        if problem := drawn_by and age_otherwise(drawn_by, how.statistics):
            raise UserError(f"statistics {problem}.")
        return replace(self, time=how.times[0], statistics=how.statistics)

    def error(self, inputs: int = 2048) -> xr.DataArray:
        """MVM error of every chip, percent, (core,): see :mod:`aimcsim.evaluation.judge`.

        Over ``inputs`` fresh random inputs, after one global scale per core; of several tiles the
        mean, weighted by their cells. Tiles that hold nothing but zeros have none and do not count.
        """
        found = self._evaluated(inputs)
        if self.time is None:
            errors = found["mvm_error"]
        else:
            errors = found["error_over_time"].sel(compensation=_COMPENSATION).isel(time=0)
        errors = errors.isel(run=0)
        empty = (found["zero_columns"] == found["columns"]) & errors.isnull()
        cells = (found["rows"] * found["columns"]).where(~empty)
        mean = (errors * cells).sum("tile") / cells.sum("tile")
        return mean.reset_coords(drop=True).assign_attrs(units="percent", long_name="MVM error")

    def to_dataset(self, inputs: int = 2048) -> xr.Dataset:
        """All that is known of these cores: how they were programmed, conductances and errors."""
        with_time = {} if self.time is None else {"time": self.time}
        found = [self.record, self.states, self._evaluated(inputs)]
        joined = xr.merge(found, compat="override", combine_attrs="drop_conflicts")
        return joined.assign_attrs({"shard": self.spec.text, **with_time})

    def _evaluated(self, inputs: int) -> xr.Dataset:
        times = [] if self.time is None else [self.time]
        statistics = self.statistics or _fitting(self.spec.device, self.spec.core.unit_cell)
        settings = _evaluation(self.spec, inputs=inputs, times=times, statistics=statistics)
        with single_threaded():
            return evaluate(self.states, self.weights, settings).errors

    @cached_property
    def _cores(self) -> list[tuple[TileGroup, Cores, np.ndarray | None]]:
        """Tiles of one shape with their cores, tile by tile and chip by chip, as MVMs meet them."""
        found = []
        for group in tile_groups(self.spec, self.weights, self.spec.periphery):
            names = [f"{tile.index:04d}" for tile in group.tiles]
            states = self._of(names, "conductance")
            assert states is not None
            units = group.units
            if self.time is not None:
                laws = laws_on(self.statistics, units.device, units.unit_cell)
                ageing = Ageing(units, states[:, None], laws)
                states = ageing.at(self.time, 0).read[:, 0]
                units = replace(units, device=units.model.read_silently())
            cores = Cores(units, np.arange(len(units.chip)), states, Phase.INFERENCE)
            found.append((group, cores, self._of(names, "affine")))
        return found

    def _of(self, names: list[str], variable: str) -> np.ndarray | None:
        """A variable of the states for some tiles, (tile x chip, ...); None where it is missing."""
        if f"{variable}_{names[0]}" not in self.states:
            return None
        values = [self.states[f"{variable}_{name}"].isel(run=0).values for name in names]
        return np.concatenate(values)

    def _add_products(
        self,
        total: np.ndarray,
        driven: np.ndarray,
        matrix: int,
        group: TileGroup,
        cores: Cores,
        corrections: np.ndarray | None,
    ) -> None:
        """Add what the pieces of a matrix in a group of tiles give, (chips, batch, outputs)."""
        chips = len(self.spec.cores)
        for position, tile in enumerate(group.tiles):
            runs = np.arange(position * chips, (position + 1) * chips)
            for number, piece in enumerate(tile.pieces):
                if piece.matrix != matrix:
                    continue
                (rows, columns), (at_rows, at_columns) = piece.source, piece.place
                x = np.zeros((1, len(driven), tile.rows), np.float32)
                x[0, :, at_rows] = driven[:, rows]
                y = cores.mvm(x, runs, np.zeros(chips, np.intp))
                if corrections is not None:
                    column_correction.apply(corrections[runs], y)
                scales = [chip.tiles[tile.index].pieces[number].scale for chip in group.held]
                own = group.per_weight[position][:, number].astype(np.float32)[:, None, None]
                total[:, :, columns] += y[:, :, at_columns] * (np.stack(scales)[:, None] / own)


def _dataset(weights: ArrayLike | Mapping[str, ArrayLike] | xr.Dataset) -> xr.Dataset:
    """Matrices as a weight set."""
    dataset = weights if isinstance(weights, xr.Dataset) else _named(weights)
    known = [one for draw in range(draws_of(dataset)) for one in matrices(dataset, draw)]
    if not known:
        raise UserError("weights: no matrix. Give one, or several by name.")
    for name, matrix in known:
        if not np.isfinite(matrix).all():
            raise UserError(f"{name}: holds values that are not finite. Replace them.")
    for draw in range(draws_of(dataset)):
        own = matrices(dataset, draw)
        if not any(matrix.any() for _, matrix in own):
            names = ", ".join(name for name, _ in own)
            raise UserError(f"{names}: all weights are zero. There is nothing to program.")
    return dataset


def _named(weights: ArrayLike | Mapping[str, ArrayLike]) -> xr.Dataset:
    named = weights if isinstance(weights, Mapping) else {"weights": weights}
    arrays = {}
    for name, given in named.items():
        try:
            matrix = np.asarray(given)
        except ValueError:  # rows of several lengths
            matrix = np.empty(0, object)
        if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind not in "fiub":
            raise UserError(
                f"{name}: a matrix (inputs, outputs) of real numbers is needed; this has the shape "
                f"{matrix.shape} and the type {matrix.dtype}."
            )
        if not str(name) or str(name) in arrays:
            raise UserError(f"weights: the name {name!r} is empty, or given twice. Change it.")
        if np.ma.isMaskedArray(given):
            raise UserError(f"{name}: has a mask, which no core knows. Fill it.")
        arrays[str(name)] = matrix
    with np.errstate(over="ignore"):  # what does not fit 32 bits is infinite, and is refused
        return xr.Dataset(matrix_variables(arrays.items()))


def _chips(chips: int | Sequence[int]) -> np.ndarray:
    """Numbers of the chip instances."""
    try:
        numbers = np.asarray(chips)
    except ValueError:  # lists of several lengths
        numbers = np.empty(0)
    count = numbers.dtype.kind in "iu" and numbers.ndim == 0
    if count and 0 < numbers <= MOST_COUNT:
        return np.arange(int(numbers))
    if count and numbers > MOST_COUNT:
        raise UserError(f"chips: got {chips!r}; give {MOST_COUNT} at most, or their numbers.")
    whole = numbers.dtype.kind in "iu" and numbers.ndim == 1 and numbers.size > 0
    if not whole or numbers.min() < 0 or len(np.unique(numbers)) < len(numbers):
        raise UserError(
            f"chips: got {chips!r}; give how many, or their numbers, from 0 on and each once."
        )
    if numbers.max() >= MOST_CHIPS:  # beyond, addresses of random draws would repeat
        raise UserError(f"chips: got {numbers.max()}; numbers go up to {MOST_CHIPS - 1}.")
    return numbers.astype(int)


def _method(role: str, method: str | Method, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A method as a study gives it: its algorithm and its settings."""
    if isinstance(method, Method):
        if settings:
            raise UserError(f"{next(iter(settings))}: the method given has settings of its own.")
        kinds = (name for name, kind in METHODS.items() if kind is type(method))
        known = next(kinds, None)
        if known is None:
            raise UserError(
                f"{role}: {type(method).__name__} has no name. Give 'file.py:"
                f"{type(method).__name__}' and its settings, or register the class in "
                "aimcsim.programming.method.METHODS."
            )
        return {"algorithm": known, **method.model_dump()}
    if not isinstance(method, str) or METHODS.load(method) is None:
        raise UserError(
            f"{role}: got {method!r}; choose from {', '.join(METHODS)}, or name a class of yours "
            "as 'mine.py:Mine'."
        )
    for key, value in settings.items():
        if key == "algorithm":
            raise UserError(f"algorithm: got {value!r}; name it as the method.")
        if key == "samples" or isinstance(value, Mapping):
            raise UserError(
                f"{key}: got {value!r}; give one value. Several settings are for a study, see "
                "config/default.yaml."
            )
    return {"algorithm": method, **settings}


def _study(
    asked: Mapping[str, Any], start: str | Method, sections: Mapping[str, Any]
) -> tuple[Config, Run]:
    """The study of one method, checked as every study is, and the run of that method.

    Methods are called as their algorithms are, so that runs are those of such a study.
    """
    baseline, subject = of_role("baseline"), of_role("subject")
    own = re.sub(r"\W", "", asked["algorithm"].rpartition(":")[2]).strip("_") or "method"
    methods: dict[str, Mapping[str, Any]] = {baseline: {}}
    if isinstance(start, Method) or start not in (RESET, BASELINE):
        other = _method("start", start, {})
        before = re.sub(r"\W", "", other["algorithm"].rpartition(":")[2]).strip("_")
        before = f"{before}_before" if before in (own, "") else before
        methods |= {before: other, own: {**asked, "start": before}}
    else:
        methods[own] = asked if start == BASELINE else {**asked, "start": start}
    if own == baseline:
        methods[subject] = {"start": BASELINE}  # never run; every unit cell takes such a start
    else:
        subject = own
    given = {name: section for name, section in sections.items() if section is not None}
    kind = DEVICES.load(str(_key(given, "device", "model", DEFAULT))) or Device
    cell = _key(given, "core", "unit_cell", "odp")
    evaluation = {"times": [], "statistics": _fitting(kind, cell)}
    roles = {"baseline": baseline, "subject": subject}
    study = {"weights": _ANY, "methods": methods, **roles, "evaluation": evaluation, **given}
    config = settled(from_mapping(study, "aimcsim.program"))
    runs = [run for run in config.runs() if run.method == own]
    if len(runs) > 1:
        swept = next(key for key, value in asked.items() if isinstance(value, (list, tuple)))
        raise UserError(f"{swept}: got {asked[swept]!r}; give one value.")
    return config, runs[0]


def _key(sections: Mapping[str, Any], section: str, key: str, default: Any) -> Any:
    """A key of a section that is not checked yet."""
    keys = sections.get(section)
    return keys.get(key, default) if isinstance(keys, Mapping) else default


def _evaluation(spec: ShardSpec, **keys: Any) -> Evaluation:
    """How cores are judged, checked as in a study of the same chips."""
    sections = ("seed", "core", "device", "defects", "wires", "periphery")
    chips = {name: spec.content[name] for name in sections}
    methods = {of_role("baseline"): {}, of_role("subject"): {"start": BASELINE}}
    study = {"weights": _ANY, "methods": methods, **chips, "evaluation": keys}
    return from_mapping(study, "ProgrammedCores").evaluation


def _fitting(device: Device | type[Device], unit_cell: str) -> str:
    """Name of the published statistics that fit a device and unit cell; none: of the default."""
    return next(iter(fitting(device, unit_cell)), Evaluation().statistics)
