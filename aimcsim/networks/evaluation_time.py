"""When, and through which converters, programmed networks are judged."""

from dataclasses import dataclass

from aimcsim.common.errors import UserError

PROGRAMMED = "programmed"
_RESOLUTION, _TIME = "adc", "time"


@dataclass(frozen=True)
class EvaluationTime:
    """Right after programming or a time after it, and the resolution of the ADCs then."""

    name: str
    """``programmed``, ``time<index>``; ``adc<bits>``: programmed, at a further resolution."""
    time: float | None = None
    """s after programming, at least the statistics' t0; None: right after it."""
    index: int | None = None
    """Number of the time: slow read noise at another index is another draw."""
    adc_bits: float | None = None
    """bits; None: as while programming."""

    @classmethod
    def programmed(cls, adc_bits: float | None = None) -> "EvaluationTime":
        """Right after programming."""
        return cls(PROGRAMMED, adc_bits=adc_bits)

    @classmethod
    def after(cls, time: float, index: int, adc_bits: float | None = None) -> "EvaluationTime":
        """``time`` s after programming, the study's time number ``index``."""
        return cls(f"{_TIME}{index}", time, index, adc_bits)

    @classmethod
    def at_resolution(cls, adc_bits: int) -> "EvaluationTime":
        """Right after programming, through ADCs of ``adc_bits``."""
        return cls(f"{_RESOLUTION}{adc_bits}", adc_bits=adc_bits)

    @classmethod
    def parse(cls, label: str, adc_bits: float | None = None) -> "EvaluationTime":
        """The evaluation time of that :attr:`label`.

        ``adc_bits``: those of all but further resolutions, which say their own.

        Raises
        ------
        UserError
            There is no such label.
        """
        name, _, time = label.partition("-")
        try:
            if label == PROGRAMMED:
                return cls.programmed(adc_bits)
            if name.startswith(_RESOLUTION) and not time:
                return cls.at_resolution(int(name.removeprefix(_RESOLUTION)))
            if name.startswith(_TIME):
                return cls.after(float(time), int(name.removeprefix(_TIME)), adc_bits)
        except ValueError:
            pass
        raise UserError(
            f"evaluation time: got '{label}'; give {PROGRAMMED}, {_RESOLUTION}<bits>, or "
            f"{_TIME}<number>-<seconds>, such as {_TIME}0-200.0."
        )

    @property
    def label(self) -> str:
        """Text from which :meth:`parse` makes it, but for what it says of ``adc_bits``."""
        return self.name if self.time is None else f"{self.name}-{self.time!r}"
