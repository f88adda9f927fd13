"""Figures are saved on several cores, to the same bytes, and what fails is seen."""

import pytest
from matplotlib.figure import Figure

from aimcsim.report.drawing import Saving


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
