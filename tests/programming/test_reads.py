"""GDP's rule on cell reads: its estimates, its ports, and against program-and-verify.

Statistical bounds are 5 standard errors of the sample moment unless a test states another
tolerance; seeds are fixed.
"""

import numpy as np
import pytest

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.programming import iterative
from aimcsim.programming.cells import first_current
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.outcome import relative_percent
from aimcsim.programming.reads import Reads
from aimcsim.programming.ruled import Rule
from tests.descending import held_error
from tests.samples import NOISE_FREE, Ports, changed, make_cores, net, split

NOISY_READ = changed(NOISE_FREE, read_noise=0.04)
EVEN_COLUMNS = Periphery(column_gain=0, column_offset=0)


def gaussian(units: int, rows: int = 64, columns: int = 48) -> np.ndarray:
    one = np.random.default_rng(3).normal(0, 2.5, (1, rows, columns)).clip(-10, 10)
    return np.repeat(one.astype(np.float32), units, axis=0)


def run_of(cores, targets, current, **values):
    """Each unit core once, with one setting."""
    points = [Reads(**values)]
    make = Reads.runner(points, len(targets))
    return make(cores, targets, current, Rule.of(points, len(targets)))


@pytest.mark.parametrize("reads", [1, 4])
def test_the_estimate_has_the_variance_it_claims(reads):
    """Errors drawn from the prior, eight iterations. Over 20 x 64 x 48 cells a mean square has a
    standard error of 0.6 %; the read noise of a cell off its target is another by 1 %."""
    targets = gaussian(20)
    scatter = 0.02  # of g_max
    error = scatter * 10.35 * np.random.default_rng(4).standard_normal(targets.shape)
    cores = make_cores(targets, NOISY_READ, EVEN_COLUMNS, conductances=split(targets + error))
    prior = scatter / 0.002  # a device without noise counts as of 0.2 % scatter
    run = run_of(
        cores, targets, np.zeros_like(targets), prior=prior, reads=reads, offset_conversions=0
    )
    truth, every, before = net(cores) - targets, np.arange(20), np.inf
    for iteration in range(8):
        run.observe(every, iteration)
        square = np.square(run.estimate - truth).mean()
        assert square / run.variance.mean() == pytest.approx(1, rel=5 * 0.006 + 0.01)
        # Also cell by cell: large targets are noisier, and are known to be.
        relative = np.square(run.estimate - truth) / run.variance
        for part in (np.abs(targets) < 1, np.abs(targets) > 4):
            assert relative[part].mean() == pytest.approx(1, abs=0.06)
        assert square < before
        before = square


def test_the_recorded_error_is_that_of_its_reads():
    targets = gaussian(1)
    reads = []

    class Recorder(Ports):
        def __init__(self, cores):
            super().__init__(cores)
            self.read_cells = lambda runs, conversions: (
                reads.append(cores.read_cells(runs, conversions=conversions)) or reads[-1].copy()
            )

    cores = make_cores(targets, MeltQuench(), EVEN_COLUMNS)
    values = {"iterations": 5, "reads": 3, "offset_conversions": 0}
    outcome = run_of(Recorder(cores), targets, first_current(cores, targets), **values).execute()
    expected = [relative_percent(read - targets, targets)[0] for read in reads]
    np.testing.assert_allclose(outcome.error[0], expected, rtol=1e-6)
    assert cores.ledger.cell_reads == 5 * 3 * targets.size
    assert cores.ledger.mvms == 0


def test_measured_offsets_are_taken_off_its_reads():
    """Offsets of 2 % of the range, 0.54 uS: cells end as without any, or off by as much. Means over
    eight cores, which scatter by 10 %."""
    targets = gaussian(8)
    left = {}
    for offset, conversions in ((0.0, 64), (0.02, 64), (0.02, 0)):
        cores = make_cores(targets, MeltQuench(), Periphery(column_gain=0, column_offset=offset))
        current = first_current(cores, targets)
        run_of(cores, targets, current, iterations=40, offset_conversions=conversions).execute()
        left[offset, conversions] = held_error(cores, targets)
        assert (cores.ledger.mvms == conversions).all()
    assert left[0.02, 64].mean() == pytest.approx(left[0.0, 64].mean(), rel=0.1)
    assert (left[0.02, 0] > 2 * left[0.0, 64]).all()


def test_it_leaves_less_than_program_and_verify_on_gaussian_weights():
    """As many reads of each cell, from RESET both: below 0.6 of its held error on each of six
    cores."""
    targets = gaussian(6)
    verified = make_cores(targets, MeltQuench(), Periphery())
    iterative.program(verified, targets, Iterative(iterations=30))
    cores = make_cores(targets, MeltQuench(), Periphery())
    run_of(cores, targets, first_current(cores, targets), iterations=30).execute()
    assert (cores.ledger.cell_reads <= verified.ledger.cell_reads).all()
    assert (held_error(cores, targets) < 0.6 * held_error(verified, targets)).all()


def test_it_uses_the_ports_alone():
    targets = gaussian(2, 20, 16)
    free, hidden = (make_cores(targets, MeltQuench(), Periphery()) for _ in range(2))
    current = first_current(free, targets)
    expected = run_of(free, targets, current, iterations=12).execute()
    outcome = run_of(Ports(hidden), targets, current, iterations=12).execute()
    np.testing.assert_array_equal(outcome.error, expected.error)
    np.testing.assert_array_equal(hidden.true_conductances(), free.true_conductances())
