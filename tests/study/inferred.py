"""A study of networks that is already inferred: its folder of results, with accuracies made up."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.common.storage import write_dataset
from aimcsim.config.load import from_mapping
from aimcsim.config.models import Config
from aimcsim.mapping.tiles import split
from aimcsim.shards.points import point_id, points
from aimcsim.sweep.moments import Moment, inferring, judged_networks, moments
from aimcsim.sweep.study import Part, plan_study
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
Accuracy = Callable[[str, str, int, str, Moment, str], float]
"""Of case, network, chip, state ("iterative" or a point), moment and compensation; percent."""


def study(**changes: Any) -> Config:
    """Two networks beside a matrix, on five chips, two points of GDP."""
    mapping = {
        "study": "example",
        "cores": 5,
        "core": {"rows": 32, "columns": 16},
        "weights": {
            "gaussian": {"kind": "gaussian", "rows": 8, "columns": 8},
            "own": {"kind": "network", "path": "own.onnx", "images": "own.npz"},
            "resnet9": {"kind": "network", "images": "own.npz"},
        },
        "gdp": {"noise_threshold": [1.0, 3.0]},
        "evaluation": {"times": list(TIMES)},
        "inference": {"adc_bits": [4, 6], "compensation": ["tile", "none"]},
    }
    return from_mapping(mapping | changes, "test")


def usual(case: str, network: str, core: int, state: str, moment: Moment, kind: str) -> float:
    """GDP gains 2 points, less 0.1 per number of the chip; time, few bits and no factor cost."""
    found = 80 - 0.3 * core + (0 if state == "iterative" else 2 - 0.1 * core)
    found -= 0.4 * np.log10(moment.time or 1) * (3 if kind == "none" else 1)
    return found - (10 if moment.adc_bits == 4 else 0) - (3 if case.endswith("tdp") else 0)


def write(
    folder: Path,
    config: Config,
    accuracy: Accuracy = usual,
    networks: Mapping[str, xr.Dataset] | None = None,
    best: int = 1,
) -> Path:
    """Everything that ``aimcsim accuracy`` reads; returns ``folder``.

    ``networks`` take the place of :func:`software` of a network. Point ``best`` leaves the smallest
    error on the matrix, the other one on networks.
    """
    known = {name: software(config, name) for name in judged_networks(config)}
    for name, data in (known | dict(networks or {})).items():
        write_dataset(data, folder / "networks" / f"{name}.nc")
    for part in plan_study(config, folder):
        label = f"cases/{part.case}" if part.case else "summary"
        write_dataset(summary(part.config, best), folder / f"{label}.nc")
        _write_inferred(folder, part, accuracy)
    return folder


def summary(config: Config, best: int = 1) -> xr.Dataset:
    """A made-up summary with the study's own weight sets, chips and points."""
    names, ids = list(config.weights), [point_id(point) for point in points(config.gdp)]
    made = example.make(
        len(names), config.cores, config.gdp.noise_threshold, (2.0,), network=False, bootstrap=100
    )
    made = made.assign_coords(weight_set=names, point_id=("point", ids))
    errors = made["mvm_error"].transpose("weight_set", "method", "point", ...).copy()
    for index, name in enumerate(names):
        network = name in judged_networks(config)
        liked = [(place == best) != network for place in range(len(ids))]
        errors[index, 1] = errors[index, 1] * np.where(liked, 0.5, 1.0)[:, None, None]
    made["mvm_error"] = errors.transpose(*made["mvm_error"].dims)
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
            "model": "resnet9" if config.weights[name].path is None else "own.onnx",
            "record": json.dumps({}),
            "images": "own.npz",
            "classes": "cat,dog,ship" if record else "",
            "converter_bits": config.periphery.adc_bits,
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


def _write_inferred(folder: Path, part: Part, accuracy: Accuracy) -> None:
    config, kinds = part.config, part.config.inference.compensation
    for shard in part.shards:
        name = shard.weight_set
        if name not in judged_networks(config):
            continue
        states = ["iterative", *(point_id(point) for point in shard.content["points"])]
        layers = [f"{name}_{layer}" for layer in LAYERS]
        for core in shard.content["cores"]:
            for moment in moments(config):
                values = np.array(
                    [
                        [accuracy(part.case, name, core, state, moment, kind) for kind in kinds]
                        for state in states
                    ]
                )
                wrong = [_confusion(3, 3 if state == "iterative" else 2) for state in states]
                over = ("state", "compensation")
                data = xr.Dataset(
                    {
                        "accuracy": (over, values),
                        "confusion": (
                            (*over, "actual", "said"),
                            np.stack([np.stack([table] * len(kinds)) for table in wrong]),
                        ),
                        "layer_error": (
                            (*over, "layer"),
                            (90 - values)[..., None] * np.array([1.0, 0.5]),
                        ),
                    },
                    {"state": states, "compensation": list(kinds), "layer": layers},
                )
                path = folder / "inferred" / inferring(config) / shard.name
                write_dataset(data, path / f"{core}-{moment.label}.nc")
