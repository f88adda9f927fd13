"""A small study that reads a file of every kind, in two versions."""

from pathlib import Path

import numpy as np
import onnx
import yaml

from tests.networks import small

NAME = "faults"
CONFIG = "inputs/study.yaml"
STUDY = {
    "study": NAME,
    "cores": 2,
    "core": {"rows": 40, "columns": 12, "unit_cell": "odp"},
    "device": {"model": "table", "path": "cell.csv", "g_max": 15.0},
    "weights": {
        "matrix": {"kind": "file", "path": "matrix.npy"},
        "network": {"kind": "network", "path": "net.onnx", "images": "images.npz"},
    },
    "methods": {
        "iterative": {"iterations": 4},
        "mine": {"algorithm": "mine.py:Mine", "iterations": 4, "gain": [0.04, 0.08]},
    },
    "subject": "mine",
    "evaluation": {"inputs": 32, "times": [200.0]},
    "inference": {"images": 12, "calibration": 6},
    "report": {"bootstrap": 100},
    "execution": {"runs_per_shard": 3},
}
MINE = """
from aimcsim.programming.iterative import Iterative


class Mine(Iterative):
    label = "Mine"
    role = None
    default_study = {}

    @classmethod
    def program(cls, points, start, targets):
        (settings,) = points
        changed = settings.model_copy(update={"gain": settings.gain * FACTOR})
        return super().program([changed], start, targets)
"""
INPUTS = ("matrix.npy", "net.onnx.data", "images.npz", "cell.csv", "mine.py", "study.yaml")


def write(folder: Path, version: int = 0, only: str | None = None) -> None:
    """Write the inputs into ``folder``; those called ``only``, or all, in another ``version``."""
    folder.mkdir(parents=True, exist_ok=True)

    def of(name: str) -> int:
        return version if only in (None, name) else 0

    np.save(folder / "matrix.npy", np.random.default_rng(of("matrix.npy")).normal(size=(30, 20)))
    model = small.network(seed=of("net.onnx.data"))
    (folder / "net.onnx.data").unlink(missing_ok=True)
    onnx.save(
        model, folder / "net.onnx", save_as_external_data=True, location="net.onnx.data",
        size_threshold=0,
    )  # fmt: skip
    pictures, labels = small.images(12, seed=2 + of("images.npz"))
    small.save_images(folder / "images.npz", test_images=pictures, test_labels=labels)
    scale = 1 - 0.1 * of("cell.csv")
    rows = [(0.3, 19.2, 0.4, 2.1), (0.5, 9.8, 0.5, 1.0), (1.0, 0.1, 0.01, 0.01)]
    lines = [f"{at},{scale * mean},{std},{own}" for at, mean, std, own in rows]
    (folder / "cell.csv").write_text("\n".join(["current,mean,std,device_std", *lines]) + "\n")
    (folder / "mine.py").write_text(MINE.replace("FACTOR", str(1 - 0.5 * of("mine.py"))))
    seed = {"seed": 1 + of("study.yaml")}
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY | seed, sort_keys=False))
