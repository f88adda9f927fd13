"""A trained network as a dataset that needs no PyTorch to be used."""

import json

import numpy as np
import torch
import xarray as xr
from torch import nn

from aimcsim.common import provenance
from aimcsim.mapping.dataset import bias_name, matrix_variables
from aimcsim.training.checkpoint import plain
from aimcsim.training.loop import Trained
from aimcsim.training.network import CLASSIFIER
from aimcsim.training.settings import Training

_NORM_PARTS = ("scale", "offset", "mean", "variance")
_RECORD = {
    "phase": ("number of the phase, from 0", "1"),
    "learning_rate": ("learning rate at the start of the epoch", "1"),
    "training_loss": ("mean loss on the varied training images", "1"),
    "training_accuracy": ("accuracy on the varied training images", "percent"),
    "test_accuracy": ("accuracy on the test images, NaN where not looked at", "percent"),
}


def dataset(settings: Training, images: str, trained: Trained) -> xr.Dataset:
    """The network and the record of its training.

    Parameters
    ----------
    settings : what it was trained with
    images : digest of the images that it was trained on

    Returns
    -------
    Dataset of

    - ``matrix_000``, ... (inputs, outputs), float32: analog layers in order of use, inputs
      ordered (channel, kernel row, kernel column);
    - ``norm_000``, ... (norm_part, outputs): the batch norm after all but the last of them,
      y = scale (x - mean) / sqrt(variance + norm_epsilon) + offset; ``bias_<last>`` (outputs,);
    - per ``layer`` its ``kernel`` and ``stride``, pixels, and the ranges of its converters,
      ``input_range`` and ``output_range``, in units of its inputs and of its products;
    - ``image_mean`` and ``image_deviation`` per colour, of pixels from 0 to 255;
    - the record per ``epoch``, and ``noisy_accuracy`` per draw of weight noise.

    Attributes: ``network``, ``software_accuracy`` (float32, without converters),
    ``converter_accuracy`` (both percent, on the test images), ``settings`` (JSON), ``images``,
    ``source_revision`` (that ended the training), ``versions`` (JSON).
    """
    network = trained.network
    parts = list(network.layers())
    layers = [part.layer for part in parts]
    names = [layer.name for layer in layers]
    matrices = [_values(part.weight).reshape(len(part.weight), -1).T for part in parts]
    return xr.Dataset(
        {
            **matrix_variables(zip(names, matrices, strict=True)),
            **{
                f"norm_{index:03d}": _norm(network.norm[name], f"output_{index:03d}", name)
                for index, name in enumerate(names)
                if name in network.norm
            },
            bias_name(names.index(CLASSIFIER)): (
                (f"output_{names.index(CLASSIFIER):03d}",),
                _values(network.bias),
                {"long_name": CLASSIFIER, "units": "1"},
            ),
            "kernel": _per_layer([layer.kernel for layer in layers], "side of the kernel", "pixel"),
            "stride": _per_layer([layer.stride for layer in layers], "stride", "pixel"),
            "input_range": _per_layer(
                [float(part.input_range) for part in parts], "full scale of the DAC"
            ),
            "output_range": _per_layer(
                [float(part.output_range) for part in parts], "full scale of the ADC"
            ),
            "image_mean": _per_colour(trained.normalise.mean, "mean"),
            "image_deviation": _per_colour(trained.normalise.deviation, "standard deviation"),
            "noisy_accuracy": (
                ("draw",),
                np.asarray(trained.noisy_accuracy, np.float32),
                {"long_name": "accuracy on the test images with weight noise", "units": "percent"},
            ),
            **{
                name: (
                    ("epoch",),
                    np.asarray([row[name] for row in trained.record], np.float32),
                    {"long_name": title, "units": unit},
                )
                for name, (title, unit) in _RECORD.items()
            },
        },
        coords={
            "layer": names,
            "norm_part": list(_NORM_PARTS),
            "colour": ["red", "green", "blue"],
            "epoch": np.arange(1, len(trained.record) + 1),
        },
        attrs={
            "network": "resnet9",
            "norm_epsilon": network.norm[names[0]].eps,
            "software_accuracy": trained.accuracy,
            "converter_accuracy": trained.converter_accuracy,
            "settings": json.dumps(plain(settings), sort_keys=True),
            "images": images,
            "source_revision": provenance.source_revision(),
            "versions": json.dumps(provenance.versions() | {"torch": torch.__version__}),
        },
    )


def _values(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy().copy()


def _norm(norm: nn.BatchNorm2d, outputs: str, name: str) -> xr.Variable:
    parts = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return xr.Variable(
        ("norm_part", outputs),
        np.stack([_values(part) for part in parts]),
        {"long_name": f"batch norm after {name}", "units": "1"},
    )


def _per_layer(values: list, title: str, unit: str = "1") -> xr.Variable:
    kind = np.int32 if isinstance(values[0], int) else np.float32
    return xr.Variable(("layer",), np.asarray(values, kind), {"long_name": title, "units": unit})


def _per_colour(values: torch.Tensor, title: str) -> xr.Variable:
    attributes = {"long_name": f"{title} of the training images' pixels", "units": "1"}
    return xr.Variable(("colour",), _values(values.flatten()), attributes)
