"""Independent draws of synthetic weight sets, and what a study says of them."""

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.config.sample import sample
from aimcsim.mapping.dataset import draws_of, matrices, matrix_variables
from aimcsim.weights.dataset import build
from aimcsim.weights.registry import WeightSet, weight_set

KINDS = ("gaussian", "uniform", "laplace", "ternary", "sparse", "low_rank")


def made(kind, draws, **keys):
    definition = {"kind": kind, "rows": 64, "columns": 48, "draws": draws, **keys}
    return build("w", weight_set(definition), 7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_draw_does_not_depend_on_how_many_there_are(kind):
    """So the first is the matrix of a study with one; chips and draws can be added."""
    (_, single), = matrices(made(kind, 1))  # fmt: skip
    few, many = made(kind, 3), made(kind, 8)
    assert (draws_of(few), draws_of(many), draws_of(made(kind, 1))) == (3, 8, 1)
    np.testing.assert_array_equal(matrices(many)[0][1], single)
    np.testing.assert_array_equal(many["matrix_000"][:3], few["matrix_000"])
    assert made(kind, 1)["matrix_000"].dims == ("input_000", "output_000")
    assert many["matrix_000"].dims == ("draw", "input_000", "output_000")


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_independent(kind):
    """No two of eight are correlated, in their values nor in their zeros: 28 pairs each, largest
    of normal scores of 3,072 entries (low rank: 1,792 parameters) below 4.5."""
    drawn = made(kind, 8, zeros=0.3)["matrix_000"].values.reshape(8, -1)
    for seen in (drawn, drawn == 0):
        scores = np.corrcoef(seen)[np.triu_indices(8, 1)] * np.sqrt(drawn.shape[1])
        assert np.abs(scores).max() < 4.5


def test_each_draw_is_clipped_by_its_own_entries():
    plain, clipped = made("laplace", 4), made("laplace", 4, clip_sigmas=2.0)
    for draw in range(4):
        (_, before), (_, after) = matrices(plain, draw)[0], matrices(clipped, draw)[0]
        bound = np.float32(2.0 * before.astype(float).std())
        np.testing.assert_array_equal(after, np.clip(before, -bound, bound))


def test_a_kind_says_how_many_draws_it_makes():
    class Mine(WeightSet):
        def build(self, name, seed):
            return xr.Dataset(matrix_variables([("m", np.ones((5, 4, 3)))]))

    with pytest.raises(UserError, match=r"weights.w: made 5 draws .* independent_draws are 1"):
        build("w", Mine(kind="mine"), 0)


def study(cores, **sets):
    weights = {name: {"kind": "gaussian", "draws": draws} for name, draws in sets.items()}
    return from_mapping({"cores": cores, "weights": weights})


@pytest.mark.parametrize(("cores", "draws"), [(6, 1), (6, 6), (6, 20), (1, 5)])
def test_one_draw_or_one_for_each_chip(cores, draws):
    assert study(cores, g=draws).weights["g"].draws == draws


@pytest.mark.parametrize("draws", [2, 3, 5])
def test_chips_that_share_draws_are_refused(draws):
    with pytest.raises(UserError) as raised:
        study(6, h=6, g=draws)
    message = str(raised.value)
    assert f"weights.g.draws {draws} are fewer than the chips (cores: 6)" in message
    assert "Give 6 draws or more, or 1" in message


def test_a_case_with_more_chips_needs_more_draws():
    weights = {"g": {"kind": "gaussian", "draws": 6}}
    compare = {"chips": {"keys": ["cores"], "values": [6, 8]}}
    with pytest.raises(UserError, match=r"case compare.chips '8'.*\n.*draws 6 are fewer"):
        from_mapping({"cores": 6, "weights": weights, "compare": compare})


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"g": 1}, ["over chips and of this matrix"]),
        ({"g": 1, "h": 1}, ["over chips and of these matrices"]),
        ({"g": 4, "h": 9}, ["Every chip holds a draw", "over chips and draws together"]),
        (
            {"g": 4, "h": 1},
            ["Of g every chip holds a draw", "Of h all chips hold the same weights"],
        ),
    ],
)
def test_the_study_says_what_its_intervals_are_over(sets, words):
    text = sample(study(4, **sets))
    for word in words:
        assert word in text
