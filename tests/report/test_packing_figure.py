"""The figure of the packing: its data, and labels that are where they belong."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from aimcsim.mapping.packing import pack
from aimcsim.report.drawing import save, style
from aimcsim.report.pages.accuracy import packing as packing_figure
from aimcsim.report.pages.accuracy.packing import packing
from tests.mapping.test_packing import RESNET9

NAMES = list(RESNET9)


def tiles_of(layers, core=(256, 256)):
    matrices = [np.ones(layer[:2], np.float32) for layer in layers]
    return pack(matrices, *core, [layer[2] for layer in layers])


@pytest.fixture(scope="module")
def resnet9():
    return packing(tiles_of(RESNET9.values()), NAMES, 256, 256)


def random_layers(count):
    generator = np.random.default_rng(0)
    return [(*map(int, generator.integers(1, 200, 2)), 1) for _ in range(count)]


def texts_and_boxes(ax, renderer):
    texts = [text for text in ax.findobj(Text) if text in ax.texts]
    return [(text, text.get_window_extent(renderer)) for text in texts]


def test_the_data_has_every_piece(resnet9):
    pieces = resnet9.data.to_dataframe()
    assert len(pieces) == 14
    cells = pieces["rows"] * pieces["columns"]
    for name, (rows, columns, _) in RESNET9.items():
        assert cells[pieces["layer"] == name].sum() == rows * columns
    by_core = cells.groupby(pieces["on_core"]).sum() / 65536 * 100
    np.testing.assert_allclose(pieces["used"], by_core[pieces["on_core"]])
    whole = pieces[pieces["layer"] == "stem"].iloc[0]
    assert (whole["row"], whole["column"], whole["rows"], whole["columns"]) == (1, 1, 252, 28)
    assert (pieces["at_column"] + pieces["columns"] - 1 <= 256).all()


def test_the_text_names_every_layer_on_its_core(resnet9):
    cores = resnet9.alt.split("Core ")[1:]
    assert "2 cores of 256 x 256 cells" in resnet9.alt
    for number, text in enumerate(cores, 1):
        own = resnet9.data["layer"].values[resnet9.data["on_core"].values == number]
        assert text.startswith(f"{number}, ")
        named = text.split(": ")[1].strip(". ").split(", ")
        assert sorted(named) == sorted(set(own))


@pytest.mark.parametrize("case", ["resnet9", "random"])
def test_every_piece_has_a_label_in_it_or_beside_it(case, resnet9):
    plot, names = resnet9, NAMES
    if case == "random":
        names = [f"layer_{index}" for index in range(30)]
        plot = packing(tiles_of(random_layers(30)), names, 256, 256)
    with style():
        canvas = FigureCanvasAgg(plot.figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        for number, ax in enumerate(plot.figure.axes, 1):
            mine = plot.data["on_core"].values == number
            pieces = [patch.get_window_extent() for patch in ax.patches if is_piece(patch)]
            assert len(pieces) == mine.sum()
            right = ax.get_window_extent().x1
            inside, beside, more = [], [], 0
            for text, box in texts_and_boxes(ax, renderer):
                if text.get_text().startswith("and "):
                    more = int(text.get_text().split()[1])
                else:
                    (beside if box.x0 > right else inside).append((text, box))
            assert len(inside) + len(beside) + more == mine.sum()
            for text, box in inside:
                assert text.get_text().replace("\n", ", ").split(", ")[0] in names
                assert sum(holds(piece, box) for piece in pieces) == 1
            beside.sort(key=lambda each: -each[1].y1)
            for (_, upper), (_, lower) in itertools.pairwise(beside):
                assert upper.y0 >= lower.y1
            assert all(box.x1 <= plot.figure.bbox.x1 for _, box in beside)
            assert (case, number, more > 0) in [
                ("resnet9", number, False), ("random", number, number == 1),
            ]  # fmt: skip
    labels = {text.get_text() for ax in resnet9.figure.axes for text in ax.texts}
    assert {"stem", "stage3a\nrows 253–504", "shortcut2\ncolumns 1–32"} <= labels


def is_piece(patch):
    return isinstance(patch, Rectangle) and patch.get_edgecolor()[:3] == (1, 1, 1)


def holds(outer, inner):
    slack = 1  # pixel, of the edge
    return (
        outer.x0 - slack <= inner.x0 <= inner.x1 <= outer.x1 + slack
        and outer.y0 - slack <= inner.y0 <= inner.y1 <= outer.y1 + slack
    )


def test_only_the_first_of_many_cores_are_drawn():
    layers = [(256, 256, 1)] * (packing_figure.MOST + 3)
    plot = packing(tiles_of(layers), [str(index) for index in range(len(layers))], 256, 256)
    assert len(plot.figure.axes) == packing_figure.MOST
    assert plot.data["on_core"].max() == packing_figure.MOST + 3
    assert plot.alt.endswith("And 3 further cores.")


def test_long_names_keep_their_end():
    name = "/model/stage/block/conv/Conv_12"
    plot = packing(tiles_of([(30, 30, 1)], (32, 64)), [name], 32, 64)
    (text,) = plot.figure.axes[0].texts
    assert text.get_text() == "…" + name[-19:]
    assert name in plot.alt


def test_the_same_tiles_give_the_same_bytes(tmp_path):
    for name in "ab":
        plot = packing(tiles_of(RESNET9.values()), NAMES, 256, 256)
        save(plot.figure, tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
