"""A network as a weight set: its matrices for programming, and the model that they belong to."""

import dataclasses
import json
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.common.guarded import how_it_ends
from aimcsim.common.storage import read_dataset
from aimcsim.common.threads import single_threaded
from aimcsim.mapping.dataset import described, matrices, matrix_name, matrix_variables
from aimcsim.networks import resnet9
from aimcsim.networks.execute import ExactProducts, run
from aimcsim.networks.graph import Network
from aimcsim.networks.onnx_file import first_line, open_model
from aimcsim.networks.onnx_reader import read_model

SHIPPED = "resnet9.nc"
_PATIENCE = 600.0  # s of processor time that reading a model may take
_RECORD = ("phase", "learning_rate", "training_loss", "training_accuracy", "test_accuracy")


def build(
    model: Path | bytes,
    source: str,
    *,
    packing: str = "shared",
    scale: str = "column",
    output: str = "",
    input_shape: Sequence[int] | None = None,
) -> xr.Dataset:
    """A network as a weight set.

    Parameters
    ----------
    model : ONNX file, or the bytes of one
    source : what messages and results call it, such as its path
    packing : "shared": layers lie on as few cores as they need; "own": each on cores of its own
    scale : what a digital scale belongs to: each "column" of a layer's piece on a core, or the
        piece, "tile"
    output, input_shape : see :func:`aimcsim.networks.onnx_reader.read_model`; "" is None there

    Returns
    -------
    Dataset of ``matrix_000``, ... (inputs, outputs), float32, one for each product in order of
    use, with the attribute ``kernel_area`` (rows that belong to one input channel); and ``model``,
    the bytes of the ONNX model. Attributes: ``network`` ("onnx"), ``model_source``, ``packing``,
    ``scale``, ``reading`` (JSON: ``output``, ``input_shape``).

    Raises
    ------
    UserError
        The model cannot be read, or has operators that are not supported.
    """
    options = {"output": output, "input_shape": input_shape}
    if isinstance(model, Path):
        fate = how_it_ends(
            lambda: rehearse(_read(open_model(model, source), source, options), source), _PATIENCE
        )
        if fate is not None:
            raise UserError(
                f"{source}: not a valid ONNX model (reading it {fate}). Export the network again, "
                "or check that the file is complete."
            )
    opened = open_model(model, source)
    network = _read(opened, source, options)
    rehearse(network, source)
    content = opened.SerializeToString()  # with tensors in files beside it
    dataset = xr.Dataset(
        {
            **matrix_variables((p.name, p.matrix) for p in network.products),
            "model": ("byte", np.frombuffer(content, np.uint8), {"long_name": "ONNX model"}),
        },
        attrs={
            "network": "onnx",
            "model_source": source,
            "packing": packing,
            "scale": scale,
            "reading": json.dumps(options),
        },
    )
    for index, product in enumerate(network.products):
        area = int(np.prod(product.kernel))
        dataset[matrix_name(index)].attrs["kernel_area"] = area
    return described(dataset, [one.stored_as for one in network.products], network.left_out)


def rehearse(network: Network, source: str) -> None:
    """Run a network on two images of noise, with exact products.

    Raises
    ------
    UserError
        It cannot be run: what only shows then is told before anything is programmed.
    """
    images = np.random.default_rng(0).uniform(-1, 1, (2, *network.input_shape))
    try:
        with np.errstate(all="ignore"), single_threaded():
            run(network, images, ExactProducts(network))
    except Exception as error:  # whatever a step meets that no check has seen
        where = f" at {error.__notes__[0]}" if getattr(error, "__notes__", None) else ""
        raise UserError(
            f"{source}: the network stops{where} on an image of shape {network.input_shape} "
            f"({type(error).__name__}: {first_line(error)}). Export the network again; ONNX "
            "Runtime tells whether it runs there."
        ) from error


def build_shipped(**how: Any) -> xr.Dataset:
    """The ResNet-9 that comes with aimcsim, :func:`build` with the options ``how``.

    Further variables are ``training_<name>`` over ``epoch``, the record of its training, and the
    attribute ``record`` (JSON: its settings, and what it reaches in software).
    """
    trained = shipped()
    dataset = build(resnet9.to_onnx(trained).SerializeToString(), "resnet9", **how)
    kept = ("settings", "source_revision", "images", "software_accuracy", "converter_accuracy")
    dataset.attrs["record"] = json.dumps({name: trained.attrs[name] for name in kept})
    recorded = {f"training_{name}": trained[name].variable for name in _RECORD}
    recorded["training_noisy_accuracy"] = trained["noisy_accuracy"].variable
    return dataset.assign(recorded)


def network_of(weights: xr.Dataset) -> Network:
    """The network of a weight set, with the set's matrices, which may have been clipped."""
    options = json.loads(weights.attrs["reading"])
    network = _read(weights["model"].values.tobytes(), weights.attrs["model_source"], options)
    products = tuple(
        dataclasses.replace(product, matrix=matrix)
        for product, (_, matrix) in zip(network.products, matrices(weights), strict=True)
    )
    return dataclasses.replace(network, products=products)


def _read(model: onnx.ModelProto | bytes, source: str, options: dict[str, Any]) -> Network:
    shape = options["input_shape"]
    return read_model(
        model, source, output=options["output"] or None, input_shape=shape and tuple(shape)
    )


def shipped() -> xr.Dataset:
    """The trained ResNet-9 that comes with aimcsim, see :func:`aimcsim.training.export.dataset`."""
    with as_file(files("aimcsim.networks") / "data" / SHIPPED) as path:
        return read_dataset(path)
