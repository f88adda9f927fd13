"""ResNet-9 with random weights, as the dataset that a training writes."""

import numpy as np
import xarray as xr

from aimcsim.mapping.dataset import bias_name, matrix_variables
from aimcsim.networks.resnet9_layers import analog_layers


def random_dataset(widths=(28, 56, 56), seed=1) -> xr.Dataset:
    """What :func:`aimcsim.training.export.dataset` writes, but for the record of the training."""
    draw = np.random.default_rng(seed)
    layers = analog_layers(widths)
    names = [layer.name for layer in layers]
    matrices = [
        draw.normal(size=(layer.rows, layer.columns)).astype(np.float32) * (2 / layer.rows) ** 0.5
        for layer in layers
    ]
    norms = {
        f"norm_{index:03d}": (
            ("norm_part", f"output_{index:03d}"),
            np.stack(
                [
                    draw.uniform(0.5, 1.5, layer.columns),
                    draw.normal(size=layer.columns) / 4,
                    draw.normal(size=layer.columns) / 4,
                    draw.uniform(0.5, 1.5, layer.columns),
                ]
            ).astype(np.float32),
        )
        for index, layer in enumerate(layers[:-1])
    }
    return xr.Dataset(
        {
            **matrix_variables(zip(names, matrices, strict=True)),
            **norms,
            bias_name(len(names) - 1): (
                (f"output_{len(names) - 1:03d}",),
                draw.normal(size=layers[-1].columns).astype(np.float32),
            ),
            "kernel": ("layer", np.asarray([layer.kernel for layer in layers], np.int32)),
            "stride": ("layer", np.asarray([layer.stride for layer in layers], np.int32)),
            "image_mean": ("colour", np.asarray([125.3, 123.0, 113.9], np.float32)),
            "image_deviation": ("colour", np.asarray([63.0, 62.1, 66.7], np.float32)),
        },
        coords={"layer": names, "norm_part": ["scale", "offset", "mean", "variance"]},
        attrs={"network": "resnet9", "norm_epsilon": 1e-5},
    )
