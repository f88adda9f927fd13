"""How programmed cores are judged: the section ``evaluation`` of the configuration."""

from typing import Annotated

from pydantic import Field, model_validator

from aimcsim.common.section import Section, key
from aimcsim.physics.state_statistics import BY_NAME, StatisticsName


class Evaluation(Section):
    """How a programmed core is judged."""

    inputs: int = key(
        2048, "Fresh random inputs per core, uniform on [-1, 1].", unit="MVMs", ge=16, le=1_000_000
    )
    adc_bits: float | None = key(
        None,
        "ADC resolution while judging; null: the same as while programming.",
        unit="bits",
        ge=2,
        le=16,
    )
    times: tuple[Annotated[float, Field(ge=1, le=1e10)], ...] = key(
        (200.0, 86400.0, 31536000.0),
        "Times after programming at which cores are judged again, drifted and with slow read "
        "noise by published statistics; at least the statistics' t0. An empty list: never.",
        unit="s",
    )
    statistics: StatisticsName = key(
        "hermes_odp",
        "Published statistics of drift, 1/f read noise and programming error; of as many devices "
        "per polarity as core.unit_cell has (hermes_tdp: two), at the same share of g_max.",
        source="aihwkit's HermesNoiseModel; Joshi et al., Nat. Commun. 11, 2473, 2020",
    )
    calibration: int = key(
        0,
        "MVMs that set a digital scale and offset per column after programming, for every method; "
        "the error behind it is judged beside that without. 0: none is set.",
        unit="MVMs",
        ge=0,
        le=1_000_000,
    )

    error_budget: bool = key(
        True, "Whether the report has the error budget: the MVM error of each effect alone, and of "
        "all together.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _after_t0(self) -> "Evaluation":
        t0 = BY_NAME[self.statistics].t0
        early = [time for time in self.times if time < t0]
        if early or list(self.times) != sorted(set(self.times)):
            raise ValueError(f"times must rise and be at least t0 of {self.statistics}, {t0:g} s")
        return self
