"""Weight sets: where the matrices to program come from."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from aimcsim.common.section import Section, key

CIFAR10 = "data/cifar10"
"""Where the workflow looks for CIFAR-10, and downloads it to."""

# Largest extents for which every random draw still has a 32-bit address of its own.
MatrixExtent = Annotated[int, Field(ge=1, le=65536)]


class SyntheticWeights(Section):
    """Random matrices of a stated distribution."""

    kind: Literal["gaussian", "uniform", "laplace", "ternary", "sparse", "low_rank"] = key(
        ..., "Distribution of the entries."
    )
    rows: MatrixExtent = key(256, "Rows (inputs) of the matrix.", unit="cells")
    columns: MatrixExtent = key(256, "Columns (outputs) of the matrix.", unit="cells")
    zeros: float | None = key(
        None,
        "Share of exact zeros; null: 0.3 for uniform, 1/3 for ternary, 0.9 for sparse, 0 "
        "for the others.",
        unit="1",
        ge=0,
        lt=1,
    )
    rank: int = key(16, "Rank, for low_rank.", unit="1", ge=1, le=65536)
    clip_sigmas: float | None = key(
        None, "Clip entries at this many standard deviations before mapping; null: no clipping.",
        unit="standard deviations", gt=0, le=100,
    )  # fmt: skip


class DigitsWeights(Section):
    """Layers of a perceptron that the workflow trains on scikit-learn's digits images."""

    kind: Literal["digits"] = key(..., "A trained network and its test images.")
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)] = key(
        (128, 64), "Units of the hidden layers.", unit="units"
    )
    clip_sigmas: float | None = key(
        None, "Clip weights of each layer at this many standard deviations; null: no clipping.",
        unit="standard deviations", gt=0, le=100,
    )  # fmt: skip


class FileWeights(Section):
    """The user's own matrices."""

    kind: Literal["file"] = key(..., "Matrices read from a file.")
    path: str = key(..., "File to read: .npy, .npz, .safetensors or .nc.", min_length=1)
    select: tuple[str, ...] | None = key(
        None,
        "Names of the arrays to take; null: every array of two or more dimensions.",
        min_length=1,
    )
    transpose: bool = key(
        False,
        "true where the file's matrices are (outputs, inputs), as in PyTorch; rows are "
        "inputs here.",
    )
    clip_sigmas: float | None = key(
        None, "Clip each matrix at this many standard deviations; null: no clipping.",
        unit="standard deviations", gt=0, le=100,
    )  # fmt: skip

    @field_validator("path")
    @classmethod
    def _no_braces(cls, path: str) -> str:
        return _without_braces(path)


class NetworkWeights(Section):
    """A whole network, judged by its accuracy too; see config/networks.md."""

    kind: Literal["network"] = key(..., "A trained network.")
    path: str | None = key(
        None, "ONNX file; null: the ResNet-9 for CIFAR-10 that comes with aimcsim.", min_length=1
    )
    output: str = key(
        "", "Value of the ONNX file that is taken as scores; empty: its first output."
    )
    input_shape: tuple[Annotated[int, Field(ge=1)], ...] | None = key(
        None, "Shape of one image, where the ONNX file leaves it open; null: that of the file.",
        min_length=1,
    )  # fmt: skip
    images: str | None = key(
        None,
        "Its test images, and training images to calibrate converters on: a folder of CIFAR-10, or "
        "a .npz or .nc file with test_images, test_labels and train_images. null: data/cifar10 for "
        "the network that comes with aimcsim, which the workflow downloads; for another network "
        "none, and its accuracy is not judged.",
        min_length=1,
    )
    packing: Literal["shared", "own"] = key(
        "shared", "shared: layers lie on as few cores as they need; own: each on cores of its own."
    )
    scale: Literal["column", "tile"] = key(
        "column",
        "What a digital scale belongs to: each column of a layer's piece on a core, or the piece.",
    )
    clip_sigmas: float | None = key(
        None, "Clip weights of each layer at this many standard deviations; null: no clipping.",
        unit="standard deviations", gt=0, le=100,
    )  # fmt: skip

    @property
    def image_source(self) -> str | None:
        """Where its images lie; None: nowhere."""
        return self.images or (CIFAR10 if self.path is None else None)

    @field_validator("path", "images")
    @classmethod
    def _no_braces(cls, path: str | None) -> str | None:
        return path and _without_braces(path)


def _without_braces(path: str) -> str:
    if set(path) & set("{}"):
        raise ValueError("Snakemake takes { and } in a path for wildcards; rename the file")
    return path


WeightSet = Annotated[
    SyntheticWeights | DigitsWeights | FileWeights | NetworkWeights, Field(discriminator="kind")
]
