"""How good is a network whose products run on programmed cores? And how good is it in software?"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, get_args

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.chip.periphery import Periphery
from aimcsim.common.errors import UserError
from aimcsim.networks.adapted import AdaptedProducts, Moments, adapted, moments
from aimcsim.networks.chip import AnalogProducts, ideal_cores, noise_free
from aimcsim.networks.dataset import network_of
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.execute import ExactProducts, Place, run
from aimcsim.networks.fit import require_fit
from aimcsim.networks.full_scale import fitted
from aimcsim.networks.graph import Network, Products
from aimcsim.networks.on_device import place_of
from aimcsim.networks.programmed import programmed_cores
from aimcsim.networks.ranges import Ranges, activations, calibrate
from aimcsim.networks.settings import Compensation
from aimcsim.shards.groups import tiles_of
from aimcsim.shards.judging import judging
from aimcsim.shards.spec import ShardSpec

COMPENSATING_IMAGES = 8
"""Training images whose values at each layer are the MVMs that compensate drift: thousands of
MVMs for a convolution, so that their noise does not show in the factor."""
FITTING_IMAGES = 16
"""Training images on which the full scales of the converters are fitted to their resolution."""
JUDGED_IMAGES = 16
"""Test images on which the MVM error of each layer is judged."""
ADAPTING_IMAGES = 64
"""Training images from which the statistics of layers are adapted, at most."""
COMPENSATIONS = get_args(Compensation)
Progress = Callable[[int], None]


@dataclass(frozen=True)
class How:
    """How a network is judged, whatever the chip and the time."""

    calibration: int = 256
    """Training images that set the ranges of the converters."""
    compensation: tuple[str, ...] = ("tile", "none")
    """Which to judge, of :data:`COMPENSATIONS`."""
    statistics: str = "hermes_odp"
    """Name of the published statistics of drift and read noise."""


def judge(
    spec: ShardSpec,
    weights: xr.Dataset,
    states: xr.Dataset,
    images: xr.Dataset,
    chips: Sequence[int],
    times: Sequence[EvaluationTime],
    how: How = How(),
    progress: Progress = lambda images: None,
) -> xr.Dataset:
    """Judge the network on some chips at some evaluation times, for every run of a shard.

    Parameters
    ----------
    spec, states : the shard, and its conductances as :func:`aimcsim.sweep.shard.run` gives them
    weights : the network, see :func:`aimcsim.networks.dataset.build`
    images : as :func:`aimcsim.networks.images.read` gives them
    chips : some of ``spec.cores``
    times : each once
    progress : is told the images just done, ``chips x times x runs x compensations x test images``
        in all

    Returns
    -------
    Dataset over core (the chip), evaluation_time, run and compensation: ``accuracy`` (percent);
    over actual and said too ``confusion`` (images), over layer too ``layer_error`` (percent, MVM
    error on the values that the exact network has there). Coordinates along evaluation_time:
    ``time`` (s, NaN: right after programming), ``adc_bits``. Attribute ``judged_by``: the back end,
    that of the shard, or the CPU where its device is missing; what they find agrees to rounding.
    """
    prepared = _Prepared(spec, weights, images, how.calibration)
    network, back_end, place = prepared.network, prepared.back_end, prepared.place
    positions = spec.cores.tolist()
    found: dict[str, list] = {"accuracy": [], "confusion": [], "layer_error": []}
    for chip, at in itertools.product(chips, times):
        ranged = prepared.at(at.adc_bits)
        position = positions.index(chip)
        for cores in programmed_cores(spec, weights, states, position, at, how.statistics):
            products = AnalogProducts(network, cores, ranged.ranges, ranged.converters, back_end)
            for kind in how.compensation:
                compensated = prepared.compensated(products, kind)
                table = confusion(network, images, compensated, progress, place)
                found["confusion"].append(table)
                found["accuracy"].append(_accuracy(table))
                found["layer_error"].append(compensated.layer_errors(prepared.judged))
    grid = (len(chips), len(times), len(spec.run_ids), len(how.compensation))

    def of(name: str, dtype: str) -> np.ndarray:
        values = np.stack(found[name])
        return values.reshape(*grid, *values.shape[1:]).astype(dtype)

    over = ("core", "evaluation_time", "run", "compensation")
    seconds = [np.nan if at.time is None else at.time for at in times]
    bits = [prepared.at(at.adc_bits).converters.adc_bits for at in times]
    return xr.Dataset(
        {
            "accuracy": (over, of("accuracy", "f4"), _ACCURACY),
            "confusion": ((*over, "actual", "said"), of("confusion", "i4"), _CONFUSION),
            "layer_error": ((*over, "layer"), of("layer_error", "f4"), _LAYER_ERROR),
        },
        {
            "core": list(chips),
            "evaluation_time": [at.name for at in times],
            "time": ("evaluation_time", seconds, _TIME),
            "adc_bits": ("evaluation_time", np.array(bits, np.float64), {"units": "bits"}),
            "run": list(spec.run_ids),
            "compensation": list(how.compensation),
            "layer": [product.name for product in network.products],
        },
        {
            "weight_set": spec.weight_set,
            "shard": spec.text,
            "judged_by": back_end.description,
        },
    )


def software(
    spec: ShardSpec,
    weights: xr.Dataset,
    images: xr.Dataset,
    calibration: int = 256,
    progress: Progress = lambda images: None,
) -> xr.Dataset:
    """The network with exact products, with ideal converters alone, and where it lies on cores.

    Parameters as of :func:`judge` and :class:`How`; ``progress`` is told of two passes over the
    test images.

    Returns
    -------
    Dataset of ``software_accuracy`` and ``converter_accuracy`` (percent; converters of the shard's
    resolution around exact weights, without noise), ``software_confusion`` (images), per layer
    the number of its matrix, ``layer_matrix``, ``layer_rows`` and ``layer_columns``, the place of
    each ``piece`` on its core, and what the network's training recorded, if it did. Attributes:
    ``model`` (where it comes from), ``images`` (where these come from), ``classes`` (names, with
    commas between), ``converter_bits`` (of the ADCs), ``judged_by`` (the back end).
    """
    prepared = _Prepared(spec, weights, images, calibration)
    network, tiles, place = prepared.network, prepared.tiles, prepared.place
    blocks = [product.matrix for product in network.products]
    ideal = ExactProducts(network, place)
    exact = confusion(network, images, ideal, progress, place)
    converters = noise_free(spec.periphery)
    ranges, cores = prepared.at(None).ranges, ideal_cores(tiles, blocks)
    through = AnalogProducts(network, cores, ranges, converters, prepared.back_end)
    placed = [(tile.index, piece) for tile in tiles for piece in tile.pieces]
    extents = ("matrix", "row", "column", "rows", "columns", "at_row", "at_column")
    return xr.Dataset(
        {
            "software_accuracy": ((), _accuracy(exact), _ACCURACY),
            "converter_accuracy": (
                (), _accuracy(confusion(network, images, through, progress, place)), _ACCURACY,
            ),
            "software_confusion": (("actual", "said"), exact.astype(np.int32), _CONFUSION),
            "layer_matrix": ("layer", np.arange(len(blocks)), {"units": "1"}),
            "layer_rows": ("layer", [len(block) for block in blocks], {"units": "cells"}),
            "layer_columns": ("layer", [block.shape[1] for block in blocks], {"units": "cells"}),
            "piece_core": ("piece", [core for core, _ in placed], {"units": "1"}),
            **{
                f"piece_{name}": ("piece", [getattr(one, name) for _, one in placed], _CELLS)
                for name in extents
            },
            **{
                name: values for name, values in weights.data_vars.items()
                if str(name).startswith("training_")
            },
        },
        {"layer": [product.name for product in network.products]},
        {
            "model": weights.attrs["model_source"],
            "record": weights.attrs.get("record", json.dumps({})),
            "images": images.attrs["source"],
            "classes": images.attrs["classes"],
            "converter_bits": spec.periphery.adc_bits,
            "judged_by": prepared.back_end.description,
        },
    )  # fmt: skip


_ACCURACY = {"units": "percent", "long_name": "share of test images classified right"}
_CONFUSION = {"units": "images", "long_name": "test images by class and answer"}
_TIME = {"units": "s", "long_name": "time after programming"}
_LAYER_ERROR = {"units": "percent", "long_name": "MVM error of a layer on its own inputs"}
_CELLS = {"units": "cells"}


def confusion(
    network: Network,
    images: xr.Dataset,
    products: Products,
    progress: Progress,
    place: Place | None = None,
) -> np.ndarray:
    """Test images by class and answer, int64 (classes, classes); ``place``: see :func:`run`."""
    tested = images["test_images"].values
    tested = tested if place is None else place.kept(tested)
    labels, done = images["test_labels"].values, 0

    def tell(images_done: int) -> None:
        nonlocal done
        progress(images_done - done)
        done = images_done

    scores = run(network, tested, products, progress=tell, place=place)
    unknown = int(np.isnan(scores).any(axis=1).sum())
    if unknown:
        raise UserError(
            f"the network has scores that are no numbers for {unknown} of {len(scores)} test "
            f"images from {images.attrs['source']}. An operator, such as a division or a "
            "logarithm, met a value that it is not defined for."
        )
    classes = scores.shape[1]
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (labels, scores.argmax(axis=1)), 1)
    return table


def _accuracy(table: np.ndarray) -> float:
    return 100.0 * float(np.trace(table)) / float(table.sum())


class _Ranged(NamedTuple):
    """Converters of one resolution, with the ranges that are fitted to it."""

    converters: Periphery
    ranges: Ranges


class _Prepared:
    """What does not depend on chip, run and time.

    Attributes
    ----------
    network, tiles : the network, and where its matrices lie
    back_end, place : what computes, and where the network's values are
    seen, judged : its values for compensation, and for judging layers
    """

    def __init__(self, spec: ShardSpec, weights: xr.Dataset, images: xr.Dataset, calibration: int):
        self.network = network_of(weights)
        _, self.tiles = tiles_of(spec, weights)
        training = images["train_images"].values[:calibration]
        labels, source = images["test_labels"], images.attrs["source"]
        shape = training.shape[1:]
        require_fit(spec.weight_set, self.network, shape, int(labels.max()), source)
        self.back_end = kernels.backend(judging(spec))
        self.place = place = place_of(self.network, self.back_end.device)
        tested = images["test_images"].values
        self.seen = activations(self.network, training[:COMPENSATING_IMAGES], place)
        self.judged = activations(self.network, tested[:JUDGED_IMAGES], place)
        self._largest = calibrate(
            self.network, self.tiles, training, partial(run, place=place), place
        )
        self._fitting = activations(self.network, training[:FITTING_IMAGES], place)
        self._adapting = training[:ADAPTING_IMAGES]
        self._moments: Moments | None = None
        self._converters = spec.periphery
        self._ranged: dict[float | None, _Ranged] = {}

    def at(self, adc_bits: float | None) -> _Ranged:
        """Converters of ``adc_bits``; None: as while programming."""
        if adc_bits not in self._ranged:
            converters = self._converters
            if adc_bits is not None:
                converters = converters.model_copy(update={"adc_bits": adc_bits})
            ranges = fitted(
                self.network, self.tiles, self._largest, converters, self._fitting, self.back_end
            )
            self._ranged[adc_bits] = _Ranged(converters, ranges)
        return self._ranged[adc_bits]

    def compensated(self, products: AnalogProducts, kind: str) -> AnalogProducts | AdaptedProducts:
        """``products`` with the compensation ``kind`` of :data:`COMPENSATIONS`."""
        if kind == "none":
            return products
        if kind == "column":
            return products.compensated(self.seen, by_column=True)
        by_tile = products.compensated(self.seen)
        if kind == "tile":
            return by_tile
        if self._moments is None:
            self._moments = moments(self.network, self._adapting, self.place)
        measured = adapted(
            self.network, by_tile.measuring(), self._adapting, self._moments, self.place
        )
        return replace(measured, products=by_tile)
