"""A perceptron trained on scikit-learn's digits images (8 x 8 pixels, ten classes)."""

import warnings
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import Field
from threadpoolctl import threadpool_limits

from aimcsim.common.section import key
from aimcsim.mapping.dataset import bias_name, bias_variables, matrix_name, matrix_variables
from aimcsim.weights.registry import WEIGHTS, WeightSet

_TEST_SHARE = 0.3
_CALIBRATION_IMAGES = 512
_MOST_EPOCHS = 1000  # 60 to 160 suffice for hundreds of hidden units, few units need more


@WEIGHTS.register("digits")
class DigitsWeights(WeightSet):
    """Layers of a perceptron that the workflow trains on scikit-learn's digits images."""

    kind: Literal["digits"] = key(..., "A trained network and its test images.")
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)] = key(
        (128, 64), "Units of the hidden layers.", unit="units"
    )

    remedy: ClassVar[str] = "Give the network other hidden layers."

    def build(self, name: str, seed: int) -> xr.Dataset:
        """The trained layers and the images, see :func:`train`."""
        return train(self.hidden, seed)


def train(hidden: tuple[int, ...], seed: int) -> xr.Dataset:
    """Train a perceptron (ReLU, softmax at the output) with Adam until its loss settles.

    The same arguments give the same numbers; a fraction of a second for hundreds of units.
    Source of the images: Alpaydin and Kaynak, UCI repository, 1998, as shipped with
    scikit-learn: 1797 images, of which 70 % train and 30 % test, classes in equal shares.

    Parameters
    ----------
    hidden : units of the hidden layers.
    seed : 0 to 2**32 - 1; sets the split of the images, the initial weights and the batches.

    Returns
    -------
    Dataset, float32 unless stated, without units:

    * ``matrix_000`` (input_000, output_000), ...: weights of the layers;
    * ``bias_000`` (output_000), ...: their biases;
    * ``train_images`` (train_image, pixel): the first 512 training images, to calibrate ranges;
    * ``test_images`` (test_image, pixel), ``test_labels`` (test_image), int32: class 0 to 9.

    Pixels are scaled to [0, 1].
    """
    # Slow to import, and needed for this weight set alone.
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    images, labels = load_digits(return_X_y=True)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images / 16, labels, test_size=_TEST_SHARE, stratify=labels, random_state=seed
    )
    # In 64 bits, so that the rounding of another machine's BLAS, which training amplifies,
    # stays below the resolution of the float32 weights. One thread for the same reason.
    with threadpool_limits(1), warnings.catch_warnings():
        # A network that is too small to settle shows in its software accuracy.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = MLPClassifier(
            hidden, activation="relu", solver="adam", max_iter=_MOST_EPOCHS, random_state=seed
        ).fit(train_images, train_labels)
    names = [f"layer_{index}" for index in range(len(network.coefs_))]
    pixels = {"units": "1"}
    return xr.Dataset(
        {
            **matrix_variables(zip(names, network.coefs_, strict=True)),
            **bias_variables(zip(names, network.intercepts_, strict=True)),
            "train_images": (
                ("train_image", "pixel"),
                train_images[:_CALIBRATION_IMAGES].astype(np.float32),
                {"long_name": "training images for calibration", **pixels},
            ),
            "test_images": (
                ("test_image", "pixel"),
                test_images.astype(np.float32),
                {"long_name": "test images", **pixels},
            ),
            "test_labels": (
                ("test_image",),
                test_labels.astype(np.int32),
                {"long_name": "classes of the test images", "units": "1"},
            ),
        }
    )


def software_accuracy(dataset: xr.Dataset) -> float:
    """Share of the test images that the dataset's network classifies right, in percent.

    ``dataset`` is as :func:`train` gives it; all arithmetic is in float32.
    """
    values = dataset["test_images"].values
    layers = sum(name.startswith("matrix_") for name in dataset.data_vars)
    with threadpool_limits(1):
        for index in range(layers):
            values = values @ dataset[matrix_name(index)].values + dataset[bias_name(index)].values
            if index < layers - 1:
                values = np.maximum(values, 0)
    right = np.count_nonzero(values.argmax(axis=1) == dataset["test_labels"].values)
    return 100.0 * right / len(values)
