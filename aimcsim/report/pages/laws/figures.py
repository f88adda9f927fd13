"""Figures of the laws: simulated values with the published curve drawn in.

Under each panel stands the same comparison as a difference in percent, because on the scale of the
law itself the standard errors are narrower than a marker.
"""

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from aimcsim.report.drawing import DASHES, INK, WIDTH, Plot, legend, styled
from aimcsim.report.estimates import number, time_text

POPULATIONS = {
    "hermes_odp": "HERMES, one device",
    "hermes_tdp": "HERMES, two devices",
    "pcm_90nm": "90 nm array",
}
KINDS = {
    "uniform": "uniform",
    "weights": "Gaussian weights",
    "diagonal": "two opposite dense quarters",
}
ERRORS = 3.0  # standard errors that a bar reaches to either side
_MEAN, _SPREAD = "#1f5fa8", "#c2571a"
_LEVELS = ("#6fa8dc", "#1f5fa8", "#0d2b52")  # read noise: from low to high conductance
_NEUTRAL = "#7a808a"
_KINDS = ("#1f5fa8", "#2f8f6b", "#c2571a")


def _grid(columns: int, ratio: float = 1.5) -> tuple[Figure, np.ndarray]:
    """Panels in two rows: the law, and below it the difference."""
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    grid = figure.subplots(
        2, columns, sharex="col", squeeze=False, gridspec_kw={"height_ratios": [ratio, 1]}
    )
    return figure, grid


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, marker: str = "o") -> None:
    axes.plot(
        x, y, linestyle="", marker=marker, color=colour, markersize=5, markeredgecolor="white",
        markeredgewidth=0.5, zorder=4, clip_on=False,
    )  # fmt: skip


def _published(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    axes.plot(x, y, color=INK, linestyle=DASHES, linewidth=1.2, zorder=3)


def _difference(
    axes: Axes, x: np.ndarray, data: xr.Dataset, name: str, colour: str, marker: str = "o"
) -> None:
    """Simulated less published in percent of the published, with bars of three standard errors."""
    expected = data[f"{name}_expected"].values
    offset = 100 * (data[name].values / expected - 1)
    reach = 100 * ERRORS * data[f"{name}_error"].values / expected
    axes.vlines(x, offset - reach, offset + reach, color=colour, linewidth=1.6, zorder=3)
    _points(axes, x, offset, colour, marker)


def _level(axes: np.ndarray) -> None:
    """One scale, symmetric around the zero line, for all panels of differences."""
    reach = max(max(map(abs, ax.get_ylim())) for ax in axes)
    for ax in axes:
        ax.axhline(0, color=INK, linestyle=DASHES, linewidth=1.2, zorder=2)
        ax.set_ylim(-reach, reach)
        ax.yaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    for ax in axes[1:]:
        ax.tick_params(labelleft=False)


def _handles(*points: tuple[str, str, str], curve: str = "published") -> list:
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markersize=5, label=text)
        for text, colour, marker in points
    ]
    return [*handles, Line2D([], [], color=INK, linestyle=DASHES, linewidth=1.2, label=curve)]


def _shares(axes: np.ndarray) -> None:
    for ax in axes:
        ax.set_xlim(-0.01, 1.03)  # room for the bars at either end
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])


def _pairs(data: xr.Dataset, name: str, at: list[int], unit: str, places: int) -> str:
    """'at 0.1 of g_max 0.37 (published 0.37) uS, ...' for an alternative text."""
    texts = []
    for index in at:
        row = data.isel(share=index)
        seen, expected = float(row[name]), float(row[f"{name}_expected"])
        texts.append(
            f"at {float(row['share']):g} of g_max {seen:.{places}f} against {expected:.{places}f}"
        )
    return ", ".join(texts) + (f" {unit}" if unit else "")


@styled
def residual(data: xr.Dataset) -> Plot:
    """Spread of the residual over conductance, per population."""
    figure, grid = _grid(data.sizes["statistics"])
    parts = []
    for column, (name, title) in enumerate(POPULATIONS.items()):
        part = data.sel({"statistics": name})
        top, bottom = grid[:, column]
        _published(top, data["curve_share"].values, part["residual_spread_curve"].values)
        _points(top, part["share"].values, part["residual_spread"].values, _MEAN)
        top.set_ylim(bottom=0)
        top.yaxis.set_major_locator(MaxNLocator(5))
        top.set_title(title)
        _difference(bottom, part["share"].values, part, "residual_spread", _MEAN)
        parts.append(f"{title}: {_pairs(part, 'residual_spread', [0, 4, 9], 'uS', 3)}")
    grid[0, 0].set_ylabel("standard deviation (uS)")
    grid[1, 0].set_ylabel("difference (%)")
    _level(grid[1])
    _shares(grid[1])
    figure.supxlabel("target conductance (share of g_max)", fontsize=9)
    legend(figure, _handles(("simulated", _MEAN, "o"), curve="published polynomial"))
    alt = (
        "Standard deviation of the programmed conductance around its target over the target, "
        "simulated against the published polynomial with its clip at zero conductance. "
        f"{'; '.join(parts)}."
    )
    return Plot(figure, alt, data)


@styled
def drift(data: xr.Dataset) -> Plot:
    """Mean and spread of fitted drift exponents over conductance, per population."""
    figure, grid = _grid(data.sizes["statistics"])
    parts = []
    for column, (name, title) in enumerate(POPULATIONS.items()):
        part = data.sel({"statistics": name})
        top, bottom = grid[:, column]
        share = part["share"].values
        for moment, colour, marker, shift in (
            ("mean", _MEAN, "o", -0.009), ("spread", _SPREAD, "s", 0.009),
        ):  # fmt: skip
            _published(top, data["curve_share"].values, part[f"drift_{moment}_curve"].values)
            _points(top, share, part[f"drift_{moment}"].values, colour, marker)
            _difference(bottom, share + shift, part, f"drift_{moment}", colour, marker)
        top.set_title(title)
        parts.append(
            f"{title}: mean {_pairs(part, 'drift_mean', [0, 4, 9], '', 4)}; standard deviation "
            f"{_pairs(part, 'drift_spread', [0, 4, 9], '', 4)}"
        )
    highest = max(ax.get_ylim()[1] for ax in grid[0])
    for ax in grid[0]:
        ax.set_ylim(0, highest)
        ax.yaxis.set_major_locator(MaxNLocator(6))
    for ax in grid[0, 1:]:
        ax.tick_params(labelleft=False)
    grid[0, 0].set_ylabel("drift exponent")
    grid[1, 0].set_ylabel("difference (%)")
    _level(grid[1])
    _shares(grid[1])
    figure.supxlabel("conductance (share of g_max)", fontsize=9)
    legend(
        figure,
        _handles(("mean over devices", _MEAN, "o"), ("standard deviation", _SPREAD, "s")),
    )
    alt = (
        "Mean and standard deviation over devices of drift exponents fitted to simulated "
        "conductances, against the published ones after folding, over conductance. "
        f"{'. '.join(parts)}."
    )
    return Plot(figure, alt, data)


@styled
def noise(data: xr.Dataset) -> Plot:
    """Variance of reads over time, per population and conductance."""
    figure, grid = _grid(data.sizes["statistics"])
    shares = data["noise_share"].values
    parts = []
    for column, (name, title) in enumerate(POPULATIONS.items()):
        part = data.sel({"statistics": name})
        top, bottom = grid[:, column]
        times = part["noise_time"].values
        for index, colour in enumerate(_LEVELS):
            row = part.isel(noise_share=index)
            _published(top, times, row["noise_variance_expected"].values)
            _points(top, times, row["noise_variance"].values, colour)
            shift = np.exp(0.03 * (index - 1) * np.log(times[-1] / times[0]))
            _difference(bottom, times * shift, row, "noise_variance", colour)
        top.set_title(title)
        top.set_xscale("log")
        top.set_yscale("log")
        top.yaxis.set_minor_formatter(NullFormatter())
        # The first time differs between populations; the others are round, and common to all.
        bottom.set_xticks([times[0], 3600 * 24, times[-1]],
                          [time_text(t) for t in (times[0], 3600 * 24, times[-1])])  # fmt: skip
        bottom.xaxis.set_minor_locator(NullLocator())
        texts = [
            f"at {share:g} of g_max {number(1e3 * float(row['noise_variance'][0]))} then "
            f"{number(1e3 * float(row['noise_variance'][-1]))} thousandths against "
            f"{number(1e3 * float(row['noise_variance_expected'][0]))} then "
            f"{number(1e3 * float(row['noise_variance_expected'][-1]))}"
            for share, row in ((s, part.isel(noise_share=k)) for k, s in enumerate(shares))
        ]
        parts.append(f"{title}, at {time_text(times[0])} then 1 year: {', '.join(texts)}")
    low = min(ax.get_ylim()[0] for ax in grid[0])
    high = max(ax.get_ylim()[1] for ax in grid[0])
    for ax in grid[0]:
        ax.set_ylim(low, high)
    for ax in grid[0, 1:]:
        ax.tick_params(labelleft=False)
    grid[0, 0].set_ylabel("variance / conductance²")
    grid[1, 0].set_ylabel("difference (%)")
    _level(grid[1])
    figure.supxlabel("time since programming", fontsize=9)
    points = [
        (f"{share:g} of g_max", colour, "o") for share, colour in zip(shares, _LEVELS, strict=True)
    ]
    legend(figure, _handles(*points))
    alt = (
        "Variance of reads over the squared conductance, over time since programming, simulated "
        f"against the published law. {'; '.join(parts)}."
    )
    return Plot(figure, alt, data)


@styled
def accumulation(data: xr.Dataset) -> Plot:
    """Mean and spread of the conductance over SET pulses."""
    figure, grid = _grid(2)
    after = data.isel(pulse=slice(1, None))  # RESET itself is no pulse
    pulse = after["pulse"].values
    parts = []
    for column, (moment, title, colour, marker) in enumerate(
        (("mean", "Mean", _MEAN, "o"), ("spread", "Standard deviation", _SPREAD, "s"))
    ):
        top, bottom = grid[:, column]
        name = f"accumulation_{moment}"
        _published(top, data["pulse"].values, data[f"{name}_expected"].values)
        _points(top, data["pulse"].values, data[name].values, colour, marker)
        _difference(bottom, pulse, after, name, colour, marker)
        top.set_title(f"{title} over devices")
        top.set_ylim(bottom=0)
        top.set_ylabel("conductance (uS)")
        bottom.set_ylabel("difference (%)")
        bottom.set_xticks(range(0, int(pulse[-1]) + 1, 5))
        texts = [
            f"{number(float(data[name][k]))} against {number(float(data[f'{name}_expected'][k]))} "
            f"uS after {k} pulse{'s' if k > 1 else ''}"
            for k in (1, 5, 10, 20)
        ]
        parts.append(f"{title} {', '.join(texts)}")
    _level(grid[1])
    grid[1, 1].tick_params(labelleft=True)
    figure.supxlabel("SET pulses since RESET", fontsize=9)
    points = [("simulated mean", _MEAN, "o"), ("simulated standard deviation", _SPREAD, "s")]
    legend(figure, _handles(*points, curve="published model, density propagated"))
    alt = (
        "Conductance over devices after SET pulses, simulated against the published model's own "
        f"moments. {'; '.join(parts)}."
    )
    return Plot(figure, alt, data)


@styled
def crossbar(data: xr.Dataset) -> Plot:
    """Deviation of the currents by wire resistance, and the approximation's error of it."""
    sizes = data["size"].values
    figure, grid = _grid(len(sizes), ratio=1.2)
    ohms = data["ohm"].values
    parts = []
    for column, size in enumerate(sizes):
        top, bottom = grid[:, column]
        for (kind, text), colour in zip(KINDS.items(), _KINDS, strict=True):
            part = data.sel({"size": size, "kind": kind})
            _published(top, ohms, part["wires_deviation"].values)
            _points(top, ohms, part["wires_approximate"].values, colour)
            bottom.plot(
                ohms, part["wires_error"].values, color=colour, marker="o", markersize=5,
                markeredgecolor="white", markeredgewidth=0.5, clip_on=False, zorder=3,
            )  # fmt: skip
            worst = part.isel(ohm=-1)
            parts.append(
                f"{size} x {size}, {text}, {ohms[-1]:g} Ohm: currents off by "
                f"{number(float(worst['wires_deviation']))} % exactly and "
                f"{number(float(worst['wires_approximate']))} % approximately, error "
                f"{number(float(worst['wires_error']))} % of that"
            )
        limits = data["wires_limit"].values
        for limit in np.unique(limits[np.isfinite(limits)]):
            bottom.axhline(limit, color="#8a9099", linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        top.set_title(f"{size} x {size} cells")
        for ax in (top, bottom):
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.yaxis.set_minor_formatter(NullFormatter())
        bottom.set_xticks(ohms, [f"{ohm:g}" for ohm in ohms])
        bottom.xaxis.set_minor_locator(NullLocator())
    for row in grid:
        low, high = min(ax.get_ylim()[0] for ax in row), max(ax.get_ylim()[1] for ax in row)
        for ax in row:
            ax.set_ylim(low, high)
        for ax in row[1:]:
            ax.tick_params(labelleft=False)
    grid[0, 0].set_ylabel("deviation (% of current)")
    grid[1, 0].set_ylabel("error (% of deviation)")
    figure.supxlabel("wire resistance per cell pitch, rows and columns (Ohm)", fontsize=9)
    handles: list[Artist] = [
        Patch(color=c, label=t) for c, t in zip(_KINDS, KINDS.values(), strict=True)
    ]
    handles += [
        Line2D(
            [], [], linestyle="", marker="o", color="#7a808a", markersize=5, label="approximate"
        ),
        Line2D([], [], color=INK, linestyle=DASHES, linewidth=1.2, label="exact"),
        Line2D([], [], color="#8a9099", linewidth=1, linestyle=(0, (1, 2)), label="limits"),
    ]
    legend(figure, handles)
    alt = (
        "Deviation of the output currents that wire resistance causes, approximate against exact, "
        f"and the error of the approximation. {'; '.join(parts)}."
    )
    return Plot(figure, alt, data)
