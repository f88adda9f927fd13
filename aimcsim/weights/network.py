"""A whole network from an ONNX file, or the ResNet-9 that comes with aimcsim."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import xarray as xr
from pydantic import Field

from aimcsim.common.errors import UserError
from aimcsim.common.input_files import InputFile
from aimcsim.common.section import key
from aimcsim.networks.cifar10 import CLASSES, FOLDER, SHAPE, batches, identity, test_file
from aimcsim.networks.settings import MOST_IMAGES
from aimcsim.weights.registry import WEIGHTS, WeightSet


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
        """The ONNX file, where it is not the network that comes with aimcsim, and its tensors."""
        if self.path is None:
            return ()
        from aimcsim.networks.external_data import files_of  # slow to import

        return (self.path, *map(str, files_of(Path(self.path))))

    def image_files(self) -> tuple[str, ...]:
        """The file of images, or those of CIFAR-10."""
        source = self.image_source
        if source is None:
            return ()
        return (source,) if Path(source).is_file() else tuple(map(str, batches(Path(source))))

    @property
    def image_source(self) -> str | None:
        """The file or folder that its images are read from; None: there is none."""
        return self.images or (FOLDER if self.path is None else None)

    def read_images(self, seed: int, most_test: int, most_train: int) -> xr.Dataset:
        """The first images of its file or folder, see :func:`aimcsim.networks.images.read`."""
        from aimcsim.networks.images import read

        assert self.image_source is not None
        return read(Path(self.image_source), most_test, most_train)

    def image_identity(self) -> str:
        """The same before and after the download of CIFAR-10."""
        source = self.image_source
        if source is None or Path(source).is_file():
            return super().image_identity()
        return identity(Path(source))

    def check(self, name: str, built: bool = False, images_read: bool = False) -> xr.Dataset | None:
        """The model, the images, and that they fit together."""
        made = super().check(name, built, images_read)
        if self.image_source is None:
            return made
        seen = self._images(name, images_read and made is None)
        if seen is None:
            return made
        from aimcsim.networks.dataset import network_of  # slow to import
        from aimcsim.networks.fit import require_fit
        from aimcsim.weights.dataset import build

        made = build(name, self, seed=0) if made is None else made
        require_fit(name, network_of(made), *seen, str(self.image_source))
        return made

    def _images(self, name: str, read: bool) -> tuple[tuple[int, ...], int] | None:
        """Shape of one image, and the last class that occurs; None where the workflow has ``read``
        the source as it is.

        Images that the workflow can download may be missing.
        """
        source = Path(self.image_source or "")
        file = source if source.is_file() else test_file(source)
        if file is not None and read:
            return None
        if (source.is_dir() and file is not None) or source == Path(FOLDER):
            return SHAPE, CLASSES - 1
        try:
            found = self.read_images(0, MOST_IMAGES, 1)
        except UserError as error:
            raise UserError(f"weights.{name}.images: {error}") from error
        return found["test_images"].shape[1:], int(found["test_labels"].max())
