"""The Python front door: the same numbers as the workflow's stages, without files."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import aimcsim
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import matrices
from aimcsim.sweep.shard import run

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SMALL = {"rows": 48, "columns": 32}
QUICK = {"iterations": 12, "batch_size": 64}


@pytest.fixture(scope="module")
def weights():
    """Four tiles of a core of 48 x 32, the last ones smaller."""
    return np.random.default_rng(0).normal(0, 0.1, (70, 40))


@pytest.fixture(scope="module")
def cores(weights):
    return aimcsim.program(weights, method="gdp", chips=2, seed=3, core=SMALL, **QUICK)


def test_the_lines_of_the_readme_run(tmp_path, monkeypatch, capsys):
    (block,) = re.findall(r"<!-- python -->\n```python\n(.*?)```", README, re.DOTALL)
    assert len(block.strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    before, later = capsys.readouterr().out.strip().splitlines()
    verified, descended = (
        np.array(part.split(), float) for part in re.findall(r"\[(.*?)\]", before)
    )
    assert (descended < 0.7 * verified).all()
    assert (np.array(later.strip("[]").split(), float) > descended).all()
    assert (tmp_path / "cores.nc").stat().st_size > 10_000


def test_they_are_what_the_stages_of_the_workflow_compute(cores, weights):
    record, states = run(cores.spec, cores.weights)
    for name in states:
        np.testing.assert_array_equal(cores.states[name], states[name])
    np.testing.assert_array_equal(cores.record["pulses"], record["pulses"])
    judged = evaluate(states, cores.weights, Evaluation(inputs=256)).errors
    cells = judged["rows"] * judged["columns"]
    expected = (judged["mvm_error"].isel(run=0) * cells).sum("tile") / cells.sum("tile")
    np.testing.assert_allclose(cores.error(256), expected)
    assert cores.error(256).attrs["units"] == "percent"
    ((_, matrix),) = matrices(cores.weights)
    np.testing.assert_array_equal(matrix, weights.astype(np.float32))


def test_multiplying_is_off_by_the_error_that_is_stated(cores, weights):
    """Through all tiles; the stated error is after one global scale, so it is the smaller."""
    x = np.random.default_rng(1).uniform(-1, 1, (2000, 70))
    ideal = x @ weights
    y = x @ cores
    assert y.shape == (2, 2000, 40)
    off = 100 * np.linalg.norm(y - ideal, axis=(1, 2)) / np.linalg.norm(ideal)
    stated = cores.error().values
    assert (off > 0.9 * stated).all()
    assert (off < 1.3 * stated).all()
    assert (cores.mvm(x[0]).shape, cores.mvm(x[:3]).shape) == ((2, 40), (2, 3, 40))
    assert (x[:5] @ cores != x[:5] @ cores).any()  # each MVM has noise of its own


def test_a_day_later_the_error_is_larger_and_nothing_else_has_changed(cores):
    day = cores.at(86400.0)
    assert (day.error(512) > cores.error(512)).all()
    np.testing.assert_array_equal(day.states["conductance_0000"], cores.states["conductance_0000"])
    x = np.random.default_rng(2).uniform(-1, 1, (300, 70))
    assert np.linalg.norm(x @ day) < np.linalg.norm(x @ cores)  # conductances have fallen
    assert day.to_dataset(256).attrs["time"] == 86400.0


def test_several_matrices_and_the_same_bits_for_the_same_arguments():
    generator = np.random.default_rng(4)
    named = {"first": generator.normal(size=(20, 8)), "second": generator.normal(size=(8, 12))}
    one, two = (
        aimcsim.program(named, method="iterative", chips=[5], core=SMALL, iterations=8)
        for _ in range(2)
    )
    xr_one, xr_two = one.to_dataset(64), two.to_dataset(64)
    assert xr_one.identical(xr_two)
    assert xr_one["core"].values.tolist() == [5]
    assert one.mvm(np.ones(8), matrix=1).shape == (1, 12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "gpd"}, ["method", "gpd", "gdp"]),
        ({"floor": -1}, ["gdp.floor", "-1"]),
        ({"device": {"model": "no"}}, ["device.model", "no", "melt_quench"]),
        ({"device": {"g_mx": 3}}, ["device.g_mx"]),
        ({"weights": np.zeros((3, 3))}, ["all weights are zero"]),
        ({"weights": np.full((3, 3), np.nan)}, ["not finite"]),
        ({"weights": np.ones(3)}, ["(inputs, outputs)", "(3,)"]),
        ({"weights": np.full((3, 3), 1e300)}, ["not finite"]),
        ({"weights": [[1, 2], [3]]}, ["(inputs, outputs)"]),
        ({"weights": {}}, ["no matrix"]),
        ({"method": "hadamard", "device": {"model": "set_accumulation"}}, ["hadamard", "SET"]),
        ({"chips": 0}, ["chips", "0"]),
        ({"chips": []}, ["chips", "[]"]),
        ({"chips": 1.5}, ["chips", "1.5"]),
        ({"chips": [-1]}, ["chips", "[-1]"]),
        ({"chips": [2, 2]}, ["chips", "[2, 2]", "once"]),
        ({"chips": [[1], [2, 3]]}, ["chips", "each once"]),
        ({"chips": 10**15}, ["chips", "100000"]),
        ({"chips": [0, 2**32]}, ["chips", "4294967296", "up to 4294967295"]),
        ({"weights": {"": np.ones((4, 4))}}, ["name ''"]),
        ({"weights": {1: np.ones((4, 4)), "1": np.eye(4)}}, ["name '1'", "twice"]),
        ({"weights": np.ma.masked_less(np.eye(4), 1)}, ["weights", "mask"]),
        ({"algorithm": "iterative"}, ["algorithm", "name it as the method"]),
        ({"samples": 4, "floor": {"low": 1, "high": 2}}, ["samples", "one value"]),
        ({"floor": {"low": 1, "high": 2}}, ["floor", "one value"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"backend": "tpu"}, ["backend", "'tpu'", "cpu"]),
        ({"start": "hadamrd"}, ["start", "hadamrd", "hadamard"]),
        ({"floor": [1, 2]}, ["floor", "[1, 2]", "one value"]),
        ({"core": 3}, ["core", "3"]),
    ],
    ids=str,
)
def test_a_users_mistake_is_one_message(arguments, words):
    given = {"weights": np.ones((4, 4)), "method": "gdp", "core": SMALL} | arguments
    with pytest.raises(aimcsim.UserError) as error:
        aimcsim.program(**given)
    for word in words:
        assert word in str(error.value)


def test_cells_that_no_method_fills_from_reset_are_filled_by_the_baseline():
    cores = aimcsim.program(np.eye(8), "iterative", core={"unit_cell": "max_fill"})
    assert cores.error().item() < 100


def test_wrong_shapes_and_times_are_refused(cores):
    with pytest.raises(aimcsim.UserError, match=r"\(70,\) or \(batch, 70\)"):
        cores.mvm(np.ones(69))
    with pytest.raises(aimcsim.UserError, match="200 s"):
        cores.at(10.0)
    with pytest.raises(aimcsim.UserError, match="numbered from 0"):
        cores.mvm(np.ones(70), matrix=1)
    with pytest.raises(aimcsim.UserError, match="there are weights"):
        cores.mvm(np.ones(70), matrix="other")
    with pytest.raises(aimcsim.UserError, match="not finite"):
        cores.mvm(np.full(70, np.nan))
    with pytest.raises(aimcsim.UserError, match="matrix: got None"):
        cores.mvm(np.ones(70), matrix=None)
    with pytest.raises(aimcsim.UserError, match="several lengths"):
        cores.mvm([[1], [1, 2]])


def test_inputs_beyond_full_scale_are_clipped(cores):
    again = pickle.loads(pickle.dumps(cores))  # noise of the same calls
    other = pickle.loads(pickle.dumps(cores))
    np.testing.assert_array_equal(again.mvm(np.full(70, 1e300)), other.mvm(np.ones(70)))


def test_cores_survive_being_pickled(cores):
    again = pickle.loads(pickle.dumps(cores))
    assert again.error(64).identical(cores.error(64))
    assert repr(again) == repr(cores) == "<ProgrammedCores: weights (70, 40); by gdp; 2 chips>"
