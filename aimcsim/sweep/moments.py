"""When and through which converters networks are judged: one job per chip and moment."""

from dataclasses import dataclass

from aimcsim.config.models import Config
from aimcsim.config.weights import NetworkWeights
from aimcsim.sweep.points import digest

PROGRAMMED = "programmed"
_RESOLUTION = "adc"


@dataclass(frozen=True)
class Moment:
    """A time after programming, or right after it, and a resolution of the ADC."""

    name: str
    time: float | None = None
    """s after programming; None: right after it."""
    index: int | None = None
    """Number of the time, which addresses its draws; as of :mod:`aimcsim.evaluate`."""
    adc_bits: int | None = None
    """bits; None: as while programming."""


def moments(config: Config) -> list[Moment]:
    """Right after programming, at every time, and at further resolutions right after programming.

    The first two are through the ADC of ``evaluation.adc_bits``, as MVM errors are.
    """
    bits = config.evaluation.adc_bits
    aged = [
        Moment(f"time{index}", time, index, bits)
        for index, time in enumerate(config.evaluation.times)
    ]
    further = [Moment(f"{_RESOLUTION}{bits}", adc_bits=bits) for bits in config.inference.adc_bits]
    return [Moment(PROGRAMMED, adc_bits=bits), *aged, *further]


def moment_named(config: Config, name: str) -> Moment:
    """The moment of that name; further resolutions need not be those of ``config``."""
    if name.startswith(_RESOLUTION):
        return Moment(name, adc_bits=int(name.removeprefix(_RESOLUTION)))
    return next(moment for moment in moments(config) if moment.name == name)


def judged_networks(config: Config) -> list[str]:
    """Names of the weight sets that are networks with images."""
    return [
        name
        for name, definition in config.weights.items()
        if isinstance(definition, NetworkWeights) and definition.image_source
    ]


def inferring(config: Config) -> str:
    """Stable name of how networks are judged; a further resolution changes none of the others."""
    content = config.inference.model_dump(mode="json", exclude={"adc_bits"})
    judged = config.evaluation
    content |= {"times": list(judged.times), "statistics": judged.statistics}
    return digest(content | {"judged_at": judged.adc_bits}, 8)
