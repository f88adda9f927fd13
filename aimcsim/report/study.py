"""A study as the report sees it: its summary with the statistics drawn from it."""

from dataclasses import dataclass
from functools import cached_property

import xarray as xr

from aimcsim.study.fronts import QUANTITIES, EqualCost, Quantity, equal_cost
from aimcsim.study.measures import (
    baseline,
    check,
    hyperparameters,
    labels,
    methods,
    positions,
    programming,
    setting,
    subject,
    varying,
)
from aimcsim.study.regret import Agnosticism, agnosticism, at_chosen

COMPENSATION = "global"  # the one the report shows where it shows one


def others(dataset: xr.Dataset) -> list[str]:
    """Methods of a summary or comparison beside its baseline and its subject."""
    known = (baseline(dataset), subject(dataset))
    return [name for name in methods(dataset) if name not in known]


@dataclass(frozen=True)
class Study:
    """A summary with the statistics drawn from it."""

    summary: xr.Dataset
    result: Agnosticism

    @classmethod
    def of(cls, summary: xr.Dataset) -> "Study":
        """Check the summary and compute its statistics. UserError where it is incomplete."""
        check(summary)
        return cls(summary, agnosticism(summary))

    @property
    def level(self) -> float:
        """Confidence level of all intervals, 0 to 1."""
        return self.result.options.level

    @property
    def cores(self) -> int:
        """Number of chip instances."""
        return self.result.cores

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in the order of the study."""
        return methods(self.summary)

    @cached_property
    def programming(self) -> list[str]:
        """Methods that use the core at all, in the order of the study."""
        return programming(self.summary)

    @cached_property
    def equal_cost(self) -> dict[Quantity, EqualCost]:
        """Every method at the subject's time and energy; empty where the summary has no cost."""
        found = {name: equal_cost(self.summary, self.result, name) for name in QUANTITIES}
        return {name: one for name, one in found.items() if one is not None}

    @property
    def labels(self) -> dict[str, str]:
        """What each method is called in texts and figures."""
        return labels(self.summary)

    @property
    def baseline(self) -> str:
        """Name of the method that the subject is compared with."""
        return self.result.baseline

    @property
    def subject(self) -> str:
        """Name of the method that the study is about."""
        return self.result.subject

    def chosen(self, values: xr.DataArray) -> xr.DataArray:
        """``values`` (weight_set, run, ...) at the chosen runs.

        Returns (weight_set, programmed_by, ...): of every method the run that was chosen for the
        weight set, see :attr:`~aimcsim.study.regret.Agnosticism.runs`.
        """
        return at_chosen(values, self.result)

    def setting_text(self, run: int) -> str:
        """The swept hyperparameters of the run at index ``run``, as 'name value, name value'.

        All hyperparameters of its method where the study sweeps none of them.
        """
        return self._setting_texts[run]

    @cached_property
    def _setting_texts(self) -> dict[int, str]:
        """Of every run, by its index along ``run``."""
        texts = {}
        for method in self.methods:
            known, swept = hyperparameters(self.summary, method), varying(self.summary, method)
            shown = {key: about[0] for key, about in known.items() if key in swept or not swept}
            for run in positions(self.summary, method).tolist():
                values = setting(self.summary, run)
                texts[run] = ", ".join(
                    f"{label} {_plain(values[key])}" for key, label in shown.items()
                )
        return texts


def _plain(value: str | float | None) -> str:
    if value is None or value == "none":  # of a switch; on a page it would read as a missing value
        return "off"
    return f"{value:g}" if isinstance(value, float) else value
