"""Compiled kernels against their NumPy statement, and independence of the rest of the batch."""

import inspect
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types
from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher
from threadpoolctl import threadpool_limits

import aimcsim
from aimcsim.common.provenance import sources_of
from aimcsim.common.random import Address
from aimcsim.common.threads import single_threaded
from aimcsim.kernels import backend, cpu, descent_cpu, judging_cpu, reference
from aimcsim.kernels.gpu import GpuKernels
from aimcsim.kernels.interface import Cells, Converter, Kernels, MeltQuenchLaw, Pulses
from aimcsim.kernels.patterns import SignPatterns, dense
from aimcsim.physics.converters import Adc

POLARITY = np.array([1, -1], np.float32)

TOLERANCE = 1e-5  # of full scale
MOST = 24  # uS, widest range of cell reads
SHAPES = [(1, 1, 1), (3, 1, 7), (5, 13, 1), (16, 12, 4), (37, 65, 130), (64, 64, 64)]
"""(batch, rows, columns)"""
PATTERN_SHAPES = [(1, 1, 1), (2, 3, 7), (3, 13, 1), (2, 32, 20), (1, 64, 130), (4, 65, 5)]
"""The same of orthogonal inputs: (passes, rows, columns)"""


@dataclass
class State:
    """Random runs on random unit cores, some of which share a unit core."""

    x: np.ndarray | SignPatterns
    g: np.ndarray
    unit: np.ndarray
    gain: np.ndarray
    offset: np.ndarray
    full_scale: np.ndarray
    law: MeltQuenchLaw
    current: np.ndarray
    device: np.ndarray
    weights: np.ndarray
    error: np.ndarray
    chip: np.ndarray
    access: np.ndarray

    def cells(self, read_noise=0.04, read_floor=0.0) -> Cells:
        return Cells(self.g, self.unit, POLARITY, read_noise, read_floor)

    @property
    def cell_range(self) -> np.ndarray:
        """Another for each unit core, uS."""
        return np.linspace(18, MOST, len(self.full_scale), dtype=np.float32)

    def converter(self, bits, full_scale=None) -> Converter:
        """Of MVMs, if no other full scale is given."""
        full_scale = self.full_scale if full_scale is None else full_scale
        return Converter(self.gain, self.offset, full_scale, Adc(2 ** (bits - 1), 0.005))

    def pulses(self, runs, g) -> Pulses:
        addresses = self.address(runs, 9), self.address(runs, 10)
        return Pulses(g, None, runs, self.unit, self.current[runs], self.device[runs], *addresses)

    def address(self, runs, quantity):
        own = self.unit[runs]
        return Address(2**31 + 5, self.chip[own], self.chip[own] % 3, quantity, self.access[runs])


def random_state(batch, rows, columns, seed=0, runs=7, units=3, patterns=False) -> State:
    """With ``patterns``, orthogonal inputs of ``batch`` passes."""
    generator = np.random.default_rng(seed)

    def uniform(low, high, *shape):
        return generator.uniform(low, high, shape).astype(np.float32)

    def signs(*shape):
        return generator.choice([np.float32(-1), np.float32(1)], shape)

    cells = (2, rows, columns)
    x = np.round(uniform(-127, 127, units, batch, rows)) / np.float32(127)
    if patterns:
        order = 1 << (rows - 1).bit_length()
        x = SignPatterns(
            np.float32(73 / 127), signs(units, batch, rows), signs(units, batch, order)
        )
        batch *= order
    return State(
        x=x,
        g=uniform(0, 20, runs, *cells),
        unit=np.sort(generator.integers(0, units, runs)),
        gain=uniform(0.93, 1.07, units, columns),
        offset=uniform(-0.005, 0.005, units, columns),
        full_scale=uniform(10, 12, units) * np.float32(np.sqrt(rows)),
        law=MeltQuenchLaw(
            uniform(5, 40, units, *cells),
            uniform(0, 0.2, units, *cells),
            uniform(0.35, 0.65, units, *cells),
            uniform(0.02, 0.12, units, *cells),
            i_melt=0.25,
            current_jitter=0.02,
            current_jitter_slope=0.04,
            quench_noise=0.02,
        ),
        current=pulses(uniform(-0.5, 1, runs, rows, columns)),
        device=generator.integers(0, 2, (runs, rows, columns)).astype(np.int8),
        weights=uniform(-10, 10, runs, rows, columns),
        error=uniform(-5, 5, runs, batch, columns),
        chip=generator.integers(0, 2**32, units).astype(np.uint32),
        access=generator.integers(0, 2**32, runs).astype(np.uint32),
    )


def pulses(values):
    """A tenth SET pulses (negative), a quarter of the cells without a pulse, the rest currents."""
    return np.where(values < -0.35, np.float32(-1), values.clip(0))


def read_cells(kernels, state, runs, bits=16, device=None):
    converter = state.converter(bits, state.cell_range)
    return kernels.read_cells(state.cells(), runs, converter, state.address(runs, 7), device)


def mvm(kernels, state, runs, bits=16, **noise):
    return kernels.mvm(
        state.x, state.unit[runs], state.cells(**noise), runs, state.converter(bits),
        state.address(runs, 8),
    )  # fmt: skip


def pulse(kernels, state, runs):
    """The new conductances of all runs, and the pulses fired at ``runs``."""
    g = state.g.copy()
    fired, total = kernels.pulse(state.pulses(runs, g), state.law)
    return g, np.column_stack([fired, total])


def products(kernels, state, runs):
    return kernels.ideal_products(state.x, state.unit[runs], state.weights, runs)


def correlation(kernels, state, runs):
    return kernels.correlate(state.x, state.unit[runs], state.error[runs])


def assert_same_codes(fast, plain, step, share=1e-3):
    """Converted values agree but for a few that rounding moves by one step."""
    steps = np.rint((fast.astype(np.float64) - plain) / step)
    np.testing.assert_allclose(fast - plain, steps * step, rtol=0, atol=TOLERANCE * step * 2**15)
    assert np.abs(steps).max() <= 1
    assert np.count_nonzero(steps) <= max(share * steps.size, 1)


@pytest.fixture(
    params=[(shape, False) for shape in SHAPES] + [(shape, True) for shape in PATTERN_SHAPES],
    ids=lambda kind: "x".join(map(str, kind[0])) + ("-patterns" if kind[1] else ""),
)
def state(request):
    shape, patterns = request.param
    return random_state(*shape, patterns=patterns)


ALL, SOME = np.arange(7), np.array([6, 1, 2])


@pytest.mark.parametrize("runs", [ALL, SOME, ALL[:0]], ids=["all", "some", "none"])
class TestAgainstReference:
    def test_normals_and_uniforms(self, state, runs):
        address = state.address(runs, 11)
        for count in (1, 63, 64, 65, 1000):
            np.testing.assert_array_equal(
                cpu.uniforms(address, count), reference.uniforms(address, count)
            )
            np.testing.assert_allclose(
                cpu.normals(address, count), reference.normals(address, count), rtol=0, atol=5e-6
            )

    def test_read_cells(self, state, runs):
        """At 8 bits rounding moves few codes; at 16 bits a code is finer than the tolerance."""
        fast, plain = (read_cells(kernels, state, runs) for kernels in (cpu, reference))
        assert fast.shape == plain.shape == (len(runs), *state.g.shape[2:])
        np.testing.assert_allclose(fast, plain, rtol=0, atol=(TOLERANCE + 2**-15) * MOST)
        if len(runs):
            fast, plain = (read_cells(kernels, state, runs, 8) for kernels in (cpu, reference))
            step = state.cell_range[state.unit[runs]][:, None, None] / 128
            assert_same_codes(fast / step, plain / step, 1)

    def test_mvm(self, state, runs):
        (fast, _), (plain, _) = (mvm(kernels, state, runs) for kernels in (cpu, reference))
        assert fast.shape == plain.shape == (len(runs), *state.error.shape[1:])
        scale = state.full_scale[state.unit[runs]][:, None, None]
        np.testing.assert_allclose(fast / scale, plain / scale, rtol=0, atol=TOLERANCE + 2**-15)
        if len(runs):
            (fast, high), (plain, low) = (
                mvm(kernels, state, runs, 8) for kernels in (cpu, reference)
            )
            assert_same_codes(fast / scale, plain / scale, 1 / 128)
            assert np.abs(high - low).sum() <= max(1e-3 * fast.size, 1)

    def test_read_of_one_device(self, state, runs):
        device = state.device[runs]
        fast, plain = (read_cells(k, state, runs, device=device) for k in (cpu, reference))
        np.testing.assert_allclose(fast, plain, rtol=0, atol=MOST * (TOLERANCE + 2**-15))

    def test_pulse(self, state, runs):
        (fast, fired), (plain, expected) = (pulse(k, state, runs) for k in (cpu, reference))
        np.testing.assert_array_equal(fired, expected)
        np.testing.assert_array_equal(fired[:, 0], (state.current[runs] > 0).sum(axis=(1, 2)))
        np.testing.assert_array_equal(fired[:, 1], (state.current[runs] < 0).sum(axis=(1, 2)))
        # Full scale: the largest SET conductance.
        np.testing.assert_allclose(fast, plain, rtol=0, atol=TOLERANCE * 40)
        others = np.setdiff1d(ALL, runs)
        np.testing.assert_array_equal(fast[others], state.g[others])

    def test_ideal_products(self, state, runs):
        fast, plain = (products(kernels, state, runs) for kernels in (cpu, reference))
        exact = dense(state.x)[state.unit[runs]].astype(np.float64) @ state.weights[runs]
        scale = 10 * np.sqrt(state.g.shape[2])
        np.testing.assert_allclose(fast, plain, rtol=0, atol=TOLERANCE * scale)
        np.testing.assert_allclose(fast, exact, rtol=0, atol=TOLERANCE * scale)

    def test_correlate(self, state, runs):
        fast, plain = (correlation(kernels, state, runs) for kernels in (cpu, reference))
        x, error = dense(state.x)[state.unit[runs]].astype(np.float64), state.error[runs]
        exact = np.einsum("nbr,nbc->nrc", x, error)
        scale = 5 * np.sqrt(state.error.shape[1])
        np.testing.assert_allclose(fast, plain, rtol=0, atol=TOLERANCE * scale)
        np.testing.assert_allclose(fast, exact, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("kernels", [cpu, reference])
@pytest.mark.parametrize("patterns", [False, True])
def test_products_of_all_matrices_in_turn(kernels, patterns):
    state = random_state(2, 20, 9, patterns=patterns)
    every = kernels.ideal_products(state.x, state.unit, state.weights)
    np.testing.assert_array_equal(every, products(kernels, state, ALL))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.36, 1.0])
def test_pulses_at_few_and_at_many_cells(share):
    """Few draw their noise one by one, many take it from that of all: the same numbers."""
    state = random_state(1, 40, 50, seed=3)
    chosen = np.random.default_rng(1).random(state.current.shape) < share
    state.current = np.where(chosen, state.current, np.float32(0))
    (fast, fired), (plain, expected) = (pulse(k, state, ALL) for k in (cpu, reference))
    np.testing.assert_array_equal(fired, expected)
    np.testing.assert_allclose(fast, plain, rtol=0, atol=TOLERANCE * 40)
    untouched = np.broadcast_to(~chosen[:, None], fast.shape)
    np.testing.assert_array_equal(fast[untouched], state.g[untouched])


def test_a_sum_over_orthogonal_inputs_is_what_the_factors_say():
    x = random_state(3, 13, 1, patterns=True).x
    inputs = x.dense().astype(float)
    gram = np.swapaxes(inputs, 1, 2) @ inputs
    expected = x.batch * float(x.level) ** 2 * np.eye(13)
    np.testing.assert_allclose(gram, np.broadcast_to(expected, gram.shape), atol=1e-4)


def edge_law(state) -> MeltQuenchLaw:
    """Steep curves, exact currents, more noise than signal."""
    widths = np.full_like(state.law.i_width, 1e-4)
    exact = {"current_jitter": 0.0, "current_jitter_slope": 0.0}
    return state.law._replace(i_width=widths, quench_noise=3.0, **exact)


def test_pulse_at_the_edges_of_the_law():
    """Overflowing exponentials, cells without a pulse, quench noise below -1: no NaN, no sign."""
    state = random_state(1, 8, 8, seed=4)
    state.current[:] = np.array([0, 1e-9, 0.2499, 0.25, 0.26, 0.5, 1, 1], np.float32)
    law = edge_law(state)
    results = []
    for kernels in (cpu, reference):
        g = state.g.copy()
        kernels.pulse(state.pulses(ALL, g), law)
        results.append(g)
    fast, plain = results
    np.testing.assert_allclose(fast, plain, rtol=TOLERANCE, atol=TOLERANCE)
    assert np.isfinite(fast).all()
    assert fast.min() == 0
    unmelted = (slice(None), slice(None), slice(None), slice(0, 3))
    np.testing.assert_array_equal(fast[unmelted], state.g[unmelted])


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_several_runs_may_share_one_batch_of_inputs(kernels):
    """``x_of`` alone decides: neighbours that share inputs, and ones that do not."""
    state = random_state(11, 20, 9, seed=2)
    one = np.array([3])

    def product(x_of, runs):
        address = state.address(runs, 8)
        return kernels.mvm(state.x, x_of, state.cells(), runs, state.converter(16), address)

    for x_of in ([0] * 7, [2, 2, 0, 0, 1, 2, 2], [0, 1, 2, 0, 1, 2, 0]):
        together, saturated = product(np.array(x_of), ALL)
        for run in ALL:
            alone, count = product(np.array(x_of)[[run]], one * 0 + run)
            np.testing.assert_array_equal(together[run], alone[0])
            assert saturated[run] == count[0]


BATCH_SHAPES = [(5, 16, 12), (33, 65, 10), (1, 1, 1), (700, 12, 20)]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(BATCH_SHAPES), st.permutations(range(7)), st.integers(1, 7), st.booleans())
def test_a_run_does_not_depend_on_the_others_in_its_batch(shape, order, count, patterns):
    """Any subset in any order gives each of its runs the bits of the whole batch."""
    state = random_state(*shape, seed=1, patterns=patterns)
    runs = np.array(order[:count])
    np.testing.assert_array_equal(read_cells(cpu, state, runs), read_cells(cpu, state, ALL)[runs])
    some, every = mvm(cpu, state, runs), mvm(cpu, state, ALL)
    np.testing.assert_array_equal(some[0], every[0][runs])
    np.testing.assert_array_equal(some[1], every[1][runs])
    some, every = pulse(cpu, state, runs), pulse(cpu, state, ALL)
    np.testing.assert_array_equal(some[0][runs], every[0][runs])
    np.testing.assert_array_equal(some[1], every[1][runs])
    np.testing.assert_array_equal(products(cpu, state, runs), products(cpu, state, ALL)[runs])
    np.testing.assert_array_equal(correlation(cpu, state, runs), correlation(cpu, state, ALL)[runs])


@pytest.mark.parametrize("shape", [(1024, 256, 256), (2048, 256, 256), (1024, 64, 10)])
def test_bits_do_not_depend_on_the_number_of_threads(shape):
    """Inside the context in which the command line runs every shard."""
    state = random_state(*shape, runs=2, units=1)
    runs = np.arange(2)
    most = numba.get_num_threads()
    results = []
    for threads in (1, max(most, 2)):
        numba.set_num_threads(min(threads, most))
        with threadpool_limits(threads), single_threaded():
            gram = cpu.correlate(state.x, np.zeros(1, np.intp), state.x)
            results.append(
                (
                    *mvm(cpu, state, runs),
                    *pulse(cpu, state, runs),
                    read_cells(cpu, state, runs),
                    products(cpu, state, runs),
                    correlation(cpu, state, runs),
                    gram @ state.weights,
                )
            )
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_names_of_the_back_ends():
    assert backend("reference") is reference
    assert backend("cpu") is backend("auto") is cpu
    for kernels in (cpu, reference):
        assert backend(kernels.name) is kernels
        assert kernels.description == kernels.name
        assert kernels.device is None


FUNCTIONS = [name for name, one in vars(Kernels).items() if name[0] != "_" and callable(one)]


@pytest.mark.parametrize("kernels", [cpu, reference, GpuKernels])
def test_every_back_end_takes_the_arguments_of_the_interface(kernels):
    assert {"mvm", "decide"} < set(FUNCTIONS)
    for name in FUNCTIONS:
        stated, own = (
            [p for p in inspect.signature(getattr(one, name)).parameters if p != "self"]
            for one in (Kernels, kernels)
        )
        assert own == stated, name
        assert len(own) <= 6, name


@pytest.mark.parametrize("patterns", [False, True])
def test_the_cache_knows_no_named_tuples(patterns):
    """numba's cache does not see that the fields of one from another file have another order, and
    cannot be read once one that it knows is gone."""
    state = random_state(2, 20, 9, patterns=patterns)
    for function in (read_cells, mvm, pulse, products, correlation):
        function(cpu, state, ALL)
    compiled = 0
    for module in (cpu, descent_cpu, judging_cpu):
        for kernel in vars(module).values():
            if isinstance(kernel, Dispatcher) and not isinstance(kernel._cache, NullCache):
                compiled += len(kernel.signatures)
                assert "NamedTuple" not in repr([kind_of(s) for s in kernel.signatures]), kernel
    assert compiled >= 5


def kind_of(types_) -> list:
    """Classes of numba's types, tuples with those inside."""
    return [
        (type(one).__name__, kind_of(one) if isinstance(one, types.BaseTuple) else [])
        for one in types_
    ]


def test_an_edit_of_the_random_numbers_recompiles_the_kernels_that_contain_them(tmp_path):
    """numba keys its cache on a function's own file; machine code inlined from another file
    would live on after an edit there, and the workflow would rerun a stage with old laws."""
    package = tmp_path / "aimcsim"
    whole = Path(aimcsim.__file__).parent
    for source in sources_of("aimcsim.kernels.cpu"):
        copy = package / source.relative_to(whole)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    program = (
        "import numpy as np; from aimcsim.kernels import cpu; from aimcsim.common.random import"
        " Address; one = np.ones(1, np.uint32);"
        " print(cpu.uniforms(Address(1, one, one, 1, one), 1)[0, 0])"
    )

    def first_uniform():
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", program]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    before = first_uniform()
    assert first_uniform() == before
    edited = [p for p in (package / "kernels").glob("cpu*.py") if "0xD2511F53" in p.read_text()]
    assert len(edited) == 1
    edited[0].write_text(edited[0].read_text().replace("0xD2511F53", "0xD2511F55"))
    assert first_uniform() != before
