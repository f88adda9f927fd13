"""A tiny study with each device, from its shards to its judgement."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.paths import Results
from aimcsim.config.load import cases, from_mapping
from aimcsim.config.models import Config
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.cut import cut
from aimcsim.sweep.plan import Plan
from aimcsim.sweep.shard import run
from tests.samples import melt_quench_table, staircase_table
from tests.shards_of import plan_and_write

DEVICES = {
    "set_accumulation": {"model": "set_accumulation"},
    "table of currents": melt_quench_table(16, 4, 48).model_dump(),
    "table of pulses": staircase_table(12).model_dump(),
}


GDP = {
    "start": ["iterative", "reset"],
    "batch_size": 256,
    "iterations": 30,
    "opposite": [True, False],
}


def study(device, gdp=GDP, further=(), **changes) -> Config:
    """``further``: names of algorithms that run beside the two."""
    iterative = {"reverify": False, "iterations": 20}
    return from_mapping(
        {
            "cores": 2,
            "core": {"rows": 32, "columns": 24},
            "device": device,
            "weights": {"w": {"kind": "uniform", "rows": 40, "columns": 24}},
            "methods": {"iterative": iterative, "gdp": gdp, **{name: {} for name in further}},
            "evaluation": {"statistics": "pcm_90nm", "times": [20.0, 1e6], "inputs": 256},
            **changes,
        }
    )


def weights() -> xr.Dataset:
    matrix = np.random.default_rng(2).uniform(-1, 1, (40, 24))
    return xr.Dataset(matrix_variables([("layer", matrix)]))


def computed(config: Config, directory) -> list[tuple[xr.Dataset, xr.Dataset]]:
    """Conductances and judgement of every shard."""
    found = []
    (shards,) = cut([config], directory)
    for shard in shards:
        _, states = run(ShardSpec.parse(shard.text), weights())
        found.append((states, evaluate(states, weights(), config.evaluation).errors))
    return found


@pytest.mark.parametrize("name", DEVICES)
def test_a_study_with_each_device(name, tmp_path):
    """GDP ends below iterative and far below the erased core (100 %), from either start."""
    [(states, judged)] = computed(study(DEVICES[name]), tmp_path)
    assert set(states.data_vars) == {"conductance_0000", "conductance_0001"}
    for variable in states.data_vars.values():
        assert np.isfinite(variable).all()
        assert (variable >= 0).all()
    held = judged["held_error"].mean(("tile", "core"))
    assert held["method"].values.tolist() == ["iterative"] + ["gdp"] * 4
    assert held[0] < 30
    assert (held[1:] < held[0]).all()
    assert np.isfinite(judged["error_over_time"]).all()
    assert (judged["mvm_error"] < 60).all()


@pytest.mark.parametrize("name", DEVICES)
def test_the_cut_into_shards_changes_no_bit(name, tmp_path):
    whole = study(DEVICES[name])
    cut = study(DEVICES[name], execution={"runs_per_shard": 1})
    [(states, judged)] = computed(whole, tmp_path / "whole")
    parts = computed(cut, tmp_path / "cut")
    assert len(parts) == 10
    for part, verdict in parts:
        where = {"core": part["core"], "run": part["run"]}
        same = states.sel(where)
        of_others = set(same.coords) - set(part.coords)  # keys of methods that it has no run of
        xr.testing.assert_equal(part, same.drop_vars(of_others))
        np.testing.assert_array_equal(verdict["mvm_error"], judged["mvm_error"].sel(where))


def test_a_comparison_of_tables(tmp_path):
    """Each case programs its own; the base study's table stays out of theirs."""
    for name, top in (("a", 12), ("b", 14)):
        (tmp_path / f"{name}.csv").write_text(f"pulse,mean,std\n0,0.1,0.01\n9,{top},0.8\n")
    base = {"model": "table", "g_max": 10, "path": str(tmp_path / "a.csv")}
    changes = {
        "other": {"device": {"path": str(tmp_path / "b.csv")}},
        "chip": {"device": {"model": "melt_quench"}},
    }
    config = study(base, compare={"devices": {"cases": changes}}, gdp={})
    means = {}
    results = Results(str(tmp_path / "results"))
    for part in plan_and_write(config, results):
        device = part.shards[0].content["device"]
        means[part.case] = device.get("columns", {}).get("mean")
    assert means == {"": [0.1, 12], "devices/other": [0.1, 14], "devices/chip": None}
    plan = Plan.read(results.plan())
    assert cases(plan.config)[0].config.device.path.endswith("b.csv")


def test_hadamard_verifies_need_a_current(tmp_path):
    unable, results = (
        study(DEVICES["set_accumulation"], further=["hadamard"]),
        Results(str(tmp_path)),
    )
    with pytest.raises(UserError, match=r"methods\.hadamard .* moves the current .* Leave it out"):
        plan_and_write(unable, results)
    config = study(DEVICES["table of currents"], {"iterations": 4}, further=["hadamard"])
    [(_, judged)] = computed(config, tmp_path)
    held = judged["held_error"].mean(("tile", "core"))
    held = dict(zip(held["method"].values.tolist(), held.values, strict=True))
    assert held["hadamard"] < held["iterative"]


def test_shards_hold_the_table_and_are_named_by_it(tmp_path):
    table = tmp_path / "cell.csv"
    text = "pulse,mean,std\n0,0.1,0.01\n4,6,0.5\n9,12,0.8\n"
    table.write_text(text)
    config = study({"model": "table", "g_max": 10, "path": str(table)})
    results = Results(str(tmp_path / "results"))

    def planned() -> list[str]:
        return [shard.name for shard in plan_and_write(config, results)[0].shards]

    first = planned()
    described = Path(results.description(first[0])).read_text()
    assert str(tmp_path) not in described
    assert json.loads(described)["device"]["columns"]["mean"] == [0.1, 6, 12]
    table.write_text(text.replace("\n", "\n\n"))  # the same numbers
    assert planned() == first
    table.write_text(text.replace("6,0.5", "6,0.4"))
    assert not set(planned()) & set(first)
    table.rename(tmp_path / "gone.csv")
    with pytest.raises(UserError, match=r"cell.csv: no such file"):
        planned()
