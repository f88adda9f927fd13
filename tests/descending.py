"""GDP on given cores: a default setting, some of its values replaced, for all runs or for each."""

from typing import NamedTuple

import numpy as np

from aimcsim.chip.core import Cores
from aimcsim.programming import gdp
from aimcsim.programming.gdp import Sampling
from aimcsim.programming.outcome import Outcome
from aimcsim.programming.ruled import Rule
from tests.samples import net

DEFAULT = {
    "batch_size": 1024, "inputs": "uniform", "running": True, "affine": False,
    "iterations": 40, "learning_rate": 0.4, "decay": 0.3, "noise_threshold": 2.0, "floor": 1.0,
    "least": 0.2, "stopping": True, "rising": False, "opposite": False, "prior": 4.0,
    "target_error": 0.0,
    "limits": (np.inf, np.inf),
}  # fmt: skip


class Settings(NamedTuple):
    """Of a batch of runs."""

    rule: Rule
    sampling: Sampling


def hyperparameters(runs: int, **values) -> Settings:
    """The default for ``runs`` runs, some values replaced: one for all, or one per run."""
    every = {
        name: np.broadcast_to(value, (runs, 2) if name == "limits" else runs).copy()
        for name, value in (DEFAULT | values).items()
        if name not in ("batch_size", "inputs")
    }
    shared = {name: values.get(name, DEFAULT[name]) for name in ("batch_size", "inputs")}
    sampling = Sampling(**shared, running=every.pop("running"), affine=every.pop("affine"))
    return Settings(Rule(**every), sampling)


def run_of(cores: Cores, targets, current, settings: Settings, *state, **more) -> gdp.Run:
    """A run that has not begun; see :class:`~aimcsim.programming.ruled.RuledRun`."""
    return gdp.Run(
        cores, targets, current, settings.rule, *state, sampling=settings.sampling, **more
    )


def descend(cores: Cores, targets, current, settings: Settings, *state, **more) -> Outcome:
    """Program every run of ``cores``."""
    return run_of(cores, targets, current, settings, *state, **more).execute()


def held_error(cores: Cores, targets: np.ndarray) -> np.ndarray:
    """||G - G_target|| / ||G_target|| per run: the MVM error for white inputs, percent."""
    error = np.linalg.norm(net(cores) - targets, axis=(1, 2))
    return 100 * error / np.linalg.norm(targets, axis=(1, 2))
