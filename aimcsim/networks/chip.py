"""Products of a network on the programmed cores of one chip.

Analog: every product of a layer, by MVMs with the DACs, wires, read noise and ADCs of the cores
that hold its pieces; the physics of :meth:`aimcsim.chip.core.Cores.mvm`. For a piece, its rows of
the core are driven and its columns looked at; the core's other cells carry no current. Digital: the
correction behind each column, the scale of a piece's columns, sums over pieces.

Read noise and converters' noise are drawn per image, layer and core. So results depend neither on
the batch nor on its order, and methods are compared on the same draws.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimcsim.chip import periphery
from aimcsim.chip.periphery import Periphery
from aimcsim.common.arrays import to_host
from aimcsim.common.random import Phase, Quantity
from aimcsim.kernels import cpu
from aimcsim.kernels.interface import ImageDraws, Kernels, Outputs, Steps
from aimcsim.mapping.tiles import Piece, Tile, normalised
from aimcsim.networks.adapted import layer_errors
from aimcsim.networks.graph import Network, Product
from aimcsim.networks.patches import Share, as_images, partial_sums, shape_of_outputs
from aimcsim.networks.ranges import Activations, Ranges, pieces_of


@dataclass(frozen=True)
class ProgrammedCore:
    """What a core of one chip holds at one time, as MVMs meet it."""

    tile: Tile
    seed: int
    chip: int
    per_weight: np.ndarray
    """Conductance that outputs of each piece count as a normalised weight of 1, float64 (pieces,),
    uS."""
    net: np.ndarray
    """Net conductances behind the wires, float32 (R, C), uS."""
    variance: np.ndarray | None
    """Of the read noise of each cell per MVM, float32 (R, C), uS**2; None: reads are silent."""
    gain: np.ndarray
    """Of the columns, float32 (C,)."""
    offset: np.ndarray
    """Of the columns, float32 (C,), full scales."""
    correction: np.ndarray | None = None
    """Digital scale (1) and offset (full scales) behind each column, float32 (2, C)."""


def ideal_cores(tiles: Sequence[Tile], matrices: Sequence[np.ndarray]) -> list[ProgrammedCore]:
    """Cores that hold every weight exactly and read silently, with ideal columns."""
    return [
        ProgrammedCore(
            tile, 0, 0, np.ones(len(tile.pieces)), normalised(tile, matrices), None,
            np.ones(tile.columns, np.float32), np.zeros(tile.columns, np.float32),
        )
        for tile in tiles
    ]  # fmt: skip


def noise_free(converters: Periphery) -> Periphery:
    """The same converters without noise of their own: what is left is their resolution."""
    return converters.model_copy(update={"adc_noise": 0.0})


class AnalogProducts:
    """The products of ``network`` on programmed cores; a :class:`aimcsim.networks.graph.Products`.

    Attributes
    ----------
    pieces : all pieces, tile by tile
    factors : digital factor behind each piece, float32, or of each of its columns, float32
        (columns,); 1 unless compensated
    """

    def __init__(
        self,
        network: Network,
        cores: Sequence[ProgrammedCore],
        ranges: Ranges,
        converters: Periphery,
        kernels: Kernels = cpu,
    ):
        """``ranges`` are for the pieces of ``cores`` in this order; ``converters.adc_bits`` is the
        resolution of MVMs; ``kernels``: the back end, whose arrays the values are. Raises a
        ValueError where the ranges are those of another network, or of other pieces."""
        self.network, self.kernels, self.converters = network, kernels, converters
        self.pieces = pieces_of([core.tile for core in cores])
        self.factors: list[np.ndarray] = [np.array(1, np.float32)] * len(self.pieces)
        if (len(ranges.inputs), len(ranges.outputs)) != (len(network.products), len(self.pieces)):
            raise ValueError(
                f"ranges of {len(ranges.inputs)} products and {len(ranges.outputs)} pieces; "
                f"there are {len(network.products)} and {len(self.pieces)}"
            )
        self._phase = Phase.INFERENCE
        self._placed = [
            _Placed(network.products[piece.matrix], piece, core, place)
            for core in cores
            for place, piece in enumerate(core.tile.pieces)
        ]
        self._steps = [
            self._there(
                placed.steps(
                    converters, float(ranges.inputs[placed.piece.matrix]),
                    float(ranges.outputs[number]),
                )
            )
            for number, placed in enumerate(self._placed)
        ]  # fmt: skip
        self._compensated = self._steps
        self._of_product = [
            [number for number, piece in enumerate(self.pieces) if piece.matrix == index]
            for index in range(len(network.products))
        ]
        self._fresh = [_fresh(self.pieces, index) for index in range(len(network.products))]

    def __call__(self, index: int, values: np.ndarray, first_image: int) -> np.ndarray:
        product = self.network.products[index]
        images = as_images(product, values)
        shape = shape_of_outputs(product, values)
        fresh, xp = self._fresh[index], self.kernels.xp
        new = xp.empty if fresh and self.kernels.device is not None else xp.zeros
        out = new((len(values), int(np.prod(shape[1:-1])), shape[-1]), np.float32)
        for number in self._of_product[index]:
            where = Outputs(out, self.pieces[number].column, number in fresh)
            self._add(number, self._compensated[number], images, first_image, where)
        return out.reshape(shape)

    def compensated(self, calibration: Activations, by_column: bool = False) -> "AnalogProducts":
        """The same with a digital factor a = <y, y_ideal> / <y, y> behind each piece, or column.

        ``calibration`` gives the inputs of MVMs through the ports; y are their outputs behind the
        digital scales, y_ideal the exact ones. By the definition of the global scale in
        :mod:`aimcsim.evaluation.mvm_error`, for a piece and in the unit of its layer, where a
        column counts by what the network gets from it. What gives nothing but zeros gets 1.
        """
        measuring = self.measuring()
        factors = [
            measuring._factor(number, as_images(placed.product, values), by_column)
            for number, placed in enumerate(self._placed)
            for values in [calibration.values[placed.piece.matrix]]
        ]
        other = copy.copy(self)
        other.factors = factors
        other._compensated = [
            steps._replace(scale=factor * steps.scale, shift=factor * steps.shift)
            for factor, steps in zip(
                map(self.kernels.xp.asarray, factors), self._steps, strict=True
            )
        ]
        return other

    def measuring(self) -> "AnalogProducts":
        """The same on draws of their own, as what is compensated is not what is measured."""
        other = copy.copy(self)
        other._phase = Phase.COMPENSATION
        return other

    def layer_errors(self, judged: Activations) -> np.ndarray:
        """See :func:`aimcsim.networks.adapted.layer_errors`."""
        return layer_errors(self, self.network.products, judged, self.kernels.device)

    def _there(self, steps: Steps) -> Steps:
        """``steps`` with arrays of the back end."""
        arrays = ("weights", "variance", "offset", "scale", "shift")
        return steps._replace(
            **{name: self.kernels.xp.asarray(getattr(steps, name)) for name in arrays}
        )

    def _factor(self, number: int, images: np.ndarray, by_column: bool) -> np.ndarray:
        placed = self._placed[number]
        ideal = partial_sums(placed.product, placed.piece, images, self.kernels.device)
        y = np.zeros_like(ideal)
        self._add(number, self._steps[number], images, 0, Outputs(y, 0))
        over = tuple(range(y.ndim - 1)) if by_column else None
        sums = np.square(y.astype(float)).sum(axis=over), (y.astype(float) * ideal).sum(axis=over)
        energy, shared = to_host(self.kernels.xp.stack(sums))
        factor = np.divide(shared, energy, out=np.ones(np.shape(energy)), where=energy > 0)
        return factor.astype(np.float32)

    def _add(
        self,
        number: int,
        steps: Steps,
        images: np.ndarray,
        first_image: int,
        out: Outputs,
    ) -> None:
        """Add what piece ``number`` gives to ``out``.

        ``steps``: its own, with or without its digital factor.
        """
        placed, noise = self._placed[number], None
        if steps.adc.noise > 0 or len(steps.variance):
            noise = placed.draws(first_image, self._phase)
        self.kernels.add_products(images, placed.geometry, steps, noise, out)


def _fresh(pieces: Sequence[Piece], index: int) -> set[int]:
    """Numbers of the pieces of matrix ``index`` whose columns none before them has.

    None of them where one has some of its columns: then all are added to zeros.
    """
    found: set[int] = set()
    taken: set[int] = set()
    for number, piece in enumerate(pieces):
        own = set(range(piece.column, piece.column + piece.columns))
        if piece.matrix != index:
            continue
        if not own & taken:
            found.add(number)
        elif not own <= taken:
            return set()
        taken |= own
    return found


class _Placed:
    """A piece of a product on its core."""

    def __init__(self, product: Product, piece: Piece, core: ProgrammedCore, place: int):
        """``place``: number of the piece among those of the core."""
        self.product, self.piece, self.core, self.place = product, piece, core, place
        self.share = Share.of(product, piece)
        self.geometry = self.share.geometry(product)

    def steps(self, settings: Periphery, input_range: float, output_range: float) -> Steps:
        """Everything in steps of the converters; the ranges are those of :class:`Ranges`."""
        core, (rows, columns) = self.core, self.piece.place
        codes, adc = 2 ** (settings.dac_bits - 1) - 1, periphery.adc(settings)
        per_weight = core.per_weight[self.place].item()
        full_scale = output_range * per_weight  # uS x input
        adc_step = full_scale / adc.half
        gain = core.gain[columns].astype(float) / adc_step * (settings.dac_range / codes)
        digital = self.piece.scale.astype(float) * input_range / per_weight  # of uS x input
        scale, shift = np.ones(self.piece.columns), np.zeros(self.piece.columns)
        if core.correction is not None:
            scale, shift = core.correction[:, columns].astype(float)
        variance = np.empty((0, self.piece.columns), np.float32)
        if core.variance is not None:
            variance = self._for_patches(core.variance[rows, columns] * gain**2)
        return Steps(
            codes / (input_range * settings.dac_range),
            codes,
            self._for_patches(core.net[rows, columns] * gain),
            variance,
            (core.offset[columns].astype(float) * adc.half).astype(np.float32),
            adc,
            (scale * adc_step * digital).astype(np.float32),
            (shift * full_scale * digital).astype(np.float32),
        )

    def _for_patches(self, block: np.ndarray) -> np.ndarray:
        return self.share.matrix(self.product, block)

    def draws(self, first_image: int, phase: Phase) -> ImageDraws:
        """Of the noise of each image: one access for each image and piece of the core."""
        pieces = len(self.core.tile.pieces)
        return ImageDraws(
            self.core.seed, self.core.chip, self.core.tile.index,
            int(Quantity.MVM_READ) + int(phase), first_image * pieces + self.place, pieces,
        )  # fmt: skip
