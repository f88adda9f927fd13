"""Counter-based random numbers: every draw has an address, and no generator has a state.

A draw is a pure function of (seed, chip, tile, quantity, access, element):

======== ===================== ==========================================================
word     holds                 meaning
======== ===================== ==========================================================
key 0    ``seed``              the study's seed
key 1    ``chip``              chip instance
counter 0 block                from ``element``, see below
counter 1 ``access``           how many accesses of this kind the core has seen before
counter 2 ``quantity``         what is drawn (:class:`Quantity`), plus the :class:`Phase`
counter 3 ``tile``             which core of the chip
======== ===================== ==========================================================

So results do not depend on batch shape, shard size, job order, thread count or backend.

Generator: Philox 4x32-10 (Salmon et al., SC 2011, doi 10.1145/2063384.2063405). One block gives
four 32-bit words. Elements are laid out in chunks of 64: chunk ``k`` uses the 16 blocks
``16 k .. 16 k + 15``; element ``64 k + 16 w + l`` is word ``w`` of block ``16 k + l``. Sixteen
consecutive elements therefore come from sixteen consecutive blocks, which a compiler turns into
vector instructions, and the first n elements are the same however many are drawn.

This module is the plain NumPy statement; ``aimcsim.kernels.cpu`` is the fast one.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Address(NamedTuple):
    """Addresses of n runs' draws of one quantity (see :mod:`aimcsim.common.random`)."""

    seed: int
    chip: np.ndarray  # uint32 (n,)
    tile: np.ndarray  # uint32 (n,)
    quantity: int  # Quantity + Phase
    access: np.ndarray  # uint32 (n,)


CHUNK = 64
LANES = 16

_MULTIPLIER = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint32(0x9E3779B9), np.uint32(0xBB67AE85))
_ROUNDS = 10


class Quantity(IntEnum):
    """What a draw is used for. Values are part of every result: never renumber."""

    G_SET = 1
    G_RESET = 2
    I_HALF = 3
    I_WIDTH = 4
    COLUMN_GAIN = 5
    COLUMN_OFFSET = 6
    CELL_READ = 7
    MVM_READ = 8
    PULSE_CURRENT = 9
    PULSE_QUENCH = 10
    MVM_INPUT = 11
    DRIFT_EXPONENT = 12
    SLOW_READ = 13
    OPEN_LOOP = 14
    STUCK_KIND = 15
    STUCK_LEVEL = 16
    HADAMARD_SIGN = 24


class Phase(IntEnum):
    """Separates the draws of programming from those of judging. Never renumber."""

    PROGRAMMING = 0
    EVALUATION = 1 << 16
    INFERENCE = 2 << 16
    REFRESH = 3 << 16  # plus the number of the time, from bit 20 on
    COMPENSATION = 4 << 16  # of drift, while networks are judged
    LAWS = 16 << 16


def philox(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Philox 4x32-10.

    Parameters
    ----------
    counter : uint32 (..., 4)
    key : uint32 (..., 2), broadcast against ``counter``

    Returns
    -------
    uint32 (..., 4)
    """
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint32) for i in range(4))
    k0, k1 = (np.asarray(key[..., i], dtype=np.uint32) for i in range(2))
    shift = np.uint64(32)
    with np.errstate(over="ignore"):
        for _ in range(_ROUNDS):
            product0 = c0.astype(np.uint64) * _MULTIPLIER[0]
            product1 = c2.astype(np.uint64) * _MULTIPLIER[1]
            c0, c1, c2, c3 = (
                (product1 >> shift).astype(np.uint32) ^ c1 ^ k0,
                product1.astype(np.uint32),
                (product0 >> shift).astype(np.uint32) ^ c3 ^ k1,
                product0.astype(np.uint32),
            )
            k0 = k0 + _WEYL[0]
            k1 = k1 + _WEYL[1]
    return np.stack([c0, c1, c2, c3], axis=-1)


def words(seed: int, chip: int, tile: int, quantity: int, access: int, count: int) -> np.ndarray:
    """The first ``count`` elements at an address, as uint32 (chunks of 64, four words deep)."""
    return _words(seed, chip, tile, quantity, access, count).reshape(-1)[:count]


def uniforms(seed: int, chip: int, tile: int, quantity: int, access: int, count: int) -> np.ndarray:
    """Uniform draws on the open interval (0, 1), float32 (count,), 23 bits.

    With one bit more, the sum of the largest word and 1/2 would round to 1.
    """
    bits = words(seed, chip, tile, quantity, access, count) >> np.uint32(9)
    return (bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)


def normals(seed: int, chip: int, tile: int, quantity: int, access: int, count: int) -> np.ndarray:
    """Standard normal draws, float32 (count,), by Box-Muller on words (0, 1) and (2, 3).

    The first word of a pair gives the radius (32 bits: tails to 6.7 standard deviations), the
    second the angle.
    """
    drawn = _words(seed, chip, tile, quantity, access, count)
    radius_bits, angle_bits = drawn[:, 0::2].astype(np.float64), drawn[:, 1::2]
    radius = np.sqrt(-2.0 * np.log((radius_bits + 0.5) * 2.0**-32))
    quarter = angle_bits >> np.uint32(30)
    within = (angle_bits & np.uint32(0x3FFFFFFF)).astype(np.float64) * 2.0**-30 - 0.5
    angle = (quarter + within) * (np.pi / 2)
    result = np.empty(drawn.shape, np.float32)
    result[:, 0::2] = radius * np.cos(angle)
    result[:, 1::2] = radius * np.sin(angle)
    return result.reshape(-1)[:count]


def _words(seed, chip, tile, quantity, access, count) -> np.ndarray:
    """uint32 (chunks, 4 words, 16 lanes)."""
    chunks = -(-count // CHUNK)
    counter = np.zeros((chunks * LANES, 4), np.uint32)
    counter[:, 0] = np.arange(chunks * LANES, dtype=np.uint32)
    counter[:, 1:] = np.array([access, quantity, tile], np.uint32)
    drawn = philox(counter, np.array([seed, chip], np.uint32))
    return drawn.reshape(chunks, LANES, 4).transpose(0, 2, 1)
