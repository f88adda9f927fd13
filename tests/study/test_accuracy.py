"""What was inferred, side by side: values by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student

from aimcsim.common.errors import UserError
from aimcsim.study.accuracy import collect, gain
from aimcsim.study.intervals import Estimate
from tests.study import inferred

AT = {"network": "own", "evaluation_time": "programmed", "compensation": "tile"}
OF = {"baseline": "iterative", "subject": "gdp"}


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    config = inferred.study(compare=inferred.CELLS)
    return collect(inferred.write(tmp_path_factory.mktemp("results"), config))


def test_every_value_is_in_its_place(joined):
    """The case that is the study stands for it."""
    assert joined["case"].values.tolist() == ["cell/odp", "cell/tdp"]
    assert joined["network"].values.tolist() == ["own", "resnet9"]
    assert joined["programmed_by"].values.tolist() == ["iterative", "gdp"]
    assert joined["evaluation_time"].values.tolist() == [
        "programmed",
        "time0",
        "time1",
        "adc4",
        "adc6",
    ]
    found = joined["accuracy"].sel({"network": "resnet9", "case": "cell/odp", "core": 3})
    at = {"evaluation_time": "time1", "compensation": "none"}
    aged = 80 - 0.9 - 1.2 * np.log10(inferred.TIMES[1])
    assert float(found.sel({"programmed_by": "iterative", **at})) == pytest.approx(aged, rel=1e-6)
    assert float(found.sel({"programmed_by": "gdp", **at})) == pytest.approx(aged + 1.7, rel=1e-6)
    tdp = joined["accuracy"].sel({"network": "own", "case": "cell/tdp", "compensation": "tile"})
    assert tdp.sel({"evaluation_time": ["programmed", "time0"]}).notnull().all()
    assert tdp.sel({"evaluation_time": ["time1", "adc4", "adc6"]}).isnull().all()


def test_what_judged_networks_and_chips_is_named(joined):
    assert joined.attrs["judged_by"] == "cpu; gpu: a device"
    assert "judged_by" not in joined


def test_evaluation_times_have_the_times_and_bits_of_their_case(joined):
    assert joined["time"].sel({"evaluation_time": "time0"}).values.tolist() == [200.0, 300.0]
    bits = joined["adc_bits"].sel({"case": "cell/odp"}).values.tolist()
    assert bits == pytest.approx([8.714, 8.714, 8.714, 4, 6])


def test_what_programming_took_stands_beside_the_accuracy(joined):
    """All tiles of the network together, at the run that was inferred; GDP takes thrice."""
    for name, cost in (("programming_time", 0.05), ("programming_energy", 2e-4)):
        spent = joined[name].sel({"network": "resnet9", "case": "cell/tdp"})
        assert spent.dims == ("core", "programmed_by")
        np.testing.assert_allclose(spent.sel(programmed_by="iterative"), cost, rtol=0.01)
        np.testing.assert_allclose(spent.sel(programmed_by="gdp"), 3 * cost, rtol=0.01)
    assert joined["algorithm"].sel(programmed_by=["gdp", "iterative"]).values.tolist() == [
        "gdp",
        "iterative",
    ]


def test_answers_are_counted_over_all_chips(joined):
    counted = joined["confusion"].sel({"case": "cell/odp", **AT})
    assert (counted.sum(("actual", "said")) == 5 * inferred.IMAGES).all()
    assert counted.sel({"programmed_by": "gdp"}).transpose("actual", "said").values[0, -1] == 5 * 2


def test_gain_is_paired_over_chips(joined):
    """Chips differ by 0.3 points in accuracy, and by 0.1 in what GDP gains."""
    gains = 2 - 0.1 * np.arange(5)
    half = student.ppf(0.975, 4) * gains.std(ddof=1) / np.sqrt(5)
    found = gain(joined, **OF, case="cell/odp", **AT)
    expected = Estimate(gains.mean(), gains.mean() - half, gains.mean() + half)
    np.testing.assert_allclose(tuple(vars(found).values()), tuple(vars(expected).values()), 1e-5)
    alone = joined["accuracy"].sel({"case": "cell/odp", "programmed_by": "gdp", **AT})
    assert float(alone.mean()) == pytest.approx(80 - 0.6 + 1.8, rel=1e-6)
    # Unpaired, the spread of the chips themselves would count.
    assert float(alone.std("core", ddof=1)) > 1.5 * gains.std(ddof=1)


def test_what_was_not_inferred_has_no_gain(joined):
    at = AT | {"evaluation_time": "adc4"}
    assert np.isnan(gain(joined, **OF, case="cell/tdp", **at).value)
    of_gdp = joined["accuracy"].sel({"case": "cell/tdp", "programmed_by": "gdp", **at})
    assert of_gdp.isnull().all()


@pytest.mark.parametrize("best", [0, 1])
def test_gdp_is_at_the_setting_chosen_on_the_other_weight_sets(tmp_path, best):
    """The network itself has the smaller error, and far the better accuracy, at the other one."""
    weights = inferred.study().weights
    config = inferred.study(weights={name: weights[name] for name in ("gaussian", "own")})
    liked = (1.0, 3.0)[best]

    def accuracy(case, network, core, run, at, kind):
        if run.method == "iterative":
            return 50.0
        return 60.0 if run.settings.noise_threshold == liked else 99.0

    found = collect(inferred.write(tmp_path, config, accuracy, best=best))["accuracy"]
    assert (found.sel(programmed_by="gdp") == 60).all()
    assert (found.sel(programmed_by="iterative") == 50).all()


def test_a_job_may_have_several_chips_and_times(tmp_path):
    """As those of the digits have; the study grows by chips, which get a shard of their own."""
    weights = {"uniform": {"kind": "uniform"}, "digits": {"kind": "digits", "hidden": [4]}}
    for cores in (3, 5):
        config = inferred.study(weights=weights, cores=cores)
        results = inferred.write(tmp_path, config)
        for path in (tmp_path / "shards").glob("*.json"):
            path.with_suffix(".nc").touch()  # computed, so that the next plan uses it
        found = collect(results)["accuracy"].sel({"network": "digits", "case": "study"})
        assert found["core"].values.tolist() == list(range(cores))
        assert found.notnull().all()
        at = {"evaluation_time": "time1", "compensation": "none", "programmed_by": "gdp"}
        expected = 82 - 0.4 * np.arange(cores) - 1.2 * np.log10(inferred.TIMES[1])
        np.testing.assert_allclose(found.sel(at), expected, rtol=1e-6)
    jobs = sorted(path.name for path in (tmp_path / "inferred").glob("*/digits-*/*.nc"))
    assert len(jobs) == 2


def test_networks_may_differ_in_classes_and_pieces(tmp_path):
    config = inferred.study()
    four = inferred.software(config, "resnet9", classes=4).isel(piece=slice(0, 1))
    joined = collect(inferred.write(tmp_path, config, networks={"resnet9": four}))
    own, other = (joined["software_confusion"].sel({"network": n}) for n in ("own", "resnet9"))
    assert int(own.notnull().sum()) == 9
    assert int(other.notnull().sum()) == 16
    assert int(joined["piece_core"].sel({"network": "resnet9"}).notnull().sum()) == 1


def test_a_case_may_have_fewer_chips_and_no_networks(tmp_path):
    few = {"few": {"cases": {"three": {"cores": 3}, "five": {}}}}
    matrix = {"bits": {"keys": ["periphery.adc_bits"], "values": [5, 8], "weights": ["gaussian"]}}
    joined = collect(inferred.write(tmp_path, inferred.study(compare=few | matrix)))
    assert joined["case"].values.tolist() == ["few/three", "few/five"]
    three = gain(joined, **OF, case="few/three", **AT)
    assert three.value == pytest.approx(1.9, rel=1e-5)
    assert gain(joined, **OF, case="few/five", **AT).value == pytest.approx(1.8, rel=1e-5)


def test_a_plan_that_lacks_a_chosen_run_says_to_run_again(tmp_path):
    config = inferred.study()
    results = inferred.write(tmp_path, config)
    plan = json.loads(Path(results.plan()).read_text())
    plan["shards"] = [name for name in plan["shards"] if not name.startswith("own-")]
    Path(results.plan()).write_text(json.dumps(plan))
    with pytest.raises(UserError, match=r"'own' .* 5 chips .*gdp-.*Run the workflow again"):
        collect(results)
