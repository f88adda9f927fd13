"""Philox 4x32-10 and Box-Muller for numba, branch-free so that the compiler vectorises them.

The same draws as :mod:`aimcsim.random`: the integers to the bit, the normals to a few units in
the last place. Logarithm, sine and cosine are the single-precision polynomials of the Cephes
library (S. L. Moshier), because library calls would keep the loop scalar.
"""

import math

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

CHUNK = 64

_f = np.float32
_u = np.uint32
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_HIGH = np.uint64(32)
_SQRT_HALF_BITS = np.uint32(0x3F3504F3)
_LN2 = np.float32(math.log(2))
_HALF_PI = np.float32(math.pi / 2)


@intrinsic
def _bits_of(context, value):
    """The 32 bits of a float32."""
    return types.uint32(types.float32), lambda _c, build, _s, args: build.bitcast(
        args[0], ir.IntType(32)
    )


@intrinsic
def float_of(context, value):
    """The float32 whose bits these are."""
    return types.float32(types.uint32), lambda _c, build, _s, args: build.bitcast(
        args[0], ir.FloatType()
    )


@numba.njit(inline="always")
def philox(c0, c1, c2, c3, k0, k1):
    """One block: four words in, four words out."""
    for _ in range(10):
        p0 = np.uint64(c0) * _M0
        p1 = np.uint64(c2) * _M1
        c0 = _u(_u(p1 >> _HIGH) ^ c1 ^ k0)
        c1 = _u(p1)
        c2 = _u(_u(p0 >> _HIGH) ^ c3 ^ k1)
        c3 = _u(p0)
        k0 = _u(k0 + _W0)
        k1 = _u(k1 + _W1)
    return c0, c1, c2, c3


@numba.njit(inline="always")
def _radius(word):
    """sqrt(-2 ln u) for u = (word + 1/2) / 2**32."""
    x = _f(word) + _f(0.5)
    bits = _bits_of(x)
    exponent = np.int32(_u(bits - _SQRT_HALF_BITS)) >> np.int32(23)
    mantissa = float_of(_u(bits - _u(_u(exponent) << _u(23))))  # in [sqrt(1/2), sqrt(2))
    z = mantissa - _f(1)
    p = _f(7.0376836292e-2)
    p = p * z - _f(1.1514610310e-1)
    p = p * z + _f(1.1676998740e-1)
    p = p * z - _f(1.2420140846e-1)
    p = p * z + _f(1.4249322787e-1)
    p = p * z - _f(1.6668057665e-1)
    p = p * z + _f(2.0000714765e-1)
    p = p * z - _f(2.4999993993e-1)
    p = p * z + _f(3.3333331174e-1)
    logarithm = _f(exponent - np.int32(32)) * _LN2 + (p * z * z * z - _f(0.5) * z * z + z)
    return math.sqrt(max(_f(-2) * logarithm, _f(0)))


@numba.njit(inline="always")
def _cos_sin(word):
    """Cosine and sine of the angle (quarter + fraction - 1/2) pi / 2, as in aimcsim.random."""
    quarter = word >> _u(30)
    t = (_f(np.int32(word & _u(0x3FFFFFFF))) * _f(2.0**-30) - _f(0.5)) * _HALF_PI
    t2 = t * t
    s = ((_f(-1.9515295891e-4) * t2 + _f(8.3321608736e-3)) * t2 - _f(1.6666654611e-1)) * t2 * t + t
    c = (_f(2.443315711809948e-5) * t2 - _f(1.388731625493765e-3)) * t2
    c = (c + _f(4.166664568298827e-2)) * t2 * t2 - _f(0.5) * t2 + _f(1)
    odd = (quarter & _u(1)) != _u(0)
    cosine = s if odd else c
    sine = c if odd else s
    cosine = -cosine if ((quarter + _u(1)) & _u(2)) != _u(0) else cosine
    sine = -sine if (quarter & _u(2)) != _u(0) else sine
    return cosine, sine


@numba.njit(cache=True, nogil=True)
def fill_normals(seed, chip, tile, quantity, access, out):
    """Standard normals into ``out``, float32, whose length is a multiple of 64."""
    k0, k1, c1, c2, c3 = _u(seed), _u(chip), _u(access), _u(quantity), _u(tile)
    for chunk in range(out.size // CHUNK):
        base = chunk * CHUNK
        for lane in range(16):
            w0, w1, w2, w3 = philox(_u(chunk * 16 + lane), c1, c2, c3, k0, k1)
            radius = _radius(w0)
            cosine, sine = _cos_sin(w1)
            out[base + lane] = radius * cosine
            out[base + 16 + lane] = radius * sine
            radius = _radius(w2)
            cosine, sine = _cos_sin(w3)
            out[base + 32 + lane] = radius * cosine
            out[base + 48 + lane] = radius * sine


@numba.njit(cache=True, nogil=True)
def fill_uniforms(seed, chip, tile, quantity, access, out):
    """Uniforms on (0, 1) into ``out``, float32, whose length is a multiple of 64."""
    k0, k1, c1, c2, c3 = _u(seed), _u(chip), _u(access), _u(quantity), _u(tile)
    for chunk in range(out.size // CHUNK):
        base = chunk * CHUNK
        for lane in range(16):
            w0, w1, w2, w3 = philox(_u(chunk * 16 + lane), c1, c2, c3, k0, k1)
            out[base + lane] = (_f(w0 >> _u(8)) + _f(0.5)) * _f(2.0**-24)
            out[base + 16 + lane] = (_f(w1 >> _u(8)) + _f(0.5)) * _f(2.0**-24)
            out[base + 32 + lane] = (_f(w2 >> _u(8)) + _f(0.5)) * _f(2.0**-24)
            out[base + 48 + lane] = (_f(w3 >> _u(8)) + _f(0.5)) * _f(2.0**-24)


def padded(count: int) -> int:
    """``count`` rounded up to whole chunks."""
    return -(-count // CHUNK) * CHUNK
