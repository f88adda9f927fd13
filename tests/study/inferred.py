"""A study of networks that is already inferred: its folder of results, with accuracies made up."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.common.paths import Results
from aimcsim.common.storage import write_dataset
from aimcsim.config.load import from_mapping
from aimcsim.config.models import Config
from aimcsim.mapping.tiles import split
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.shards.runs import Run
from aimcsim.sweep.evaluation_times import inference_jobs, inferring, judged_networks
from aimcsim.sweep.study import Part
from tests.shards_of import plan_and_write
from tests.study import example

LAYERS = {"first": (30, 6), "classifier": (50, 3)}
"""Inputs and outputs of the layers of a network of three classes."""
IMAGES = 30
TIMES = (200.0, 31536000.0)
TDP = {
    "core": {"unit_cell": "tdp"},
    "evaluation": {"statistics": "hermes_tdp", "times": [300.0]},
    "inference": {"adc_bits": []},
}
CELLS = {"cell": {"cases": {"odp": {}, "tdp": TDP}}}
Accuracy = Callable[[str, str, int, Run, EvaluationTime, str], float]
"""Of case, network, chip, run, evaluation time and compensation; percent."""


def study(**changes: Any) -> Config:
    """Two networks beside a matrix, on five chips, two settings of GDP."""
    mapping = {
        "study": "example",
        "cores": 5,
        "core": {"rows": 32, "columns": 16},
        "weights": {
            "gaussian": {"kind": "gaussian", "rows": 8, "columns": 8},
            "own": {"kind": "network", "path": "own.onnx", "images": "own.npz"},
            "resnet9": {"kind": "network", "images": "own.npz"},
        },
        "methods": {"iterative": {}, "gdp": {"noise_threshold": [1.0, 3.0]}},
        "evaluation": {"times": list(TIMES)},
        "inference": {"adc_bits": [4, 6], "compensation": ["tile", "none"]},
    }
    return from_mapping(mapping | changes, "test")


def usual(case: str, network: str, core: int, run: Run, at: EvaluationTime, kind: str) -> float:
    """GDP gains 2 points, less 0.1 per number of the chip; time, few bits and no factor cost."""
    found = 80 - 0.3 * core + (0 if run.method == "iterative" else 2 - 0.1 * core)
    found -= 0.4 * np.log10(at.time or 1) * (3 if kind == "none" else 1)
    return found - (10 if at.adc_bits == 4 else 0) - (3 if case.endswith("tdp") else 0)


def write(
    folder: Path,
    config: Config,
    accuracy: Accuracy = usual,
    networks: Mapping[str, xr.Dataset] | None = None,
    best: int = 1,
) -> Results:
    """Everything that ``aimcsim accuracy`` reads; returns where it lies, in ``folder``.

    ``networks`` take the place of :func:`software` of a network. Setting ``best`` of GDP leaves the
    smallest error on the matrix, the other one on networks.
    """
    results = Results(str(folder))
    known = {name: software(config, name) for name in judged_networks(config)}
    for name, data in (known | dict(networks or {})).items():
        write_dataset(data, Path(results.network(name)))
    for part in plan_and_write(config, results):
        write_dataset(summary(part.config, best), Path(results.summary(part.case)))
        _write_inferred(results, part, accuracy)
    return results


def summary(config: Config, best: int = 1) -> xr.Dataset:
    """A made-up summary with the study's own weight sets, chips and runs."""
    names, runs = list(config.weights), config.runs()
    thresholds = [run.settings.noise_threshold for run in runs if run.method == "gdp"]
    made = example.make(
        len(names), config.cores, tuple(thresholds), (2.0,), network=False, bootstrap=100
    )
    made = made.assign_coords(weight_set=names, run=[run.id for run in runs])
    errors = made["mvm_error"].transpose("weight_set", "run", ...).copy()
    for index, name in enumerate(names):
        network = name in judged_networks(config)
        liked = [(place == best) != network for place in range(len(thresholds))]
        errors[index, 1:] = errors[index, 1:] * np.where(liked, 0.5, 1.0)[:, None, None]
    made["mvm_error"] = errors.transpose(*made["mvm_error"].dims)
    made = example.with_cost(made, {"gdp": 3.0})
    made.attrs["study"] = config.study
    return made


def software(config: Config, name: str, classes: int = 3, record: bool | None = None):
    """What :func:`aimcsim.networks.judge.software` says of a network.

    ``record`` of a training: of ResNet-9 alone where not told. Class names come with the record.
    """
    record = name == "resnet9" if record is None else record
    shapes = {f"{name}_{layer}": shape for layer, shape in LAYERS.items()}
    matrices = [np.ones(shape, np.float32) for shape in shapes.values()]
    tiles = split(matrices, config.core.rows, config.core.columns)
    placed = [(tile.index, piece) for tile in tiles for piece in tile.pieces]
    extents = ("matrix", "row", "column", "rows", "columns", "at_row", "at_column")
    data = xr.Dataset(
        {
            "software_accuracy": ((), 84.0, {"units": "percent"}),
            "converter_accuracy": ((), 83.5, {"units": "percent"}),
            "software_confusion": (("actual", "said"), _confusion(classes, 1)),
            "layer_matrix": ("layer", np.arange(len(shapes))),
            "layer_rows": ("layer", [rows for rows, _ in shapes.values()]),
            "layer_columns": ("layer", [columns for _, columns in shapes.values()]),
            "piece_core": ("piece", [core for core, _ in placed]),
            **{
                f"piece_{extent}": ("piece", [getattr(piece, extent) for _, piece in placed])
                for extent in extents
            },
        },
        {"layer": list(shapes)},
        {
            "model": "own.onnx" if name == "own" else name,
            "record": json.dumps({}),
            "images": "own.npz",
            "classes": "cat,dog,ship" if record else "",
            "converter_bits": config.periphery.adc_bits,
            "judged_by": "cpu",
        },
    )
    if record:
        epochs = np.arange(1, 7)
        data = data.assign(
            training_phase=("epoch", np.repeat([0, 1], 3).astype(np.int32)),
            training_learning_rate=("epoch", 0.1 / epochs),
            training_training_loss=("epoch", 2.0 / epochs),
            training_training_accuracy=("epoch", 90 - 40.0 / epochs),
            training_test_accuracy=("epoch", np.where(epochs % 3, np.nan, 88.8 - 3.0 / epochs)),
            training_noisy_accuracy=("draw", [81.2, 82.4]),
        )
    return data


def _confusion(classes: int, wrong: int) -> np.ndarray:
    """All but ``wrong`` images right; those of class 0 taken for the last one."""
    table = np.diag(np.full(classes, IMAGES // classes))
    table[0, 0] -= wrong
    table[0, -1] += wrong
    return table.astype(np.int32)


def _write_inferred(results: Results, part: Part, accuracy: Accuracy) -> None:
    config, kinds = part.config, part.config.inference.compensation
    for shard in part.shards:
        name = shard.weight_set
        for job in inference_jobs(config, shard):
            values = np.array(
                [
                    [
                        [
                            [accuracy(part.case, name, chip, run, at, kind) for kind in kinds]
                            for run in shard.runs
                        ]
                        for at in job.times
                    ]
                    for chip in job.chips
                ]
            )
            wrong = [3 if run.method == "iterative" else 2 for run in shard.runs]
            tables = np.stack([_confusion(3, number) for number in wrong])[:, None]
            over = ("core", "evaluation_time", "run", "compensation")
            data = xr.Dataset(
                {
                    "accuracy": (over, values),
                    "confusion": (
                        (*over, "actual", "said"),
                        np.broadcast_to(tables, (*values.shape, 3, 3)),
                    ),
                    "layer_error": (
                        (*over, "layer"),
                        (90 - values)[..., None] * np.array([1.0, 0.5]),
                    ),
                },
                {
                    "core": list(job.chips),
                    "evaluation_time": [at.name for at in job.times],
                    "time": ("evaluation_time", [at.time or np.nan for at in job.times]),
                    "adc_bits": ("evaluation_time", [at.adc_bits or 8 for at in job.times]),
                    "run": shard.run_ids,
                    "compensation": list(kinds),
                    "layer": [f"{name}_{layer}" for layer in LAYERS],
                },
                {"judged_by": "gpu: a device"},
            )
            path = results.inferred(inferring(config), shard.name, job.name)
            write_dataset(data, Path(path))
