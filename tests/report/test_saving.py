"""Figures are saved on several cores, to the same bytes, and what fails is seen."""

import re

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from aimcsim.report.drawing import ON_COLOUR, Saving, save


def figures():
    for count in range(2, 6):
        figure = Figure(figsize=(3, 2), layout="constrained")
        figure.subplots().plot(range(count), label="a")
        yield figure


def test_bytes_depend_on_no_number_of_cores(tmp_path):
    found = {}
    for threads in (1, 2, 3):
        paths = [tmp_path / f"{threads}-{number}.svg" for number in range(4)]
        with Saving(threads) as saving:
            for figure, path in zip(figures(), paths, strict=True):
                saving.save(figure, path)
        found[threads] = [path.read_bytes() for path in paths]
    assert len(set(found[1])) == 4
    assert found[1] == found[2] == found[3]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_figure_that_cannot_be_saved_is_an_error(tmp_path, threads):
    figure = Figure()
    figure.draw = lambda renderer: 1 / 0
    with pytest.raises(ZeroDivisionError), Saving(threads) as saving:
        saving.save(figure, tmp_path / "a.svg")


def test_a_figure_on_a_dark_page_has_light_ink_and_lines_and_its_own_cells(tmp_path):
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.pcolormesh([[0.0, 1.0]], cmap="mako_r", edgecolors="white")
    cells = [to_hex(colour) for colour in axes.collections[0].cmap([0.0, 1.0])]
    axes.plot([0, 2], [0, 1], color="#1f5fa8")
    axes.text(0.5, 0.5, "on a cell", color=ON_COLOUR)
    save(figure, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    style = text.split("<style>@media screen and (prefers-color-scheme:dark){")[1]
    rules = dict(re.findall(r"([^{}]+)\{(?:fill|stroke):(#[0-9a-f]{6})!important\}", style))
    assert rules['[style*="stroke: #1f5fa8"]'] == "#799fcb"
    assert rules['path[style*="fill: #ffffff"],use[style*="fill: #ffffff"]'] == "#16191d"
    assert all(f"fill: {colour}" in text for colour in (*cells, ON_COLOUR))
    assert not any(colour in rule for rule in rules for colour in (*cells, ON_COLOUR))
