"""Every kernel of the GPU against its NumPy statement, and against the CPU's bits."""

import shutil
import subprocess
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

from aimcsim.common.random import Address
from aimcsim.kernels import cpu, reference
from aimcsim.kernels.cuda import source
from aimcsim.kernels.gpu import GROUP, GpuKernels
from aimcsim.kernels.interface import CHANGE, Estimates, Gradients, PulseRule, TunedCells
from tests.gpu.converting import Converting
from tests.gpu.host import HostDevice
from tests.kernels.test_backends import (
    ALL,
    MOST,
    PATTERN_SHAPES,
    SHAPES,
    SOME,
    TOLERANCE,
    assert_same_codes,
    correlation,
    edge_law,
    mvm,
    products,
    pulse,
    random_state,
    read_cells,
)
from tests.kernels.test_descent import RULES

KINDS = [(shape, False) for shape in SHAPES] + [(shape, True) for shape in PATTERN_SHAPES]


@pytest.fixture(
    params=KINDS, ids=lambda kind: "x".join(map(str, kind[0])) + ("-patterns" if kind[1] else "")
)
def state(request):
    return random_state(*request.param[0], patterns=request.param[1])


@pytest.fixture(params=[ALL, SOME, ALL[:0]], ids=["all", "some", "none"])
def runs(request):
    return request.param


@pytest.fixture
def fast(gpu):
    return Converting(gpu)


def hexadecimal(text):
    return np.array([int(word, 16) for word in text.split()], np.uint32)


def test_known_answers_of_random123(fast):
    counters = "0 0 0 0 " + 4 * "ffffffff " + "243f6a88 85a308d3 13198a2e 03707344"
    keys = "0 0 ffffffff ffffffff a4093822 299f31d0"
    expected = (
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8 408f276d 41c83b0e a20bc7c6 6d5451fd "
        "d16cfe09 94fdcceb 5001e420 24126ea1"
    )
    counter, key = (fast.kernels.to_device(hexadecimal(text)) for text in (counters, keys))
    out = fast.kernels.xp.empty(12, np.uint32)
    fast.kernels.device.launch("philox_words", 3, 1, 3, counter, key, out)
    np.testing.assert_array_equal(fast.kernels.to_host(out), hexadecimal(expected))


@pytest.mark.parametrize("count", [1, 15, 16, 17, 63, 64, 65, 1000])
def test_draws_are_those_of_the_other_back_ends(fast, count):
    state = random_state(1, 1, 1)
    address = state.address(ALL, 11)
    uniforms = fast.uniforms(address, count)
    np.testing.assert_array_equal(uniforms, reference.uniforms(address, count))
    normals = fast.normals(address, count)
    np.testing.assert_allclose(normals, reference.normals(address, count), rtol=0, atol=5e-6)
    np.testing.assert_allclose(normals, cpu.normals(address, count), rtol=0, atol=2e-6)


def test_moments_and_tails_of_normals(fast):
    one = np.ones(1, np.uint32)
    drawn = fast.normals(Address(7, one, one, 8, one), 2_000_000)[0].astype(float)
    error = 1 / np.sqrt(drawn.size)
    assert abs(drawn.mean()) < 5 * error
    assert abs(drawn.var() - 1) < 5 * np.sqrt(2) * error
    assert abs((drawn**4).mean() - 3) < 5 * np.sqrt(96) * error
    beyond = (np.abs(drawn) > 4).sum()
    expected = drawn.size * 6.334e-5
    assert abs(beyond - expected) < 5 * np.sqrt(expected)


def test_read_cells(fast, state, runs):
    """At 8 bits rounding moves few codes; at 16 bits a code is finer than the tolerance."""
    for device in (None, state.device[runs]):
        found, plain = (read_cells(k, state, runs, device=device) for k in (fast, reference))
        assert found.shape == plain.shape
        np.testing.assert_allclose(found, plain, rtol=0, atol=(TOLERANCE + 2**-15) * MOST)
    if len(runs):
        found, plain = (read_cells(k, state, runs, 8) for k in (fast, reference))
        step = state.cell_range[state.unit[runs]][:, None, None] / 128
        assert_same_codes(found / step, plain / step, 1)


@pytest.mark.parametrize("floor", [0.0, 0.3])
def test_mvm(fast, state, runs, floor):
    def product(kernels, bits, noise=0.04):
        return mvm(kernels, state, runs, bits, read_noise=noise, read_floor=floor)

    scale = state.full_scale[state.unit[runs]][:, None, None]
    for noise in (0.04, 0.0):
        (found, _), (plain, _) = (product(k, 16, noise) for k in (fast, reference))
        assert found.shape == plain.shape
        np.testing.assert_allclose(found / scale, plain / scale, rtol=0, atol=TOLERANCE + 2**-15)
    if len(runs):
        (found, high), (plain, low) = (product(k, 8) for k in (fast, reference))
        assert high.dtype == low.dtype
        assert_same_codes(found / scale, plain / scale, 1 / 128)
        assert np.abs(high - low).sum() <= max(1e-3 * found.size, 1)


@pytest.mark.parametrize("rows", [16, 17, 300, 600])
def test_transforms_of_every_length(fast, rows):
    """One pass over memory, two and three."""
    state = random_state(2, rows, 5, patterns=True)
    for compute, scale in (
        (products, 10 * np.sqrt(rows)),
        (correlation, 5 * np.sqrt(state.x.batch)),
    ):
        found, plain = (compute(k, state, SOME) for k in (fast, reference))
        np.testing.assert_allclose(found, plain, rtol=0, atol=TOLERANCE * scale)


def test_saturation_is_counted(fast):
    state = random_state(64, 20, 30, seed=3)
    state.full_scale *= np.float32(0.1)
    (_found, high), (plain, low) = (mvm(k, state, ALL, 8) for k in (fast, reference))
    assert low.min() > 0.1 * plain[0].size
    assert np.abs(high - low).sum() <= 2


def test_pulse(fast, state, runs):
    (found, fired), (plain, expected) = (pulse(k, state, runs) for k in (fast, reference))
    np.testing.assert_array_equal(fired, expected)
    np.testing.assert_allclose(found, plain, rtol=0, atol=TOLERANCE * 40)
    others = np.setdiff1d(ALL, runs)
    np.testing.assert_array_equal(found[others], state.g[others])


def test_pulse_at_the_edges_of_the_law(fast):
    """Overflowing exponentials, cells without a pulse, quench noise below -1: no NaN, no sign."""
    state = random_state(1, 8, 8, seed=4)
    state.current[:] = np.array([0, 1e-9, 0.2499, 0.25, 0.26, 0.5, 1, 1], np.float32)
    law = edge_law(state)
    results = []
    for kernels in (fast, reference):
        g = state.g.copy()
        kernels.pulse(state.pulses(ALL, g), law)
        results.append(g)
    np.testing.assert_allclose(*results, rtol=TOLERANCE, atol=TOLERANCE)
    assert results[0].min() == 0
    np.testing.assert_array_equal(results[0][..., :3], state.g[..., :3])


def test_products(fast, state, runs):
    for compute, scale in (
        (products, 10 * np.sqrt(state.g.shape[2])),
        (correlation, 5 * np.sqrt(state.error.shape[1])),
    ):
        found, plain = (compute(k, state, runs) for k in (fast, reference))
        assert found.shape == plain.shape
        np.testing.assert_allclose(found, plain, rtol=0, atol=TOLERANCE * scale)


def test_inputs_land_on_the_same_grid(fast):
    x = np.random.default_rng(0).uniform(-0.2, 1.2, (3, 7, 11)).astype(np.float32)
    np.testing.assert_array_equal(fast.to_grid(x, 2, -1, 127), reference.to_grid(x, 2, -1, 127))
    assert np.abs(fast.to_grid(x, 2, -1, 127)).max() == 1


RUNS, ROWS, COLUMNS, BATCH = 5, 37, 13, 50
CHOSEN = np.array([0, 2, 4])


@pytest.fixture
def draw():
    generator = np.random.default_rng(5)
    return lambda *shape: generator.standard_normal(shape).astype(np.float32)


def both(fast, arrays, call):
    """(plain, fast): results, and the arrays as each has left them."""
    found = []
    for kernels in (reference, fast):
        own = [array.copy() for array in arrays]
        found.append((call(kernels, *own), own))
    return found


def test_residuals_and_their_squares(fast, draw):
    y, ideal, unit = draw(3, BATCH, COLUMNS), draw(2, BATCH, COLUMNS), np.array([0, 1, 1])
    (plain, left), (found, right) = both(
        fast, (y, ideal), lambda k, y, ideal: k.residual(y, ideal, unit)
    )
    np.testing.assert_array_equal(left[0], right[0])
    for a, b in zip(plain, found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_sums_of_outputs(fast, draw):
    y, ideal, unit = draw(3, BATCH, COLUMNS), draw(2, BATCH, COLUMNS), np.array([0, 1, 1])
    found, plain = (k.output_sums(y, ideal, unit) for k in (fast, reference))
    for a, b in zip(found, plain, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("running", [True, False, None], ids=["running", "batch", "mixed"])
def test_folding_a_batch(fast, draw, running, orthogonal):
    running = np.array([True, False, True]) if running is None else np.full(3, running)
    estimate, variance = draw(RUNS, ROWS, COLUMNS), np.square(draw(RUNS, ROWS, COLUMNS)) + 0.1
    gradient = 20 * draw(3, ROWS, COLUMNS)
    predicted = None if orthogonal else 18 * estimate[CHOSEN] + draw(3, ROWS, COLUMNS)
    energy, power = 5000 + np.square(draw(3, COLUMNS)), np.array([17, 18, 19], np.float32)
    (_, plain), (_, found) = both(
        fast, (estimate, variance),
        lambda k, *arrays: k.fold(
            Estimates(*arrays), CHOSEN, Gradients(gradient, predicted, energy, power, BATCH),
            running,
        ),
    )  # fmt: skip
    for a, b, before in zip(plain, found, (estimate, variance), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
        np.testing.assert_array_equal(b[[1, 3]], before[[1, 3]])  # no part in it
        assert (b[CHOSEN] != before[CHOSEN]).any()


def test_a_column_explained_whole_keeps_a_positive_variance(fast):
    ones = np.ones((1, 2, 3), np.float32)
    estimate, variance = ones.copy(), ones.copy()
    energy, power = np.zeros((1, 3), np.float32), np.ones(1, np.float32)
    gradients = Gradients(ones, ones, energy, power, 4)
    fast.fold(Estimates(estimate, variance), np.array([0]), gradients, np.array([True]))
    assert np.isfinite(estimate).all()
    assert (variance >= 0).all()


@pytest.mark.parametrize("again", [False, True])
def test_deciding_on_pulses(fast, draw, again):
    shape = (RUNS, ROWS, COLUMNS)
    state = (
        draw(*shape),
        np.square(draw(*shape)),
        np.clip(0.7 + 0.3 * draw(*shape), 0, 1),  # some below the lowest current
        np.round(3 * np.abs(draw(*shape))),  # pulses
        np.square(draw(*shape)),  # of errors that they left
        draw(*(shape if again else (0, ROWS, COLUMNS))) > 0,
    )
    sign = np.where(draw(*shape) > 0, np.int8(1), np.int8(-1))
    tunable = draw(*shape) > -1
    scatter, response, bend = np.abs(draw(3, 2, ROWS, COLUMNS)) + np.float32(0.01)
    unit = np.array([1, 1, 0, 0, 1])
    numbers = np.array(RULES, np.float32).T
    rule = PulseRule(*numbers, changes=np.array([True, False, True]), lowest=0.25, highest=1.0)
    tuned = partial(
        TunedCells, sign=sign, tunable=tunable, scatter=scatter, response=response, bend=bend,
        unit=unit,
    )  # fmt: skip
    (plain, left), (found, right) = both(
        fast, state,
        lambda k, e, v, i, n, s, old: k.decide(
            Estimates(e, v), tuned(i, n, s, old), CHOSEN, rule
        ),
    )  # fmt: skip
    (plain, _), (found, changing) = plain, found
    np.testing.assert_array_equal(plain, found)
    np.testing.assert_array_equal(np.sort(changing), np.flatnonzero(found == CHANGE))
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (found == CHANGE)[[0, 2]].any()
    assert not (found == CHANGE)[1].any()
    assert 0.05 < (found > 0).mean() < 0.95


def test_errors_by_target(fast, draw):
    targets, unit = 10 * draw(2, ROWS, COLUMNS), np.array([1, 0, 1])
    targets[0, :3] = 0
    targets[1, 0, 0] = 10  # in the last bin, as is all beyond
    net = targets[unit] + 0.3 + 0.1 * draw(3, ROWS, COLUMNS)
    plain = reference.target_bins(net, targets, unit, 10.0, 20)
    found = fast.target_bins(net, targets, unit, 10.0, 20)
    np.testing.assert_array_equal(found[..., 0], plain[..., 0])
    assert found[..., 0].sum(axis=1).tolist() == [(targets[u] != 0).sum() for u in unit]
    np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-12)


def test_more_rows_than_a_grid_has(fast, monkeypatch):
    """Draws and transforms go in parts."""
    state = random_state(3, 13, 5, patterns=True)
    whole = [products(fast, state, ALL), correlation(fast, state, ALL), mvm(fast, state, ALL)[0]]
    whole.append(fast.normals(state.address(ALL, 3), 100))
    rng, unit = np.random.default_rng(1), np.arange(8) % 2
    net, y = rng.normal(size=(2, 8, 6, 5)).astype(np.float32)
    targets, ideal = rng.normal(size=(2, 2, 6, 5)).astype(np.float32)
    whole += [fast.target_bins(net, targets, unit, 2.0, 4), *fast.output_sums(y, ideal, unit)]
    monkeypatch.setattr(source, "MOST_ROWS", 5)
    parts = [products(fast, state, ALL), correlation(fast, state, ALL), mvm(fast, state, ALL)[0]]
    parts.append(fast.normals(state.address(ALL, 3), 100))
    parts += [fast.target_bins(net, targets, unit, 2.0, 4), *fast.output_sums(y, ideal, unit)]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("patterns", [False, True])
@pytest.mark.parametrize("shape", [(3, 65, 10), (70, 12, 20)])
def test_a_run_does_not_depend_on_the_others_in_its_batch(fast, shape, patterns):
    """More runs than one call of cuBLAS multiplies, some of them again in another order."""
    count = 2 * GROUP + 5
    state = random_state(*shape, seed=1, runs=count, patterns=patterns)
    every, some = np.arange(count), np.random.default_rng(2).permutation(count)[: GROUP + 3]
    for compute in (read_cells, products, correlation):
        whole, part = compute(fast, state, every), compute(fast, state, some)
        np.testing.assert_array_equal(part, whole[some])
    for a, b in zip(mvm(fast, state, some), mvm(fast, state, every), strict=True):
        np.testing.assert_array_equal(a, b[some])
    (part, fired), (whole, expected) = (pulse(fast, state, runs) for runs in (some, every))
    np.testing.assert_array_equal(part[some], whole[some])
    np.testing.assert_array_equal(fired, expected[some])


def test_threads_wait_for_none():
    """From the last thread to the first, every kernel gives the same bits."""
    state = random_state(33, 65, 10, seed=1)
    found = []
    for backwards in (False, True):
        fast = Converting(GpuKernels(HostDevice(backwards=backwards)))
        y, saturated = mvm(fast, state, ALL)
        energy = fast.residual(y, products(fast, state, ALL), state.unit)
        g, fired = pulse(fast, state, ALL)
        estimate, variance = state.weights.copy(), np.abs(state.weights)
        gradient = correlation(fast, state, ALL)
        power, running = np.full(7, 9, np.float32), np.arange(7) % 2 == 0
        gradients = Gradients(gradient, gradient / 2, energy[0], power, 33)
        fast.fold(Estimates(estimate, variance), ALL, gradients, running)
        found.append((y, saturated, *energy, g, fired, estimate, variance))
    for forth, back in zip(*found, strict=True):
        np.testing.assert_array_equal(forth, back)


class TestCallsAreChecked:
    def test_every_kernel_has_its_parameters(self):
        kernels = source.parameters()
        assert source.text().count("__global__") == len(kernels)
        adc = {p.name: p for p in kernels["read_out"]}
        assert (adc["saturated"].type, adc["saturated"].array) == (np.uint64, True)
        assert adc["y"].changed
        assert not adc["gain"].changed
        assert (adc["half"].type, adc["half"].array) == (np.float32, False)

    def test_a_group_stands_for_its_fields_by_name(self):
        class Scaled(NamedTuple):
            scale: float
            shift: float

        class Shifted(NamedTuple):
            shift: float
            scale: float

        device = HostDevice()
        x, out = (device.to_device(np.zeros((4, 6), np.float32)) for _ in range(2))
        device.launch("to_grid", 6, 4, 6, x, Scaled(1, 0.5), 2, out)
        assert (device.to_host(out) == 0.5).all()
        with pytest.raises(TypeError, match="to_grid takes scale where it got shift"):
            device.launch("to_grid", 6, 4, 6, x, Shifted(0, 1), 127, out)

    @pytest.mark.parametrize("wrong", ["type", "strides", "count"])
    def test_a_wrong_argument_raises(self, wrong):
        device = HostDevice()
        x = np.zeros((4, 6), np.float64 if wrong == "type" else np.float32)
        x = device.to_device(x)
        x = x[:, ::2] if wrong == "strides" else x
        arguments = (6, x, 1, 0, 127, device.xp.empty((4, 6), np.float32))
        with pytest.raises(TypeError, match="to_grid"):
            device.launch("to_grid", 6, 4, *arguments[: 5 if wrong == "count" else 6])


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_the_source_compiles_for_the_device(tmp_path, architecture):
    from aimcsim.kernels.cuda.device import OPTIONS

    (tmp_path / "kernels.cu").write_text(source.text())
    command = ["nvcc", *OPTIONS, "-Werror", "all-warnings", f"-arch={architecture}", "-cubin"]
    command += ["-Xptxas", "-v", "kernels.cu", "-o", "kernels.cubin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kernels.cubin").stat().st_size > 0
    for kernel in source.parameters():
        assert f"entry function '{kernel}'" in done.stderr
    # Every array of a thread is in registers.
    memory = [line for line in done.stderr.splitlines() if "stack frame" in line]
    assert all(" 0 bytes stack frame, 0 bytes spill stores" in line for line in memory), done.stderr
