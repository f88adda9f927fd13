"""When and through which converters networks are judged: one job per chip and moment."""

from dataclasses import dataclass

from aimcsim.config.models import Config
from aimcsim.shards.runs import digest
from aimcsim.weights.network import NetworkWeights

PROGRAMMED = "programmed"
_RESOLUTION, _TIME = "adc", "time"


@dataclass(frozen=True)
class Moment:
    """A time after programming, or right after it, and a resolution of the ADC."""

    name: str
    time: float | None = None
    """s after programming; None: right after it."""
    index: int | None = None
    """Number of the time, which addresses its draws; as of :mod:`aimcsim.evaluation.judge`."""
    adc_bits: int | None = None
    """bits; None: as while programming."""

    @property
    def label(self) -> str:
        """Name of its files, which says all that does not follow from :func:`inferring`."""
        return self.name if self.time is None else f"{self.name}-{self.time!r}"


def moments(config: Config) -> list[Moment]:
    """Right after programming, at every time, and at further resolutions right after programming.

    The first two are through the ADC of ``evaluation.adc_bits``, as MVM errors are.
    """
    bits = config.evaluation.adc_bits
    aged = [
        Moment(f"{_TIME}{index}", time, index, bits)
        for index, time in enumerate(config.evaluation.times)
    ]
    further = [Moment(f"{_RESOLUTION}{bits}", adc_bits=bits) for bits in config.inference.adc_bits]
    return [Moment(PROGRAMMED, adc_bits=bits), *aged, *further]


def moment_of(label: str, adc_bits: int | None) -> Moment:
    """The moment of that :attr:`Moment.label`.

    ``adc_bits``: resolution of ``evaluation.adc_bits``, which moments have but further resolutions.
    """
    if label.startswith(_RESOLUTION):
        return Moment(label, adc_bits=int(label.removeprefix(_RESOLUTION)))
    name, _, time = label.partition("-")
    if not time:
        return Moment(name, adc_bits=adc_bits)
    return Moment(name, float(time), int(name.removeprefix(_TIME)), adc_bits)


def judged_networks(config: Config) -> list[str]:
    """Names of the weight sets that are networks with images."""
    return [
        name
        for name, definition in config.weights.items()
        if isinstance(definition, NetworkWeights) and definition.image_source
    ]


def inferring(config: Config) -> str:
    """Stable name of how networks are judged; further times and resolutions change none of it."""
    content = config.inference.model_dump(mode="json", exclude={"adc_bits"})
    judged = config.evaluation
    return digest(content | {"statistics": judged.statistics, "judged_at": judged.adc_bits}, 8)
