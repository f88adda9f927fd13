"""Tiles: they partition the matrices, and give them back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimcsim.mapping.packing import pack
from aimcsim.mapping.tiles import Piece, Tile, join, normalised, split

SHAPES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=4)
CORES = st.tuples(st.integers(1, 45), st.integers(1, 45))
SCALES = st.sampled_from(["tile", "column"])
KINDS = st.sampled_from(["gaussian", "wide", "sparse"])


def draw_matrices(shapes, kind, seed):
    generator = np.random.default_rng(seed)
    drawn = []
    for shape in shapes:
        matrix = generator.standard_normal(shape)
        if kind == "wide":
            matrix *= 10.0 ** generator.uniform(-30, 30, shape)
        if kind == "sparse":
            matrix *= generator.random(shape) < 0.05
        drawn.append(matrix.astype(np.float32))
    return drawn


def only(tile):
    (piece,) = tile.pieces
    return piece


@settings(max_examples=150, deadline=None)
@given(SHAPES, CORES, KINDS, st.integers(0, 2**32 - 1), SCALES)
def test_round_trip(shapes, core, kind, seed, scale):
    matrices = draw_matrices(shapes, kind, seed)
    tiles = split(matrices, *core, scale)
    blocks = [normalised(tile, matrices) for tile in tiles]
    joined = join(tiles, blocks, shapes)
    assert len(joined) == len(matrices)
    for before, after in zip(matrices, joined, strict=True):
        assert after.dtype == np.float32
        assert after.shape == before.shape
        # One division and one multiplication, each within half a unit in the last place; where
        # the quotient is subnormal its absolute error counts, of the tile's scale.
        np.testing.assert_allclose(
            after, before, rtol=2**-23, atol=np.abs(before).max() * 2**-149 * 2
        )


@settings(max_examples=100, deadline=None)
@given(SHAPES, CORES, KINDS, st.integers(0, 2**32 - 1))
def test_tiles_partition_the_matrices(shapes, core, kind, seed):
    matrices = draw_matrices(shapes, kind, seed)
    tiles = split(matrices, *core)
    assert [tile.index for tile in tiles] == list(range(len(tiles)))
    pieces = [only(tile) for tile in tiles]
    order = [(piece.matrix, piece.row, piece.column) for piece in pieces]
    assert order == sorted(order)
    uses = [np.zeros(shape, int) for shape in shapes]
    for tile, piece in zip(tiles, pieces, strict=True):
        uses[piece.matrix][piece.source] += 1
        rows, columns = shapes[piece.matrix]
        # Full size, but for the remainder at the far edge.
        assert tile.rows == piece.rows == min(core[0], rows - piece.row)
        assert tile.columns == piece.columns == min(core[1], columns - piece.column)
        assert (piece.at_row, piece.at_column) == (0, 0)
    assert all((use == 1).all() for use in uses)


@settings(max_examples=100, deadline=None)
@given(SHAPES, CORES, KINDS, st.integers(0, 2**32 - 1), SCALES)
def test_normalised_weights_fill_the_range(shapes, core, kind, seed, scale):
    matrices = draw_matrices(shapes, kind, seed)
    for tile in split(matrices, *core, scale):
        block = normalised(tile, matrices)
        assert block.dtype == np.float32
        assert block.shape == (tile.rows, tile.columns)
        largest, own = np.abs(block).max(axis=0), only(tile).scale
        assert own.dtype == np.float32
        assert own.shape == (tile.columns,)
        if scale == "tile":
            assert largest.max() == (1 if block.any() else 0)
            assert (own == own[0]).all()
            assert (own[0] > 0) == block.any()
        else:
            assert (largest == block.any(axis=0)).all()
            assert ((own > 0) == block.any(axis=0)).all()


def test_remainders_come_last():
    tiles = split([np.ones((5, 7), np.float32)], 2, 3)
    assert [(only(tile).row, tile.rows) for tile in tiles[::3]] == [(0, 2), (2, 2), (4, 1)]
    assert [(only(tile).column, tile.columns) for tile in tiles[:3]] == [(0, 3), (3, 3), (6, 1)]


def test_scale_is_that_of_the_tile():
    matrix = np.array([[1, -4, 0, 0], [2, 3, 0, 0]], np.float32)
    tiles = split([matrix], 2, 2)
    assert [only(tile).scale.tolist() for tile in tiles] == [[4.0, 4.0], [0.0, 0.0]]
    np.testing.assert_array_equal(normalised(tiles[0], [matrix]), [[0.25, -1], [0.5, 0.75]])
    np.testing.assert_array_equal(normalised(tiles[1], [matrix]), np.zeros((2, 2)))


def test_scale_of_each_column():
    matrix = np.array([[1, -4, 0], [2, 3, 0]], np.float32)
    (tile,) = split([matrix], 2, 3, "column")
    assert only(tile).scale.tolist() == [2.0, 4.0, 0.0]
    np.testing.assert_array_equal(normalised(tile, [matrix]), [[0.5, -1, 0], [1, 0.75, 0]])


def test_a_clipped_scale_is_a_multiple_of_the_root_mean_square():
    """Of the weights that are not zero; never more than the largest weight."""
    matrix = np.array([[1, -8, 0], [-1, 0, 0], [1, 6, 0]], np.float32)
    (tile,) = split([matrix], 3, 3, "column", 1.1)
    assert only(tile).scale.tolist() == [1.0, np.float32(1.1 * 50**0.5), 0.0]
    np.testing.assert_allclose(np.abs(normalised(tile, [matrix])).max(axis=0), [1, 1.0285, 0], 1e-3)
    (tile,) = split([matrix], 3, 3, "tile", 1.1)
    assert only(tile).scale.tolist() == [np.float32(1.1 * (103 / 5) ** 0.5)] * 3
    (packed,) = pack([matrix], 3, 3, scale="column", clip_sigmas=1.1)
    assert only(packed).scale.tolist() == [1.0, np.float32(1.1 * 50**0.5), 0.0]
    np.testing.assert_allclose(join([tile], [normalised(tile, [matrix])], [(3, 3)])[0], matrix)


def test_several_pieces_on_a_tile():
    """Side by side and stacked, with a cell left over, which stays zero."""
    matrices = [np.array([[2], [4]], np.float32), np.array([[-3, 1]], np.float32)]
    one = Piece(0, 0, 0, 2, 1, 0, 0, np.float32([4]))
    cut = [Piece(1, 0, 0, 1, 1, 0, 1, np.float32([3])), Piece(1, 0, 1, 1, 1, 2, 0, np.float32([1]))]
    tile = Tile(0, 3, 2, (one, *cut))
    block = normalised(tile, matrices)
    np.testing.assert_array_equal(block, [[0.5, -1], [1, 0], [1, 0]])
    block[1:, 1] = 7  # what unused cells hold is of no interest
    joined = join([tile], [block], [(2, 1), (1, 2)])
    assert [matrix.tolist() for matrix in joined] == [[[2.0], [4.0]], [[-3.0, 1.0]]]


def test_join_takes_the_programmed_values():
    matrix = np.array([[1, -4, 3]], np.float32)
    tiles = split([matrix], 1, 2)
    joined = join(tiles[::-1], [np.array([[1.5]]), np.array([[0.5, -1.25]])], [(1, 3)])
    assert joined[0].tolist() == [[2.0, -5.0, 4.5]]


def test_mistakes_of_the_caller():
    matrix = np.ones((4, 4), np.float32)
    tiles = split([matrix], 2, 4)
    blocks = [normalised(tile, [matrix]) for tile in tiles]
    with pytest.raises(ValueError, match="8 entries of matrix 0"):
        join(tiles[:1], blocks[:1], [(4, 4)])
    with pytest.raises(ValueError, match="shorter"):
        join(tiles, blocks[:1], [(4, 4)])
    with pytest.raises(ValueError, match=r"tile 1 is 2 x 4, its block \(1, 4\)"):
        join(tiles, [blocks[0], blocks[1][:1]], [(4, 4)])
    with pytest.raises(ValueError, match="core of 0 x 4"):
        split([matrix], 0, 4)
    with pytest.raises(ValueError, match="scale 'row'; give one of tile, column"):
        split([matrix], 4, 4, "row")
