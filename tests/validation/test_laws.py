"""Every verdict by another route, and a verdict for every kind of mistake."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

from aimcsim.chip.devices.set_accumulation import SetAccumulation
from aimcsim.physics import crossbar as wires
from aimcsim.physics.state_statistics import BY_NAME, Polynomial
from aimcsim.validation import accumulation, crossbar, dataset, published, sample, states

SMALL = (16, 24)


@pytest.fixture(scope="module")
def laws() -> xr.Dataset:
    return dataset.build(1, SMALL)


def test_every_law_holds_and_every_value_is_counted(laws):
    assert laws["holds"].values.tolist() == [1] * 5
    counts = dict(zip(laws["law"].values, laws["comparisons"].values.tolist(), strict=True))
    assert counts == {"residual": 60, "drift": 60, "noise": 54, "accumulation": 42, "wires": 14}
    for name in laws.data_vars:
        assert laws[name].attrs["units"], name
        judged = laws["wires_limit"].notnull() if name == "wires_limit" else True
        assert np.isfinite(laws[name].where(judged, 0).values).all(), name


def test_the_same_seed_gives_the_same_draws_and_another_others():
    first, again, other = (states.residual(seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(first, again)
    assert not np.any(first["residual_spread"].values == other["residual_spread"].values)


# Each comparison again from the dataset's numbers, without the package's own judgement.


def test_verdict_on_the_residual_by_integration(laws):
    largest = 0.0
    for name, one in BY_NAME.items():
        for share in laws["share"].values:
            target = share * one.g_max
            sigma = float(one.sigma_prog(np.array(share)))
            moments = [
                integrate.quad(
                    lambda g, k=k, mean=target, std=sigma: g**k * stats.norm.pdf(g, mean, std),
                    0, target + 12 * sigma, points=[target], epsabs=1e-12,
                )[0]
                for k in (1, 2)
            ]  # fmt: skip
            expected = np.sqrt(moments[1] - moments[0] ** 2)
            row = laws.sel({"statistics": name, "share": share})
            assert float(row["residual_spread_expected"]) == pytest.approx(expected, rel=1e-6)
            seen, error = float(row["residual_spread"]), float(row["residual_spread_error"])
            # A clipped sample scatters a little differently; 0.02 on the error covers it.
            assert error == pytest.approx(expected / np.sqrt(2 * states.DEVICES), rel=0.2)
            largest = max(largest, abs(seen - expected) / error)
            mean = abs(float(row["residual_mean"]) - (moments[0] - target))
            largest = max(largest, mean / float(row["residual_mean_error"]))
    assert largest == pytest.approx(float(laws["largest"].sel(law="residual")), rel=1e-3)
    # Two-sided tail of 60 comparisons, one seed in a thousand.
    assert float(laws["limit"].sel(law="residual")) == pytest.approx(
        stats.norm.ppf(1 - 0.001 / 120)
    )


def test_verdict_on_drift_by_the_folded_normal_of_scipy(laws):
    far = []
    for name, one in BY_NAME.items():
        shares = laws["share"].values
        mean, spread = one.drift_mean(shares), one.drift_spread(shares)
        folded = stats.foldnorm(mean / spread, scale=spread)
        row = laws.sel({"statistics": name})
        for moment, expected in (("mean", folded.mean()), ("spread", folded.std())):
            seen, error = row[f"drift_{moment}"].values, row[f"drift_{moment}_error"].values
            far.append(np.abs(seen - expected) / error)
    assert np.max(far) == pytest.approx(float(laws["largest"].sel(law="drift")), rel=1e-6)


def test_verdict_on_read_noise_by_growth_alone(laws):
    """The published law is a straight line over ln t: its slope is Q_s squared."""
    for name, one in BY_NAME.items():
        row = laws.sel({"statistics": name})
        along = np.log(row["noise_time"].values)
        for index, share in enumerate(laws["noise_share"].values):
            seen = row["noise_variance"].values[index]
            error = row["noise_variance_error"].values[index]
            slope, covariance = np.polyfit(along, seen, 1, w=1 / error, cov="unscaled")
            expected = float(one.read_noise_scale(np.array(share))) ** 2
            assert abs(slope[0] - expected) < 4 * np.sqrt(covariance[0, 0])


def test_verdict_on_accumulation_by_a_plain_monte_carlo(laws):
    generator, devices = np.random.default_rng(5), 400_000
    g = np.maximum(0.1 + 0.01 * generator.standard_normal(devices), 0)
    top, memory = generator.uniform(12, 20, devices), 1.0
    for pulse in range(1, accumulation.PULSES + 1):
        step = -0.084 * g + 0.880 + 1.40 * memory
        step += (0.091 * g + 0.260 + 2.15 * memory) * generator.standard_normal(devices)
        g = np.clip(g + step, 0.1, top)
        memory *= np.exp(-1 / 2.6)
        row = laws.isel(pulse=pulse)
        mean, spread = float(row["accumulation_mean_expected"]), g.std(ddof=1)
        assert abs(g.mean() - mean) < 4.5 * spread / np.sqrt(devices)
        error = 4.5 * spread / np.sqrt(2 * devices)
        assert abs(spread - float(row["accumulation_spread_expected"])) < error


def test_a_finer_grid_changes_the_reference_by_far_less_than_a_standard_error(laws):
    coarse, fine = accumulation.propagated(), accumulation.propagated(accumulation.PITCH / 2)
    for moment, one, other in zip(("mean", "spread"), coarse, fine, strict=True):
        error = laws[f"accumulation_{moment}_error"].values
        assert np.all(np.abs(one - other) < 0.05 * error)


def test_verdict_on_wires_by_the_whole_transfer_matrix(laws):
    for kind in crossbar.KINDS:
        for size in SMALL:
            g = crossbar.conductances(1, kind, size)
            matrix = wires.exact(g, np.eye(size), 2.5, 2.5)
            row = laws.sel({"kind": kind, "size": size, "ohm": 2.5})
            # Over all inputs instead of eight; the approximate one has the same sum to 0.1 %.
            deviation = 100 * np.linalg.norm(matrix - g) / np.linalg.norm(g)
            assert float(row["wires_deviation"]) == pytest.approx(deviation, rel=0.35)
            approximate = wires.effective_conductance(g, 2.5, 2.5)
            error = 100 * np.linalg.norm(approximate - matrix) / np.linalg.norm(matrix - g)
            assert float(row["wires_error"]) == pytest.approx(error, rel=0.6)
            assert float(row["wires_error"]) < crossbar.LIMITS[kind]


# A mistake in a law flips its verdict.


def _verdict(laws: xr.Dataset, part: xr.Dataset) -> dict[str, int]:
    judged = dataset.judged(laws.drop_dims("law").assign(part.data_vars))
    return dict(zip(judged["law"].values, judged["holds"].values.tolist(), strict=True))


def _with(name: str, **changes) -> dict:
    return BY_NAME | {name: replace(BY_NAME[name], **changes)}


def _scaled(law: Polynomial, index: int, factor: float) -> Polynomial:
    values = list(law.coefficients)
    values[index] *= factor
    return Polynomial(tuple(values))


@pytest.mark.parametrize("name", list(BY_NAME))
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_wrong_coefficient_of_the_residual_is_found(laws, name, index):
    sigma = _scaled(BY_NAME[name].sigma_prog, index, 1.08)
    found = _verdict(laws, states.residual(1, _with(name, sigma_prog=sigma)))
    assert found == {"residual": 0, "drift": 1, "noise": 1, "accumulation": 1, "wires": 1}


@pytest.mark.parametrize("law", ["drift_mean", "drift_spread"])
def test_a_wrong_law_of_drift_is_found(laws, law):
    original = getattr(BY_NAME["hermes_odp"], law)
    above = replace(original, above=_scaled(original.above, 0, 1.1))
    below = replace(original, below=replace(original.below, slope=1.1 * original.below.slope))
    for broken in (above, below):
        found = _verdict(laws, states.drift(1, _with("hermes_odp", **{law: broken})))
        assert found["drift"] == 0
        assert found["residual"] == 1


def test_drift_by_another_clock_is_found(laws, monkeypatch):
    """An exponent that no device has, though the law of exponents is right."""
    drifted = states.drifted
    monkeypatch.setattr(states, "drifted", lambda s, g, nu, t: drifted(s, g, 1.02 * nu, t))
    assert _verdict(laws, states.drift(1))["drift"] == 0


@pytest.mark.parametrize("changes", [{"t_read": 512e-6}, {"g_max": 12.0}])
def test_wrong_read_noise_is_found(laws, changes):
    assert _verdict(laws, states.noise(1, _with("hermes_odp", **changes)))["noise"] == 0


@pytest.mark.parametrize(
    "name",
    ["mean_g", "mean_0", "mean_p", "std_g", "std_0", "std_p", "memory_pulses", "g_max_high"],
)
def test_a_wrong_coefficient_of_accumulation_is_found(laws, name):
    changed = SetAccumulation(**{name: 1.1 * getattr(SetAccumulation(), name)})
    assert _verdict(laws, accumulation.accumulation(1, changed))["accumulation"] == 0


def test_an_approximation_without_detours_is_found(laws, monkeypatch):
    others = laws.drop_dims("size")
    assert _verdict(others, crossbar.crossbar(1, (128,)))["wires"] == 1
    monkeypatch.setattr(wires, "detours", lambda g, *_: np.zeros_like(g))
    assert _verdict(others, crossbar.crossbar(1, (128,)))["wires"] == 0


def test_the_limit_is_rarely_exceeded_by_true_laws():
    """Largest of 60 standard normal distances over 20,000 families: above it in 0.1 %."""
    largest = np.abs(np.random.default_rng(3).standard_normal((20_000, 60))).max(axis=1)
    beyond = int((largest > sample.limit(60)).sum())
    assert stats.binomtest(beyond, 20_000, sample.FALSE_ALARM).pvalue > 1e-3


def test_standard_errors_cover_as_often_as_they_say():
    samples = np.random.default_rng(7).standard_exponential((2000, 5000))
    found = sample.Moments.of(samples)
    for seen, error in ((found.mean, found.mean_error), (found.spread, found.spread_error)):
        inside = int((np.abs(seen - 1) < 2 * error).sum())
        assert 0.935 < inside / 2000 < 0.97


def test_published_formulas_agree_with_those_of_the_devices():
    x = np.linspace(0.001, 1, 5000)
    for name, one in BY_NAME.items():
        again = published.STATES[name]
        assert (again.g_max, again.t0, again.t_read) == (one.g_max, one.t0, one.t_read)
        for ours, theirs in (
            (one.sigma_prog, again.sigma),
            (one.drift_mean, again.drift_mean),
            (one.drift_spread, again.drift_spread),
            (one.read_noise_scale, again.noise_scale),
        ):
            assert np.allclose(ours(x), theirs(x), rtol=1e-12)
