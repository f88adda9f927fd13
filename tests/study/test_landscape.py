"""Landscapes of methods against planted structure, and against other libraries."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

import aimcsim
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.study.intervals import Estimate
from aimcsim.study.landscape import (
    AGNOSTIC,
    NOT_AGNOSTIC,
    NOT_MEASURED,
    jackknife,
    landscape,
    landscapes,
    total_indices,
    variance_parts,
    verdict,
)
from tests.study.example import make

DEVICE = MeltQuench()
GRID = {"thresholds": (0.5, 1.0, 2.0, 3.0), "floors": (0.5, 1.0, 2.0)}


def planted(interaction: float, noise: float, chips: int = 8, seed: int = 3) -> np.ndarray:
    """Errors (chips, 5 sets, 12 settings) of known main effects, interaction and noise."""
    draw = np.random.default_rng(seed)
    rows = 0.3 * draw.standard_normal((5, 1))
    columns = 0.3 * draw.standard_normal((1, 12))
    both = draw.standard_normal((5, 12))
    both -= both.mean(axis=0) + both.mean(axis=1, keepdims=True) - both.mean()
    scatter = noise * draw.standard_normal((chips, 5, 12))
    return 6 * np.exp(rows + columns + interaction * both / both.std() + scatter)


class TestVariance:
    def test_parts_of_an_exact_model(self):
        errors = planted(0.2, 0.0)
        logs = np.log(errors[0])
        rows = logs.mean(axis=1).var()
        columns = logs.mean(axis=0).var()
        shares = np.array([rows, columns, 0.04, 0.0]) / (rows + columns + 0.04)
        assert np.ptp(logs, axis=1).max() < np.log(10)  # nothing is cut off
        found = [one.value for one in variance_parts(errors, 0.95).values()]
        assert np.allclose(found, shares, atol=1e-9)

    def test_noise_of_chips_is_no_interaction(self):
        """Over many draws the mean share without an interaction is nought within its error."""
        found = np.array(
            [
                variance_parts(planted(0.0, 0.3, chips=4, seed=seed), 0.95)["interaction"].value
                for seed in range(40)
            ]
        )
        plain = 0.09 / 4 / (0.09 + 0.09 + 0.09)  # of the mean over chips, were nothing taken off
        assert found.mean() < 0.25 * plain

    def test_the_interval_covers_the_planted_share(self):
        hits = 0
        for seed in range(60):
            exact = variance_parts(planted(0.2, 0.0, seed=seed), 0.95)["interaction"].value
            errors = planted(0.2, 0.15, seed=seed)
            # Of the parts without chips, which the exact model does not have.
            found = variance_parts(errors, 0.95)
            rest = 1 - found["chips"].value
            one = found["interaction"]
            hits += one.low / rest <= exact <= one.high / rest
        assert hits >= 52  # 95 % of 60 is 57; fewer than 52 has a chance below 1 %

    def test_two_chips_give_no_interval(self):
        assert np.isnan(variance_parts(planted(0.1, 0.1, chips=2), 0.95)["interaction"].high)

    def test_a_diverged_setting_counts_as_useless(self):
        errors = planted(0.0, 0.05)
        without = variance_parts(errors, 0.95)
        errors[:, :, 3] = np.inf
        found = variance_parts(errors, 0.95)
        assert all(np.isfinite([one.value, one.low, one.high]).all() for one in found.values())
        assert found["hyperparameters"].value > without["hyperparameters"].value + 0.1
        assert found["interaction"].value < 0.02


def test_the_jackknife_of_a_mean_is_students_interval():
    sample = np.random.default_rng(0).normal(3, 1, 9)
    low, high = jackknife(lambda part: part.mean(axis=0), sample, sample.mean(), 0.95)
    half = 2.306004 * sample.std(ddof=1) / 3  # t quantile of 8 degrees of freedom
    assert (low, high) == pytest.approx((sample.mean() - half, sample.mean() + half), rel=1e-6)


def test_kendalls_w_is_that_of_friedmans_test():
    summary = make(**GRID)
    found = landscape(summary, "gdp")
    sets, settings = found.means.shape
    statistic = friedmanchisquare(*found.means.T).statistic
    assert found.agreement.value == pytest.approx(statistic / (sets * (settings - 1)), abs=1e-9)


def test_total_indices_of_ishigamis_function():
    """Known: Ishigami and Homma 1990, a = 7, b = 0.1."""

    def ishigami(share):
        first, second, third = (np.pi * (2 * share - 1)).T
        return np.sin(first) + 7 * np.sin(second) ** 2 + 0.1 * third**4 * np.sin(first)

    assert total_indices(ishigami, 3) == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.03)


def test_importances_of_a_planted_landscape():
    """The error of the example falls and rises with threshold and floor, not with the rate."""
    summary = make(**GRID, rates=(0.0006, 0.0012))
    found = landscape(summary, "gdp")
    total = {key: one.value for key, one in found.importance.total.items()}
    assert total["learning_rate"] < 0.15 * max(total.values())
    assert found.importance.predicted > 0.8


class TestRegion:
    def test_inside_are_those_near_the_best_of_every_set(self):
        found = landscape(make(**GRID), "gdp")
        worst = (found.means / found.means.min(axis=1, keepdims=True)).max(axis=0)
        assert np.array_equal(found.region.inside, worst <= 1.05)

    def test_the_safest_is_inside_and_tolerates_itself(self):
        found = landscape(make(thresholds=(0.5, 1, 2, 2.5, 3, 5), floors=(0.5, 1, 2, 4)), "gdp")
        assert found.region.inside[found.region.safest]
        for key, (low, high) in found.region.tolerance.items():
            assert low <= found.points[found.region.safest][key] <= high

    def test_edges_name_the_end(self):
        summary = make(thresholds=(3.0, 5.0, 8.0), floors=(1.0, 2.0, 4.0))
        assert landscape(summary, "gdp").edges.get("noise_threshold") == "low"


def test_transfer_is_the_price_of_another_sets_best():
    found = landscape(make(**GRID), "gdp")
    best = found.means.argmin(axis=1)
    price = found.means[1, best[0]] / found.means[1, best[1]] - 1
    assert found.transfer[0, 1] == pytest.approx(100 * price)
    assert np.all(np.diag(found.transfer) == 0)


def study_with(errors):
    """The example with those errors (cores, sets, settings) of GDP."""
    summary = make(weight_sets=errors.shape[1], cores=errors.shape[0], network=False, **GRID)
    runs = np.flatnonzero(summary["method"].values == "gdp")
    values = summary["mvm_error"].transpose("core", "weight_set", "run", "tile").values.copy()
    values[:, :, runs] = errors[..., None]
    summary["mvm_error"] = (("core", "weight_set", "run", "tile"), values)
    return summary


def with_interaction_alone():
    """The best setting is everybody's, yet what the others cost depends on the weights."""
    depth = np.array([[slope * abs(at - 5) for at in range(12)] for slope in (0.0, 0.0, 0.2, 0.3)])
    noise = 0.002 * np.random.default_rng(1).standard_normal((6, 4, 12))
    return study_with(6 * np.exp(depth + noise))


def verified(g_max, margins):
    """MVM errors (chips, margins) of program-and-verify on devices of that size, percent."""
    by = g_max / DEVICE.g_max
    conductances = [name for name in type(DEVICE).model_fields if name.startswith("g_")]
    device = {name: by * getattr(DEVICE, name) for name in conductances}
    periphery = {name: by * getattr(Periphery(), name) for name in ("adc_range", "adc_noise")}
    weights = np.random.default_rng(3).normal(0, 0.3, (32, 24)).clip(-1, 1)
    how = {"chips": 6, "seed": 2, "device": device, "periphery": periphery, "reads": 16}
    cores = [aimcsim.program(weights, "iterative", margin=margin, **how) for margin in margins]
    return np.stack([one.error().values.ravel() for one in cores], axis=-1)


class TestVerdict:
    def judged(self, errors):
        return verdict(landscape(study_with(errors), "gdp"))

    def settings(self, sets, wanted):
        """Errors with a valley at setting ``wanted[set]`` of twelve."""
        places = np.arange(12)
        depth = np.array([0.02 * (places - at) ** 2 for at in wanted])
        noise = 0.002 * np.random.default_rng(1).standard_normal((6, sets, 12))
        return 6 * np.exp(depth + noise)

    def test_one_valley_for_all_is_agnostic(self):
        assert self.judged(self.settings(4, [5, 5, 5.2, 5])) == AGNOSTIC

    def test_a_valley_that_follows_the_weights_is_not(self):
        assert self.judged(self.settings(4, [2, 4, 7, 9])) == NOT_AGNOSTIC

    def test_an_interaction_alone_is_not(self):
        assert verdict(landscape(with_interaction_alone(), "gdp")) == NOT_AGNOSTIC

    def test_a_margin_in_uS_is_not_where_devices_differ_in_size(self):
        """The same margins as shares of g_max are: all in uS is scaled alike."""
        shares = np.geomspace(0.004, 1.2, 12)
        sizes = (2.5, DEVICE.g_max, 40.0)  # uS
        in_shares = np.stack([verified(g_max, shares) for g_max in sizes], axis=1)
        margins = shares * DEVICE.g_max  # uS
        in_uS = np.stack([verified(g_max, margins / g_max) for g_max in sizes], axis=1)
        assert self.judged(in_shares) == AGNOSTIC
        assert self.judged(in_uS) == NOT_AGNOSTIC

    def test_one_chip_is_not_measured(self):
        assert self.judged(self.settings(4, [5, 5, 5, 5])[:1]) == NOT_MEASURED


def test_only_methods_with_several_settings_on_several_sets():
    assert list(landscapes(make(**GRID, margins=(2.0, 5.0)))) == ["iterative", "gdp"]
    assert landscapes(make(weight_sets=1, network=False, **GRID)) == {}


def test_estimates_are_ordered():
    found = landscape(make(**GRID), "gdp")
    everything = [*found.variance.values(), found.agreement, *found.importance.total.values()]
    assert all(isinstance(one, Estimate) and one.low <= one.value <= one.high for one in everything)
