"""How networks are judged: by the accuracy of their programmed cores."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimcsim.common.section import Section, key

MOST_IMAGES = 1_000_000
Compensation = Literal["none", "tile", "column", "statistics"]


class Inference(Section):
    """Networks on their test images, right after programming and at evaluation.times.

    For weight sets that are networks with images, such as those of the kinds digits and network.
    """

    images: int = key(
        10_000,
        "Test images that networks are judged by, at most.",
        unit="images",
        ge=1,
        le=1_000_000,
    )
    calibration: int = key(
        256,
        "Training images, at most, that set the ranges of the converters of each layer.",
        unit="images",
        ge=1,
        le=100_000,
    )
    compensation: tuple[Compensation, ...] = key(
        ("tile",),
        "Compensations of drift that are judged. tile: one digital factor for each piece of a "
        "layer on a core, from a batch of MVMs at that time; column: one for each of its columns; "
        "statistics: that of tile, and a scale and offset of each output channel by which mean "
        "and deviation over training images are those in software (AdaBS); none: no compensation.",
        min_length=1,
    )
    adc_bits: tuple[Annotated[int, Field(ge=2, le=16)], ...] = key(
        (),
        "Further resolutions of the MVM ADC at which networks are judged right after programming.",
        unit="bits",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "Inference":
        for name in ("compensation", "adc_bits"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"inference.{name} names a value twice; name each once")
        return self
