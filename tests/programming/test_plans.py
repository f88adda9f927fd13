"""Plans of runs: thresholds for a fixed end, for stops that rise, for a target, within limits."""

import functools

import numpy as np
import pytest

import aimcsim
from aimcsim.chip.cost import Cost, joules, seconds
from aimcsim.programming.outcome import Status
from aimcsim.programming.ruled import FIRST_STOP

SIDE = 128


@functools.cache
def weights(kind: str) -> np.ndarray:
    draw = np.random.default_rng(6)
    if kind == "gaussian":
        return draw.normal(0, 0.3, (SIDE, SIDE)).clip(-1, 1)
    if kind == "laplace":
        return draw.laplace(0, 0.1, (SIDE, SIDE))
    return draw.uniform(-1, 1, (SIDE, SIDE))


@functools.cache
def programmed(kind: str = "gaussian", method: str = "gdp", **settings) -> aimcsim.ProgrammedCores:
    return aimcsim.program(weights(kind), method=method, chips=2, **settings)


def errors(cores: aimcsim.ProgrammedCores) -> np.ndarray:
    """Measured, (chip, iteration), percent."""
    return cores.record["error_per_iteration"].values.reshape(2, -1)


def last_measured(values: np.ndarray) -> np.ndarray:
    """Of each chip (chip,): a run with nothing left to do ends before its last iteration."""
    return np.array([row[np.isfinite(row)][-1] for row in values])


def used(cores: aimcsim.ProgrammedCores) -> np.ndarray:
    return np.isfinite(errors(cores)).sum(axis=1)


def statuses(cores: aimcsim.ProgrammedCores) -> list[int]:
    return cores.record["status"].values.ravel().tolist()


# Rising


@pytest.mark.parametrize("method", ["gdp", "reads"])
def test_rising_plans_are_prefixes_of_each_other(method):
    """Of 20 and of 30 iterations as of the first of 40; thresholds that are planned for the end are
    another from the first round on."""
    whole = errors(programmed(method=method, plan="rising", iterations=40))
    for iterations in (10, 20, 30):
        part = errors(programmed(method=method, plan="rising", iterations=iterations))
        stops = [stop for stop in (10, 20, 40) if stop <= iterations]
        np.testing.assert_array_equal(part[:, : stops[-1]], whole[:, : stops[-1]])
    fixed = errors(programmed(method=method, iterations=20))
    assert (fixed[:, 2:] != whole[:, 2:20]).all()
    assert (fixed[:, :2] == whole[:, :2]).any()


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "laplace"])
def test_at_its_stops_a_rising_plan_is_nearly_as_good_as_plans_for_these_ends(kind):
    """By what both measure, within a tenth: what a run can be ended at any stop for."""
    rising = errors(programmed(kind, plan="rising", iterations=160))
    for stop in (10, 20, 40, 80, 160):
        fixed = last_measured(errors(programmed(kind, iterations=stop)))
        assert last_measured(rising[:, :stop]).mean() < 1.1 * fixed.mean()


def test_so_it_is_as_judged():
    for iterations in (20, 40, 80):
        rising = float(programmed(plan="rising", iterations=iterations).error().mean())
        assert rising < 1.1 * float(programmed(iterations=iterations).error().mean())


# Targets


@pytest.mark.parametrize("kind", ["gaussian", "uniform"])
@pytest.mark.parametrize("target", [8.0, 10.0])
def test_a_target_is_met_and_costs_less_than_all_iterations(kind, target):
    """By judged error, of each chip, within 10 %, and not by less than it asks for."""
    cores, whole = programmed(kind, target_error=target), programmed(kind)
    assert statuses(cores) == [Status.REACHED] * 2
    judged = cores.error().values
    assert (np.abs(judged / target - 1) < 0.1).all()
    last = errors(cores)[np.arange(2), used(cores) - 1]
    assert (last <= target).all()
    assert (whole.error().values < judged).all()
    assert (used(cores) < 0.6 * used(whole)).all()
    for counter in ("mvms", "pulses"):
        # Values: xarray would compare no runs at all, as those of other settings are others.
        assert (cores.record[counter].values < 0.7 * whole.record[counter].values).all()


def test_a_lower_target_takes_longer():
    lengths = [used(programmed(target_error=target)).mean() for target in (12.0, 9.0, 7.0, 6.0)]
    assert (np.diff(lengths) > 0).all()


def test_reads_meet_a_target_as_well():
    """What they measure includes the noise of a read: the judged error is no larger."""
    cores = programmed(method="reads", target_error=12.0)
    assert statuses(cores) == [Status.REACHED] * 2
    assert (cores.error() < 1.1 * 12).all()
    assert (used(cores) < 100).all()


@pytest.mark.parametrize("method", ["gdp", "reads"])
def test_a_target_out_of_reach_uses_its_iterations(method):
    cores = programmed(method=method, target_error=0.5, iterations=30)
    assert used(cores).tolist() == [30, 30]
    assert Status.REACHED not in statuses(cores)
    plain = programmed(method=method, iterations=30)
    assert cores.error().mean() < 1.1 * plain.error().mean()


def test_the_first_plan_of_a_target_is_that_of_the_first_stop():
    """Until then nothing is known of the target but whether it is met."""
    one, other = (errors(programmed(target_error=target)) for target in (6.0, 7.0))
    np.testing.assert_array_equal(one[:, :FIRST_STOP], other[:, :FIRST_STOP])


# Limits


def price(cores: aimcsim.ProgrammedCores) -> tuple[np.ndarray, np.ndarray]:
    """Programming time, ms, and energy, mJ, of each chip."""
    counted = {
        name: cores.record[name].values.ravel().astype(float)
        for name in ("cell_reads", "mvms", "pulses", "set_pulses", "pulse_current")
    }
    size = np.full(2, SIDE)
    time, energy = seconds(Cost(), counted, size), joules(Cost(), counted, size, size)
    return 1e3 * time.sum(axis=-1), 1e3 * energy.sum(axis=-1)


@pytest.mark.parametrize("method", ["gdp", "reads"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_run_comes_to_rest_within_its_limits(method, share):
    """Uses 85 % of it at least, and is nearly as good as runs planned for an end at that price."""
    ends = [programmed(method=method, iterations=count) for count in (10, 20, 30, 50, 100)]
    prices = np.array([np.mean(price(end), axis=1) for end in ends])
    left = [float(end.error().mean()) for end in ends]
    whole = price(ends[-1])
    for name, unlimited, index in (("most_time", whole[0], 0), ("most_energy", whole[1], 1)):
        limit = float(share * unlimited.min())
        cores = programmed(method=method, **{name: limit})
        spent = price(cores)[index]
        assert (spent <= limit).all()
        assert (spent > 0.85 * limit).all()
        planned = np.interp(limit, prices[:, index], left)
        assert float(cores.error().mean()) < 1.1 * planned


def test_the_tighter_of_two_limits_holds():
    time, energy = (float(0.4 * part.min()) for part in price(programmed()))
    both = errors(programmed(most_time=time, most_energy=10 * energy))
    np.testing.assert_array_equal(both, errors(programmed(most_time=time)))


def test_a_rising_plan_comes_to_rest_at_a_limit():
    """Between two stops: no thresholds stay tight for iterations that never come."""
    ends = [programmed(plan="rising", iterations=count) for count in (20, 25, 30, 35, 40)]
    limit = float(price(ends[2])[0].min())
    limited = programmed(plan="rising", iterations=160, most_time=limit)
    assert (price(limited)[0] <= limit).all()
    planned = np.interp(
        limit, [price(end)[0].mean() for end in ends], [float(end.error().mean()) for end in ends]
    )
    assert float(limited.error().mean()) < 1.2 * planned  # 1.35 with tight ones
