"""The random numbers: the published generator, one stream in all back ends, and its moments.

Statistical bounds are 5 standard errors; seeds are fixed, so a test passes always or never.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aimcsim.common import random
from aimcsim.common.random import Address, Phase, Quantity
from aimcsim.kernels import cpu

WORD = st.integers(0, 2**32 - 1)
MANY = 1_000_000


def compiled(draw, seed, chip, tile, quantity, access, count):
    words = (np.array([value], np.uint32) for value in (chip, tile, access))
    chip, tile, access = words
    return draw(Address(seed, chip, tile, quantity, access), count)[0]


def hexadecimal(text):
    return np.array([int(word, 16) for word in text.split()], np.uint32)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers_of_random123(counter, key, expected):
    drawn = random.philox(hexadecimal(counter), hexadecimal(key))
    np.testing.assert_array_equal(drawn, hexadecimal(expected))


def test_an_address_fills_counter_and_key_as_documented():
    seed, chip, tile, quantity, access = 11, 12, 13, 14, 15
    drawn = random.words(seed, chip, tile, quantity, access, 200)
    for element in (0, 17, 63, 64, 199):
        chunk, within = divmod(element, 64)
        word, lane = divmod(within, 16)
        counter = np.array([16 * chunk + lane, access, quantity, tile], np.uint32)
        assert drawn[element] == random.philox(counter, np.array([seed, chip], np.uint32))[word]


@settings(max_examples=200, deadline=None)
@given(WORD, WORD, WORD, WORD, WORD, st.integers(1, 300))
def test_compiled_uniforms_equal_numpy_to_the_bit(seed, chip, tile, quantity, access, count):
    address = (seed, chip, tile, quantity, access, count)
    np.testing.assert_array_equal(compiled(cpu.uniforms, *address), random.uniforms(*address))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(WORD, WORD, WORD, WORD, WORD, st.integers(1, 300))
def test_compiled_normals_equal_numpy_to_rounding(seed, chip, tile, quantity, access, count):
    address = (seed, chip, tile, quantity, access, count)
    np.testing.assert_allclose(
        compiled(cpu.normals, *address), random.normals(*address), rtol=0, atol=5e-6
    )


def test_compiled_normals_equal_numpy_over_many_draws():
    """Radii near 0, where 1 - u cancels in single precision, are one draw in a million."""
    for access in range(4):
        address = (1, 0, 0, 1, access, 1 << 20)
        np.testing.assert_allclose(
            compiled(cpu.normals, *address), random.normals(*address), rtol=0, atol=5e-6
        )


@settings(max_examples=50, deadline=None)
@given(WORD, st.integers(1, 500), st.integers(0, 500))
def test_the_first_draws_do_not_depend_on_how_many_are_drawn(seed, count, more):
    for draw in (random.uniforms, random.normals):
        longer = draw(seed, 2, 3, 4, 5, count + more)
        np.testing.assert_array_equal(draw(seed, 2, 3, 4, 5, count), longer[:count])
    for draw in (cpu.uniforms, cpu.normals):
        longer = compiled(draw, seed, 2, 3, 4, 5, count + more)
        np.testing.assert_array_equal(compiled(draw, seed, 2, 3, 4, 5, count), longer[:count])


def test_uniforms_lie_inside_the_open_interval(monkeypatch):
    extremes = np.array([0, 2**32 - 1], np.uint32)
    monkeypatch.setattr(random, "words", lambda *_: extremes)
    low, high = random.uniforms(0, 0, 0, 0, 0, 2)
    assert 0 < low < 1e-6
    assert 1 - 1e-6 < high < 1


def test_compiled_uniforms_lie_inside_the_open_interval():
    """Element 1526589 of this address has a word whose leading 24 bits are all ones."""
    drawn = compiled(cpu.uniforms, 1, 0, 0, 1, 7, 1_526_590)
    assert drawn.min() > 0
    assert drawn.max() < 1


@pytest.mark.parametrize("draw", [random.normals, lambda *a: compiled(cpu.normals, *a)])
def test_first_four_moments_of_the_normals(draw):
    """Errors of the moments of n normals: 1, 2, 15, 96 over n for x, x^2, x^3, x^4."""
    drawn = draw(3, 1, 4, 1, 5, MANY).astype(np.float64)
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((drawn**power).mean() - expected) < 5 * math.sqrt(variance / MANY)


def test_first_four_moments_of_the_uniforms():
    drawn = compiled(cpu.uniforms, 3, 1, 4, 1, 5, MANY).astype(np.float64)
    for power in (1, 2, 3, 4):
        variance = 1 / (2 * power + 1) - 1 / (power + 1) ** 2
        expected = 1 / (power + 1)
        assert abs((drawn**power).mean() - expected) < 5 * math.sqrt(variance / MANY)


@pytest.mark.parametrize(("sigmas", "draws"), [(3, 1 << 22), (4, 1 << 24), (5, 1 << 29)])
def test_tails(sigmas, draws):
    """Share of |x| beyond 3, 4, 5: binomial, with 11324, 1063 and 308 draws expected there."""
    at_once = 1 << 22
    beyond = 0
    for access in range(draws // at_once):
        beyond += np.count_nonzero(
            np.abs(compiled(cpu.normals, 9, 8, 7, 6, access, at_once)) > sigmas
        )
    expected = draws * 2 * stats.norm.sf(sigmas)
    assert abs(beyond - expected) < 5 * math.sqrt(expected)


def test_the_largest_normal_is_that_of_32_bits(monkeypatch):
    zeros = np.zeros((1, 4, 16), np.uint32)
    monkeypatch.setattr(random, "_words", lambda *_: zeros)
    drawn = random.normals(0, 0, 0, 0, 0, 64)
    # Angle -pi / 4: cosine and sine share the radius.
    assert np.hypot(drawn[0], drawn[16]) == pytest.approx(math.sqrt(2 * math.log(2**33)), rel=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_kolmogorov_smirnov(seed):
    """Distance bound at a chance of 6e-7 (5 sigma) of a false alarm."""
    normal = compiled(cpu.normals, seed, 2, 3, 4, 5, 100_000)
    uniform = compiled(cpu.uniforms, seed, 2, 3, 4, 5, 100_000)
    assert stats.kstest(normal.astype(np.float64), "norm").pvalue > 6e-7
    assert stats.kstest(uniform.astype(np.float64), "uniform").pvalue > 6e-7


def correlation(a, b):
    a, b = (values.astype(np.float64) - values.mean() for values in (a, b))
    return (a * b).mean() / math.sqrt((a * a).mean() * (b * b).mean())


@pytest.mark.parametrize("lag", [1, 2, 15, 16, 17, 32, 48, 64, 256])
@pytest.mark.parametrize("transform", [np.asarray, np.square], ids=["value", "square"])
def test_neighbouring_elements_are_independent(lag, transform):
    """Lags 16 and 32 are words of one block; the squares would show a shared radius."""
    drawn = transform(compiled(cpu.normals, 5, 5, 5, 5, 5, MANY))
    assert abs(correlation(drawn[:-lag], drawn[lag:])) < 5 / math.sqrt(MANY - lag)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 21},
        {"chip": 21},
        {"tile": 21},
        {"access": 21},
        {"quantity": Quantity.MVM_READ},
        {"quantity": Quantity.CELL_READ + Phase.EVALUATION},
        {"quantity": Quantity.CELL_READ + Phase.INFERENCE},
    ],
    ids=["seed", "chip", "tile", "access", "quantity", "evaluation", "inference"],
)
@pytest.mark.parametrize("transform", [np.asarray, np.square], ids=["value", "square"])
def test_neighbouring_addresses_are_independent(other, transform):
    address = {"seed": 20, "chip": 20, "tile": 20, "quantity": Quantity.CELL_READ, "access": 20}
    first, second = (
        transform(compiled(cpu.normals, **where, count=MANY))
        for where in (address, address | other)
    )
    assert abs(correlation(first, second)) < 5 / math.sqrt(MANY)


def test_swapped_words_of_an_address_are_other_draws():
    """chip 2, tile 3 is not chip 3, tile 2."""
    first = random.words(1, 2, 3, 4, 5, 64)
    for address in ((2, 1, 3, 4, 5), (1, 3, 2, 4, 5), (1, 2, 4, 3, 5), (1, 2, 3, 5, 4)):
        assert not np.any(first == random.words(*address, 64))


def test_quantities_and_phases_never_share_an_address():
    values = [int(quantity) + int(phase) for quantity in Quantity for phase in Phase]
    assert len(set(values)) == len(Quantity) * len(Phase)
    assert max(values) < 2**32


def test_numbers_of_quantities_and_phases_are_part_of_every_result():
    assert [(name.name, int(name)) for name in Quantity] == [
        ("G_SET", 1), ("G_RESET", 2), ("I_HALF", 3), ("I_WIDTH", 4), ("COLUMN_GAIN", 5),
        ("COLUMN_OFFSET", 6), ("CELL_READ", 7), ("MVM_READ", 8), ("PULSE_CURRENT", 9),
        ("PULSE_QUENCH", 10), ("MVM_INPUT", 11), ("DRIFT_EXPONENT", 12),
        ("SLOW_READ", 13), ("OPEN_LOOP", 14), ("STUCK_KIND", 15), ("STUCK_LEVEL", 16),
        ("HADAMARD_SIGN", 24),
    ]  # fmt: skip
    assert [int(phase) for phase in Phase] == [0, 65536, 131072, 196608, 262144, 1048576]
