"""Settings of the network that the project trains itself: ResNet-9 on CIFAR-10."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimcsim.common.section import JSSC, Name, Section, key
from aimcsim.common.words import checked
from aimcsim.common.yaml_files import read_files
from aimcsim.networks.resnet9_layers import analog_layers

RASCH = "Rasch et al., Nat. Commun. 14, 2023, doi 10.1038/s41467-023-40770-4"
Optimiser = Literal["sgd", "muon"]
HINTON = "Hinton et al., arXiv 1503.02531, 2015"


class Network(Section):
    """Widths of ResNet-9, and how many weights its analog layers may have."""

    widths: tuple[
        Annotated[int, Field(ge=1, le=4096)],
        Annotated[int, Field(ge=1, le=4096)],
        Annotated[int, Field(ge=1, le=4096)],
    ] = key(
        (28, 56, 56),
        "Channels of the three stages. 28 channels x 3 x 3 are 252 rows, so a layer's tiles fill "
        "cores of 256 rows.",
        unit="channels",
        source="our design",
    )
    most_weights: int = key(
        131_072, "Most weights that the analog layers may hold together: two cores of 256 x 256.",
        unit="weights", source=JSSC, ge=1,
    )  # fmt: skip

    @model_validator(mode="after")
    def _fits(self) -> "Network":
        weights = sum(layer.rows * layer.columns for layer in analog_layers(self.widths))
        if weights > self.most_weights:
            raise ValueError(
                f"widths {list(self.widths)} give {weights} weights, more than most_weights "
                f"{self.most_weights}; make the widths smaller"
            )
        return self


class Augmentation(Section):
    """How training images are varied; every draw follows from the seed and the epoch."""

    shift: int = key(4, "Largest shift, edges mirrored.", unit="pixels", ge=0, le=16)
    flip: bool = key(True, "Mirror half of the images, left to right.")
    cutout: int = key(8, "Side of the square that is set to the mean.", unit="pixels", ge=0, le=32)
    crop: int | None = key(
        None, "Side of the piece that is cut out of each image, anywhere, and trained on: a "
        "smaller one costs less; null: the image's own side.",
        unit="pixels", ge=8, le=32, multiple_of=4,
    )  # fmt: skip


class Phase(Section):
    """A stretch of epochs with one cycle of the learning rate: up linearly, down as a cosine.

    Where it ends as high as it got, the rate stays there: what such a phase ends with may later be
    trained for longer, or be brought to its end by a phase whose rate falls.
    """

    name: Name = key(..., "Name of the phase, in the record and in names of checkpoints.")
    epochs: int = key(..., "Passes over the training images.", unit="epochs", ge=1)
    learning_rate: float = key(..., "Largest learning rate.", unit="1", gt=0)
    warm_up: float = key(0.15, "Share of the phase until the largest rate.", unit="1", ge=0, le=1)
    rate_left: float = key(
        0.0, "Share of the largest learning rate that is left at the end.", unit="1", ge=0, le=1
    )
    weight_noise: float = key(
        0.0,
        "Standard deviation of the Gaussian noise on the weights, drawn anew for each batch, as "
        "share of the layer's largest weight.",
        unit="1",
        source=RASCH,
        ge=0,
    )
    clip_sigmas: float | None = key(
        None, "Clip each layer's weights at this many of their standard deviations after every "
        "step; null: no clipping.", unit="standard deviations", source=RASCH, gt=0,
    )  # fmt: skip
    converter_bits: int | None = key(
        None, "Bits of the converters before and after every analog layer; null: no converters.",
        unit="bits", source=JSSC, ge=2, le=16,
    )  # fmt: skip
    optimiser: Optimiser | None = key(
        None, "How convolutions learn in this phase; null: as in the training."
    )
    weight_decay: float | None = key(
        None, "Decay of the analog weights in this phase; null: that of the training.",
        unit="1", ge=0,
    )  # fmt: skip
    label_smoothing: float | None = key(
        None, "Share of a label spread over all in this phase; null: that of the training.",
        unit="1", ge=0, lt=1,
    )  # fmt: skip
    augmentation: Augmentation | None = key(
        None, "How images are varied in this phase; null: as in the training."
    )
    distilled: float = key(
        0.0, "Share of the loss that is the distance to what the training's teacher answers.",
        unit="1", source=HINTON, ge=0, le=1,
    )  # fmt: skip
    variations: int | None = key(
        None, "Epochs after which the same variations of the images come again, in the same "
        "batches; a teacher is then asked but once for each, which on a CPU takes several times an "
        "epoch. null: none comes again.", unit="epochs", ge=1,
    )  # fmt: skip
    average_epochs: float = key(
        0.0, "The phase is judged by, and ends with, the running mean of its weights over about "
        "this many epochs; 0: its last weights.", unit="epochs", ge=0,
    )  # fmt: skip


class Training(Section):
    """Everything that the trained weights depend on, besides the images and the machine."""

    network: Network = key(Network(), "The network.")
    seed: int = key(1, "Seed of every draw.", ge=0, lt=2**32)
    batch: int = key(128, "Images per step.", unit="images", ge=1)
    optimiser: Optimiser = key(
        "sgd", "How convolutions learn: along the gradient, or by turns of equal size in all "
        "directions at a fifth of the learning rate; without decay.",
        source="Muon: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon",
    )  # fmt: skip
    momentum: float = key(0.9, "Nesterov momentum.", unit="1", gt=0, lt=1)
    weight_decay: float = key(3e-4, "Decay of the analog weights.", unit="1", ge=0)
    label_smoothing: float = key(0.05, "Share of a label spread over all.", unit="1", ge=0, lt=1)
    precision: Literal["float32", "bfloat16"] = key(
        "bfloat16", "Arithmetic of convolutions in training; judging is always in float32."
    )
    device: Literal["auto", "cpu", "cuda"] = key(
        "auto", "Where training runs; auto: a CUDA device where there is one, else the CPU."
    )
    compile: Literal["auto", True, False] = key(
        "auto", "Compile the network: about half the time per step on a CPU, nine tenths on a GPU; "
        "auto: where that works. Compiled sums add in another order."
    )  # fmt: skip
    augmentation: Augmentation = key(Augmentation(), "How training images are varied.")
    threads: int = key(
        1, "Threads of the CPU. Another number adds in another order, so the weights differ by "
        "what training makes of rounding.", ge=1, le=256,
    )  # fmt: skip
    phases: tuple[Phase, ...] = key(..., "Phases, one after the other.", min_length=1)
    calibration_images: int = key(
        2048, "Training images that set the ranges of the converters at first.",
        unit="images", ge=1,
    )  # fmt: skip
    test_every: int = key(
        4, "Epochs between looks at the test images, for the record; they choose nothing.",
        unit="epochs", ge=1,
    )  # fmt: skip
    noise_draws: int = key(
        10, "Draws of weight noise with which the finished network is tested.", unit="draws", ge=1
    )

    def of(self, phase: Phase) -> "Training":
        """These settings with what ``phase`` has of its own."""
        names = ("optimiser", "weight_decay", "label_smoothing", "augmentation")
        own = {name: getattr(phase, name) for name in names}
        return self.model_copy(update={k: value for k, value in own.items() if value is not None})

    teacher: "Training | None" = key(
        None, "Training of another network, a larger one, on the same images. It is trained first, "
        "on the threads and the device of this training, and phases with 'distilled' learn from "
        "its answers, without noise and converters.", source=HINTON,
    )  # fmt: skip
    temperature: float = key(
        4.0, "What scores are divided by before those of the network and its teacher are compared: "
        "the larger, the more the unlikely classes count.", unit="1", source=HINTON, gt=0, le=100,
    )  # fmt: skip

    @model_validator(mode="after")
    def _taught(self) -> "Training":
        taught = [phase.name for phase in self.phases if phase.distilled]
        if taught and self.teacher is None:
            raise ValueError(f"phase '{taught[0]}' is distilled, but there is no teacher; give one")
        if self.teacher is not None and not taught:
            raise ValueError(
                "no phase learns from the teacher; give one the key 'distilled', or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _distinct(self) -> "Training":
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError(f"phases have the names {names}; give each its own")
        if self.teacher is not None and "teacher" in names:
            raise ValueError("a phase is named 'teacher', as the teacher is; rename the phase")
        return self


def from_yaml(path: Path) -> Training:
    """Read and check a file of training settings.

    Raises
    ------
    UserError
        The file is missing or not read as one thing by all readers of YAML, or a key or value is
        wrong; the message names it.
    """
    return checked(Training, read_files([path]).mapping, str(path))
