"""Settings that cannot be meant together: one table, which all that reads a study goes through.

A check takes a study and yields what is wrong, each a message that begins with the key and ends
with a remedy. A study that one of the refusing checks finds fault with is refused when it is read
(:func:`aimcsim.config.load.from_mapping`), or, where the numbers of the device are needed, when its
files are (:func:`aimcsim.sweep.resolve.settled`). Warnings are printed by ``aimcsim check`` and
when the workflow starts, and stand in the report. ``config/checks.md`` is the table for readers,
generated from here; bounds of a single key stand with the key, and what has to hold between the
keys of one section with the section.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import erfc, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from aimcsim.chip.devices.interface import pulse_sheet
from aimcsim.chip.inputs import patterns_per_pass
from aimcsim.chip.periphery import UNIFORM_MEAN_SQUARE, WIDEST_CELL
from aimcsim.chip.reach import reach
from aimcsim.chip.statistics import age_otherwise, misfit
from aimcsim.common.errors import UserError
from aimcsim.config.compare import MOST_CASES
from aimcsim.config.design import Range
from aimcsim.physics.crossbar import LARGEST_LOSS, loss_when_even
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming.method import RESET, Method
from aimcsim.weights.check import check_files

if TYPE_CHECKING:
    from aimcsim.config.models import Config

# All ours.
MOST_RUNS, MOST_JOBS = 5_000_000, 100_000  # 250 s and 1 GB; 75 s and 1.4 GB, measured
LARGEST_SATURATION = 0.01  # of conversions at an end of the range
SMALLEST_BATCH = 1 / 4  # of a pass of orthogonal inputs
LARGEST_REST = 0.1  # of g_max, after RESET; with a half of it there is no RESET
LARGEST_SHARE = 1 / 4  # of devices that do not reach g_max; a half of them: none is meant to

Needs = Literal["settings", "device", "files"]
Test = Callable[["Config"], Iterator[str]]


@dataclass(frozen=True)
class Check:
    """One entry of the table."""

    name: str
    refuses: bool
    """Whether a study with that is refused; else there is a warning."""
    needs: Needs
    """settings: the study as it is written; device: the numbers of its device, free of files;
    files: those of weights and images."""
    test: Test

    @property
    def about(self) -> str:
        """What is checked, in a sentence."""
        return " ".join((self.test.__doc__ or "").split())


CHECKS: dict[str, Check] = {}


def refused(config: "Config", needs: Needs) -> list[str]:
    """What a study is refused for, of the checks that need no more than that."""
    return _found(config, True, needs)


def warnings(config: "Config") -> list[str]:
    """What a study whose device is free of files is warned of."""
    return [*_found(config, False, "settings"), *_found(config, False, "device")]


def _found(config: "Config", refuses: bool, needs: Needs) -> list[str]:
    of_kind = [c for c in CHECKS.values() if c.refuses == refuses and c.needs == needs]
    return [f"{text}." for check in of_kind for text in check.test(config)]


def _check(refuses: bool, needs: Needs = "settings") -> Callable[[Test], Test]:
    def add(test: Test) -> Test:
        CHECKS[test.__name__] = Check(test.__name__, refuses, needs, test)
        return test

    return add


def _once(named: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Of what is said of the settings of each method the first, and how many more there are."""
    said: dict[str, dict[str, None]] = {}
    for method, text in named:
        said.setdefault(method, {})[text] = None
    for method, texts in said.items():
        first, *others = texts
        more = f" (and so with {len(others)} more of its values)" if others else ""
        yield f"methods.{method}.{first}{more}"


@_check(refuses=True)
def few_enough_to_be_planned(config: "Config") -> Iterator[str]:
    """The study, its cases included, has no more runs and jobs than can be planned in minutes."""
    cases = sum(comparison.count() for comparison in config.compare.values())
    settings = sum(entry.settings for entry in config.methods.values())
    runs = (1 + cases) * len(config.weights) * config.cores * settings
    what = f"{config.cores:,} cores x {len(config.weights):,} weight sets x {settings:,} settings"
    what += f", and that for {cases:,} cases too" if cases else ""
    size = config.execution.runs_per_shard
    jobs = (1 + cases) * len(config.weights) * -(-config.cores * settings // size)
    if cases > MOST_CASES:
        yield f"compare: {cases:,} cases; a study has {MOST_CASES:,} at most. Leave some out"
    elif runs > MOST_RUNS:
        yield (
            f"cores {config.cores}: {what}, are {runs:,} programming runs; at most {MOST_RUNS:,} "
            "can be planned. Give fewer of one of them"
        )
    elif jobs > MOST_JOBS:
        yield (
            f"execution.runs_per_shard {size}: {what}, make {jobs:,} jobs; at most {MOST_JOBS:,} "
            "can be planned. Give more runs in each"
        )


@_check(refuses=True)
def unit_cell_of_the_device(config: "Config") -> Iterator[str]:
    """The unit cell is one that the device can be used in."""
    model, scheme = config.device.model, config.core.unit_cell
    if scheme not in config.device.unit_cells:
        yield (
            f"core.unit_cell {scheme} tunes one of two devices by the current of its pulses; with "
            f"device.model {model} use core.unit_cell: odp"
        )


@_check(refuses=True)
def statistics_of_the_device(config: "Config") -> Iterator[str]:
    """Published statistics are of such devices, of as many per polarity as the unit cell has."""
    scheme = config.core.unit_cell
    if scheme not in config.device.unit_cells:
        return
    if problem := misfit(config.evaluation.statistics, config.device, scheme):
        yield f"evaluation.statistics {problem}"


@_check(refuses=True)
def target_time_of_the_statistics(config: "Config") -> Iterator[str]:
    """Targets are chosen by statistics of such devices, for a time at which drift has begun."""
    core = config.core
    if core.target_time is None:
        if core.target_statistics is not None:
            yield (
                f"core.target_statistics {core.target_statistics} changes nothing without "
                "core.target_time. Give a time, or leave it out"
            )
        return
    name = core.target_statistics or config.evaluation.statistics
    own = core.target_statistics is not None and core.unit_cell in config.device.unit_cells
    if own and (problem := misfit(name, config.device, core.unit_cell)):
        yield f"core.target_statistics {problem}"
    if core.target_time < BY_NAME[name].t0:
        yield (
            f"core.target_time {core.target_time:g} s: drift by {name} begins at "
            f"{BY_NAME[name].t0:g} s. Give that or more, or null for right after programming"
        )


@_check(refuses=True)
def statistics_of_one_t0(config: "Config") -> Iterator[str]:
    """States drawn by published statistics age by the same."""

    def found() -> Iterator[tuple[str, str]]:
        for run in config.runs() if config.evaluation.times else ():
            drawn_by = run.settings.drawn_by
            if not drawn_by or misfit(drawn_by, config.device, config.core.unit_cell):
                continue
            if problem := age_otherwise(drawn_by, config.evaluation.statistics):
                yield run.method, f"statistics {problem}"

    yield from _once(found())


@_check(refuses=True)
def refresh_after_t0(config: "Config") -> Iterator[str]:
    """Cores are programmed again at rising times, at which their drift has begun."""
    times, t0 = config.refresh.times, BY_NAME[config.evaluation.statistics].t0
    if list(times) != sorted(set(times)) or any(time < t0 for time in times):
        yield f"refresh.times must rise and be at least t0 of evaluation.statistics, {t0:g} s"


@_check(refuses=False)
def refresh_without_a_target_time(config: "Config") -> Iterator[str]:
    """Cores that are programmed again and judged right then have targets for then."""
    if config.refresh.times and config.core.target_time is not None:
        yield (
            f"refresh.times: cores programmed again are judged right then, and their targets are "
            f"for {config.core.target_time:g} s later (core.target_time): their errors are those "
            "of before that drift. Leave one of the two out"
        )


@_check(refuses=True)
def methods_fit_the_chip(config: "Config") -> Iterator[str]:
    """Every method can start where it is to, and its settings are something to the converters."""

    def found() -> Iterator[tuple[str, str]]:
        for run in config.runs():
            starts_empty = getattr(run.settings, "start", None) == RESET
            if starts_empty and config.core.unit_cell == "max_fill":
                yield (
                    run.method,
                    "start 'reset' leaves the first device of a max_fill cell empty; start from a "
                    "method, or use core.unit_cell: tdp",
                )
            try:
                run.settings.check(config.core, config.device, config.periphery)
            except ValueError as error:
                yield run.method, str(error)

    yield from _once(found())


@_check(refuses=True)
def draws_for_every_chip(config: "Config") -> Iterator[str]:
    """Chips share one matrix, or each has a draw of its own."""
    for name, definition in config.weights.items():
        draws = definition.independent_draws
        if 1 < draws < config.cores:
            yield (
                f"weights.{name}.draws {draws} are fewer than the chips (cores: {config.cores}): "
                "chips that share a draw are no independent sample, and intervals over them would "
                f"be too narrow. Give {config.cores} draws or more, or 1 for intervals of one "
                "matrix"
            )


@_check(refuses=True)
def one_set_of_images(config: "Config") -> Iterator[str]:
    """All cases of a comparison are judged on the images of the study."""
    for name, comparison in config.compare.items():
        for _, _, change in comparison.changes():
            section = change.get("inference")
            changed = section if isinstance(section, Mapping) else {}
            for key in ("images", "calibration"):
                own = getattr(config.inference, key)
                if changed.get(key, own) != own:
                    yield (
                        f"compare.{name} changes inference.{key} to {changed[key]}; all cases "
                        "share the images of the study. Change it there"
                    )


@_check(refuses=True)
def one_compensation_of_all_cases(config: "Config") -> Iterator[str]:
    """Every case is judged with the study's first compensation too, by which cases are compared."""
    first = config.inference.compensation[0]
    for name, comparison in config.compare.items():
        for case, _, change in comparison.changes():
            section = change.get("inference")
            own = section.get("compensation") if isinstance(section, Mapping) else None
            if own is not None and first not in own:
                yield (
                    f"compare.{name}.{case} leaves out '{first}' of inference.compensation, the "
                    "study's first, by which cases are compared. Name it there too"
                )


@_check(refuses=True)
def wires_leave_enough(config: "Config") -> Iterator[str]:
    """Wires swallow no more current than the approximation of them holds for."""
    if not config.wires.on:
        return
    full = config.device.g_max * config.core.devices_per_polarity
    wires, core = config.wires, config.core
    lost = loss_when_even(core.rows, core.columns, full, wires.row, wires.column)
    if lost > LARGEST_LOSS:
        yield (
            f"wires.row {wires.row:g} and wires.column {wires.column:g} Ohm swallow {lost:.0%} of "
            "the current of a core full of devices at g_max; the approximation holds up to "
            f"{LARGEST_LOSS:.0%}. Lower them, or core.rows and core.columns"
        )


@_check(refuses=True)
def reads_reach_g_max(config: "Config") -> Iterator[str]:
    """Reads of unit cells reach the largest target."""
    largest, end = _largest(config), config.periphery.adc_range
    if config.periphery.range_by == "inputs" and end < largest and _reads_cells(config):
        yield (
            f"periphery.adc_range {end:g}: no cell reads more than {end:g} uS, and targets go up "
            f"to {largest:g} uS (device.g_max of the devices of a polarity). Give "
            f"{WIDEST_CELL * largest:.4g} or more, or periphery.range_by: gain"
        )


@_check(refuses=False)
def reads_have_room(config: "Config") -> Iterator[str]:
    """Reads of unit cells at the largest target have room for the spread of gains and devices."""
    largest, end = _largest(config), config.periphery.adc_range
    wanted = WIDEST_CELL * largest
    if config.periphery.range_by == "inputs" and largest <= end < wanted and _reads_cells(config):
        yield (
            f"periphery.adc_range {end:g}: cells at {largest:g} uS (device.g_max of the devices of "
            f"a polarity) read at the end of the range where they are a little above. Give "
            f"{wanted:.4g} or more"
        )


@_check(refuses=False)
def step_finer_than_the_margin(config: "Config") -> Iterator[str]:
    """The step of a cell's reads is finer than the margin in which the cell is accepted."""
    step = _step(config)

    def found() -> Iterator[tuple[str, str]]:
        for run in config.runs():
            margin = run.settings.accepted_within * config.device.g_max
            if step > margin:
                yield (
                    run.method,
                    f"margin {run.settings.accepted_within:g} is {margin:.3g} uS, and a step of "
                    f"cell reads {step:.3g} uS: cells are accepted within what the converter tells "
                    "apart. Give a larger margin, or more periphery.adc_bits",
                )

    yield from _once(found())


@_check(refuses=False)
def conversions_within_the_range(config: "Config") -> Iterator[str]:
    """No more than 1 % of the conversions of the strongest column lie beyond the ADC's range."""
    share = _beyond(config, UNIFORM_MEAN_SQUARE)
    remedy = "Give a larger periphery.adc_range_sigmas"
    if share > LARGEST_SATURATION:
        yield (
            f"periphery.adc_range_sigmas {config.periphery.adc_range_sigmas:g}: up to {share:.1%} "
            f"of the conversions of the strongest columns lie beyond the range of the ADC. {remedy}"
        )
        return

    def found() -> Iterator[tuple[str, str]]:
        for run in config.runs():
            share = _beyond(config, run.settings.mean_square)
            if share > LARGEST_SATURATION:
                yield (
                    run.method,
                    f"{run.settings.inputs_key}: up to {share:.1%} of the conversions of the "
                    "strongest columns lie beyond the range of the ADC while it programs. "
                    f"{remedy}, or use smaller inputs",
                )

    yield from _once(found())


@_check(refuses=False)
def orthogonal_batches_near_a_pass(config: "Config") -> Iterator[str]:
    """Batches of orthogonal inputs are not far smaller than a pass, which tells all rows apart."""
    rows = max(_rows(config, name) for name in config.weights)
    whole = patterns_per_pass(rows)

    def found() -> Iterator[tuple[str, str]]:
        for run in config.runs():
            batch = run.settings.orthogonal_batch
            if not batch:
                continue
            total = batch * run.settings.longest(config.core)
            if batch < SMALLEST_BATCH * whole or total < whole:
                yield (
                    run.method,
                    f"batch_size {batch}: a pass of orthogonal inputs, which tells {rows} rows "
                    f"apart, has {whole}. Give {whole}, or inputs: uniform",
                )

    yield from _once(found())


@_check(refuses=True)
def settings_of_the_device(config: "Config") -> Iterator[str]:
    """The settings of the device agree: of melt_quench the melting current lies below that which
    halves the conductance, and the mean SET conductance between the clips."""
    for problem in config.device.disagreements():
        yield f"device.{problem}"


@_check(refuses=True, needs="device")
def methods_fit_the_device(config: "Config") -> Iterator[str]:
    """Every method can program the device, and sweeps nothing that changes nothing on it."""
    law, model = config.device.law(), f"device.model {config.device.model}"
    for name, entry in config.methods.items():
        problem = entry.method.refuses(law)
        if problem:
            yield f"methods.{name} on a device of {model}: {problem}"
        for key in entry.method.unused_on(law):
            values = getattr(entry, key)
            if isinstance(values, Range) or len(values) > 1:
                many = "a range of" if isinstance(values, Range) else len(values)
                yield (
                    f"methods.{name}.{key}: {many} values, which change nothing on a device "
                    f"of {model}. Give one"
                )


@_check(refuses=True, needs="device")
def devices_reach_g_max(config: "Config") -> Iterator[str]:
    """Half of the devices or more can be programmed to g_max."""
    missed, most = _missed(config)
    if missed > 1 / 2:
        yield (
            f"device.g_max {config.device.g_max:g}: {missed:.0%} of the devices cannot be "
            f"programmed to that; half of them reach {most:.3g} uS. Give a lower g_max"
        )


@_check(refuses=False, needs="device")
def most_devices_reach_g_max(config: "Config") -> Iterator[str]:
    """Three quarters of the devices or more can be programmed to g_max."""
    missed, _ = _missed(config)
    if LARGEST_SHARE < missed <= 1 / 2:
        yield (
            f"device.g_max {config.device.g_max:g}: {missed:.0%} of the devices cannot be "
            "programmed to that. Give a lower g_max"
        )


@_check(refuses=True, needs="device")
def reset_resets(config: "Config") -> Iterator[str]:
    """A full RESET leaves less than half of g_max."""
    left = _left(config)
    if left >= 1 / 2:
        yield f"{_after_reset(config, left)}: that is no RESET. {_LOWER_RESET}"


@_check(refuses=False, needs="device")
def reset_leaves_little(config: "Config") -> Iterator[str]:
    """A full RESET leaves less than a tenth of g_max."""
    left = _left(config)
    if LARGEST_REST <= left < 1 / 2:
        yield f"{_after_reset(config, left)}, which small weights lie below. {_LOWER_RESET}"


@_check(refuses=False, needs="device")
def pulses_enough_for_g_max(config: "Config") -> Iterator[str]:
    """On a device whose SET pulses add up, a method has as many rounds as lead to g_max."""
    law = config.device.law()
    if not law.accumulates:
        return
    wanted = pulse_sheet(law).nominal_count(np.array([config.device.g_max], np.float32)).item()

    def found() -> Iterator[tuple[str, str]]:
        for run in config.runs():
            settings = run.settings
            iterations = getattr(settings, "iterations", None)
            if iterations and settings.longest(config.core) - 1 < wanted < np.inf:
                yield (
                    run.method,
                    f"iterations {iterations}: the average device needs {wanted:g} SET pulses to "
                    "device.g_max, one in each. Give more",
                )

    yield from _once(found())


@_check(refuses=True, needs="files")
def weights_and_images_can_be_used(config: "Config") -> Iterator[str]:
    """Files of weights and images can be read; images and their labels fit the network."""
    try:
        check_files(config.weights)
    except UserError as error:
        yield str(error).removesuffix(".")


@_check(refuses=False, needs="device")
def methods_fire(config: "Config") -> Iterator[str]:
    """Every method can fire pulses after its first measurement."""

    def found() -> Iterator[tuple[str, str]]:
        for run in config.runs():
            reason = run.settings.never_fires(config.core, config.device, config.periphery)
            if reason:
                yield run.method, reason

    yield from _once(found())


_LOWER_RESET = (
    "Give a device whose RESET leaves less (of melt_quench a lower g_reset, i_half_mean or "
    "i_width_mean), or a higher g_max"
)


def _after_reset(config: "Config", left: float) -> str:
    model, g_max = config.device.model, config.device.g_max
    return (
        f"device.model {model}: after a full RESET half of the devices conduct {left * g_max:.3g} "
        f"uS or more, {left:.0%} of g_max"
    )


def _left(config: "Config") -> float:
    """Median conductance after RESET, of g_max."""
    return float(np.median(reach(config.device).reset)) / config.device.g_max


def _missed(config: "Config") -> tuple[float, float]:
    """Share of devices that do not reach g_max, and how far half of them come, uS."""
    most = reach(config.device).most
    return float(np.mean(most < config.device.g_max)), float(np.median(most))


def _largest(config: "Config") -> float:
    """Conductance of a weight of 1, uS."""
    return config.device.g_max * config.core.devices_per_polarity


def _reads_cells(config: "Config") -> bool:
    """Whether a method, or what prepares its cells, reads unit cells."""
    prepares = config.core.unit_cell != "odp"
    methods: list[Method] = [run.settings for run in config.runs()]
    return any(one.reads_cells or (prepares and not one.drawn_by) for one in methods)


def _step(config: "Config") -> float:
    """Step of a unit-cell read, uS; the least that it can be where it depends on the weights."""
    converters = config.periphery
    end = (
        converters.adc_range if converters.range_by == "inputs" else WIDEST_CELL * _largest(config)
    )
    return end / round(2 ** (converters.adc_bits - 1))


def _beyond(config: "Config", mean_square: float) -> float:
    """Share of conversions beyond the range, at most, with inputs of such a mean square, 1."""
    converters = config.periphery
    if not mean_square:
        return 0.0
    held = converters.adc_range_sigmas * sqrt(UNIFORM_MEAN_SQUARE / mean_square)
    if converters.range_by == "inputs":  # never narrower than the converter itself
        strongest = _largest(config) * sqrt(config.core.rows * mean_square)
        held = max(held, converters.adc_range / strongest)
    return erfc(held / sqrt(2))


def _rows(config: "Config", name: str) -> int:
    """Rows of a weight set's tiles, at most."""
    rows = getattr(config.weights[name], "rows", None)
    return min(rows, config.core.rows) if isinstance(rows, int) else config.core.rows
