"""A whole network from an ONNX file, or the ResNet-9 that comes with aimcsim."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import xarray as xr
from pydantic import Field

from aimcsim.common.errors import UserError
from aimcsim.common.section import key
from aimcsim.networks.cifar10 import CLASSES, FOLDER, SHAPE, test_file
from aimcsim.weights.registry import WEIGHTS, InputFile, WeightSet, is_current


@WEIGHTS.register("network")
class NetworkWeights(WeightSet):
    """A whole network, judged by its accuracy too; see config/networks.md."""

    kind: Literal["network"] = key(..., "A trained network.")
    path: InputFile | None = key(
        None, "ONNX file; null: the ResNet-9 for CIFAR-10 that comes with aimcsim."
    )
    output: str = key(
        "", "Value of the ONNX file that is taken as scores; empty: its first output."
    )
    input_shape: tuple[Annotated[int, Field(ge=1)], ...] | None = key(
        None, "Shape of one image, where the ONNX file leaves it open; null: that of the file.",
        min_length=1,
    )  # fmt: skip
    images: InputFile | None = key(
        None,
        "Test images of the network, and training images to calibrate converters on: a folder of "
        "CIFAR-10, or a .npz or .nc file with test_images, test_labels and train_images. null: "
        "data/cifar10 for the network that comes with aimcsim, which the workflow downloads; for "
        "another network none, and its accuracy is not judged.",
    )
    packing: Literal["shared", "own"] = key(
        "shared", "shared: layers lie on as few cores as they need; own: each on cores of its own."
    )
    scale: Literal["column", "tile"] = key(
        "column",
        "What a digital scale belongs to: each column of a layer's piece on a core, or the piece.",
    )

    remedy: ClassVar[str] = "Correct the model."
    judged_only: ClassVar[frozenset[str]] = frozenset({"images"})

    def build(self, name: str, seed: int) -> xr.Dataset:
        """The network's matrices and its model, see :func:`aimcsim.networks.dataset.build`."""
        from aimcsim.networks.dataset import build, build_shipped  # slow to import

        how: dict[str, Any] = {
            "packing": self.packing,
            "scale": self.scale,
            "output": self.output,
            "input_shape": self.input_shape,
        }
        if self.path is None:
            return build_shipped(**how)
        return build(Path(self.path), self.path, **how)

    def files(self) -> tuple[str, ...]:
        """The ONNX file, where it is not the network that comes with aimcsim."""
        return () if self.path is None else (self.path,)

    @property
    def image_source(self) -> str | None:
        """The file or folder that its images are read from; None: there is none."""
        return self.images or (FOLDER if self.path is None else None)

    def read_images(self, seed: int, most_test: int, most_train: int) -> xr.Dataset:
        """The first images of its file or folder, see :func:`aimcsim.networks.images.read`."""
        from aimcsim.networks.images import read

        assert self.image_source is not None
        return read(Path(self.image_source), most_test, most_train)

    def last_class(self) -> int | None:
        if self.image_source is None:
            return None
        from aimcsim.networks.images import last_class  # slow to import

        source = Path(self.image_source)
        cifar10 = source == Path(FOLDER) or (source.is_dir() and test_file(source) is not None)
        return CLASSES - 1 if cifar10 else last_class(source)

    def check(self, name: str, made: Path, images: Path) -> xr.Dataset | None:
        """The model, the images, and that they fit together."""
        built = super().check(name, made, images)
        if self.image_source is None:
            return built
        seen = self._image_shape(name, None if built is not None else images)
        if seen is None:
            return built
        wanted: tuple[int, ...] = SHAPE
        if self.path is not None:
            from aimcsim.networks.dataset import network_of  # slow to import
            from aimcsim.weights.dataset import build

            built = build(name, self, seed=0) if built is None else built
            wanted = network_of(built).input_shape
        if seen != wanted:
            raise UserError(
                f"weights.{name}.images: {self.image_source} has images of shape {seen}, but the "
                f"network takes {wanted}. Give images of that shape."
            )
        last = self.last_class()
        if self.path is None and last is not None and last >= CLASSES:
            raise UserError(
                f"weights.{name}.images: {self.image_source} has images of the class {last}, but "
                f"the network has {CLASSES} scores: classes 0 to {CLASSES - 1}. Count classes from "
                "0, or give its own images."
            )
        return built

    def _image_shape(self, name: str, read: Path | None) -> tuple[int, ...] | None:
        """Shape of one image; None where the workflow has ``read`` the source as it is.

        Images that the workflow can download may be missing.
        """
        source = Path(self.image_source or "")
        file = source if source.is_file() else test_file(source)
        if file is not None and read is not None and is_current(read, [file]):
            return None
        if (source.is_dir() and file is not None) or source == Path(FOLDER):
            return SHAPE
        try:
            return self.read_images(0, 1, 1)["test_images"].shape[1:]
        except UserError as error:
            raise UserError(f"weights.{name}.images: {error}") from error
