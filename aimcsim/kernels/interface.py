"""What every back end offers, and the groups of arguments that its functions take.

Shapes: N runs in a batch, of which the n in ``runs`` take part; U unit cores whose fixed properties
the runs share (``unit`` says which, per run); D devices per unit cell; R rows; C columns; K batches
of B inputs. Conductances are in uS, inputs in units of the full-scale input, outputs in
uS x input.

Arrays of cells, inputs and outputs belong to the array module ``xp`` of the back end; what has one
entry per run is NumPy's.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from aimcsim.common.random import Address
from aimcsim.kernels.patterns import SignPatterns
from aimcsim.physics.converters import Adc

CHANGE = np.float32(-1e30)
"""In place of a pulse: a cell that is too high with its device at the highest current."""


SHEET = np.float32(5)
"""Pulses of a device that its data sheet's scatter counts as, beside what it showed. Ours."""
LEARNING = np.float32(3)
"""First pulses of a device, which say more of its curve than of its scatter. Ours."""


class Cells(NamedTuple):
    """Unit cells of N runs as their reads and MVMs meet them."""

    g: np.ndarray  # float32 (N, D, R, C), conductances of the devices, uS
    unit: np.ndarray  # intp (N,), unit core of each run
    polarity: np.ndarray  # float32 (D,), +1 or -1
    read_noise: float  # a device's read has the standard deviation read_noise x G + read_floor
    read_floor: float = 0.0  # uS


class Converter(NamedTuple):
    """Column read-out of U unit cores."""

    gain: np.ndarray  # float32 (U, C)
    offset: np.ndarray  # float32 (U, C), full scales
    full_scale: np.ndarray  # float32 (U,), range of a conversion, either sign, uS x input
    adc: Adc


class Pulses(NamedTuple):
    """One call of the pulse port: n runs of N, on U unit cores."""

    g: np.ndarray  # float32 (N, D, R, C), uS; changed
    set_pulses: np.ndarray | None  # uint16 (N, D, R, C), since RESET; changed; None: not counted
    runs: np.ndarray  # intp (n,)
    unit: np.ndarray  # intp (N,)
    current: np.ndarray  # float32 (n, R, C), RESET currents; negative: a full SET; 0: no pulse
    device: np.ndarray  # int8 (n, R, C), which device of the cell
    jitter: Address
    quench: Address  # that of ``jitter`` but for its quantity


class MeltQuenchLaw(NamedTuple):
    """Curves of melt-quench devices, and what differs from pulse to pulse."""

    g_set: np.ndarray  # float32 (U, D, R, C), uS
    g_reset: np.ndarray  # float32 (U, D, R, C), uS
    i_half: np.ndarray  # float32 (U, D, R, C), RESET currents
    i_width: np.ndarray  # float32 (U, D, R, C), RESET currents
    i_melt: float  # current that changes something, RESET currents
    current_jitter: float  # standard deviation at i_melt, RESET currents
    current_jitter_slope: float  # its growth with the current above i_melt, 1
    quench_noise: float  # standard deviation relative to the conductance


class Estimates(NamedTuple):
    """What is known of every cell's error."""

    error: np.ndarray  # float32 (N, R, C), estimated G - G_target, uS
    variance: np.ndarray  # float32 (N, R, C), of that estimate, uS**2


class Gradients(NamedTuple):
    """What a batch of MVMs says of the errors of n runs' cells."""

    gradient: np.ndarray  # float32 (n, R, C), inputs correlated with the output errors
    predicted: np.ndarray | None  # float32 (n, R, C), what of it the estimates explain; None:
    # power x estimate, as for orthogonal inputs
    energy: np.ndarray  # float32 (n, C), squares of the output errors per column
    power: np.ndarray  # float32 (n,), batch size x mean square input
    batch: int  # inputs


class TunedCells(NamedTuple):
    """Cells of N runs by the device of each that is tuned."""

    current: np.ndarray  # float32 (N, R, C), last used on the device, RESET currents
    fired: np.ndarray  # float32 (N, R, C), pulses that the rule has chosen for the device so far
    surprise: np.ndarray  # float32 (N, R, C), uS**2, squares of errors that pulses were found to
    # have left, those of the first ``LEARNING`` left out
    rested: np.ndarray  # bool (N, R, C), its next pulse repeats ``current``; (0, R, C): none
    sign: np.ndarray  # int8 (N, R, C), +1 or -1: what more of its conductance does to the cell
    tunable: np.ndarray  # bool (N, R, C)
    scatter: np.ndarray  # float32 (U, R, C), of the average device from pulse to pulse at the
    # target, uS: the data sheet's, worth ``SHEET`` pulses of the device itself
    response: np.ndarray  # float32 (U, R, C), above 0: by how much the average device's current
    # moves per conductance at the target, RESET currents per uS
    bend: np.ndarray  # float32 (U, R, C), how much less for what lies above the target, 1/uS
    unit: np.ndarray  # intp (N,)


class PulseRule(NamedTuple):
    """From estimated error to pulse: float32 (n,) each, if nothing else is said."""

    prior: np.ndarray  # standard deviation after a pulse, in scatters of the device
    noise_threshold: np.ndarray  # standard deviations that an error must stand out by
    floor: np.ndarray  # error below which nothing is done, in scatters of the device
    least: np.ndarray  # the same, uS
    rate: np.ndarray  # share of the average device's move
    decay: np.ndarray  # by how much less after each pulse: rate / (1 + decay x pulses)
    changes: np.ndarray  # bool (n,), whether cells may change to the other polarity's device
    lowest: float  # bounds of the current, RESET currents
    highest: float


class Geometry(NamedTuple):
    """What a piece of a layer takes from images; all in pixels but ``channels``."""

    channels: slice  # of an image; the piece's inputs are ordered (kernel row, column, channel)
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]  # top, left, bottom, right
    dilations: tuple[int, int]


class Steps(NamedTuple):
    """A piece of a layer on a core, in steps of its converters: 1 step is 1 code.

    Columns' gain is part of ``weights`` and ``variance``.
    """

    to_code: float  # DAC codes per unit of the values
    top_code: int  # largest DAC code
    weights: np.ndarray  # float32 (inputs, C), ADC steps per DAC step
    variance: np.ndarray  # float32 (inputs, C), of reads, ADC steps**2 per DAC step**2; or (0, C)
    offset: np.ndarray  # float32 (C,), ADC steps
    adc: Adc
    scale: np.ndarray  # float32 (C,), output per ADC step
    shift: np.ndarray  # float32 (C,), output at code 0


class Outputs(NamedTuple):
    """Where the outputs of a piece of a layer go."""

    values: np.ndarray  # float32 (images, positions, columns of the layer); changed
    column: int  # the piece's first
    fresh: bool = False  # nothing is there yet: zeros, or, on a device, anything


class ImageDraws(NamedTuple):
    """Addresses of what is drawn for each of some images in a row."""

    seed: int
    chip: int
    tile: int
    quantity: int
    first: int  # access of the first image
    step: int  # from the access of an image to that of the next

    def address(self, images: int) -> Address:
        """Of so many images, one run of draws for each."""
        return Address(
            self.seed,
            np.full(images, self.chip, np.uint32),
            np.full(images, self.tile, np.uint32),
            self.quantity,
            (self.first + self.step * np.arange(images)).astype(np.uint32),
        )


class Multiplied(NamedTuple):
    """Shape of products C = A op(B), float32, stored by columns as BLAS has them."""

    m: int  # rows of C
    n: int  # columns of C
    k: int  # columns of A
    lda: int  # elements from column to column of A
    ldb: int
    ldc: int
    transpose_b: bool


class Device(Protocol):
    """What runs kernels of a GPU: see :class:`aimcsim.kernels.cuda.device.CudaDevice`."""

    @property
    def xp(self) -> Any:
        """Array module of its arrays."""

    @property
    def name(self) -> str:
        """What it is, for records."""

    @property
    def out_of_memory(self) -> type[Exception]:
        """The error of an allocation that does not fit."""

    def free_bytes(self) -> int:
        """Memory that arrays could take."""

    def release(self) -> None:
        """Give memory that no array uses back."""

    def synchronize(self) -> None:
        """Wait until all that was launched is done."""

    def to_device(self, array: np.ndarray) -> Any:
        """Its own array of a NumPy one."""

    def to_host(self, array: Any) -> np.ndarray:
        """A NumPy array of its own one."""

    def launch(self, kernel: str, threads: int, rows: int, *arguments: Any) -> None:
        """Run ``kernel`` with at least ``threads`` threads on each of ``rows`` rows of the grid.

        ``arguments`` are checked by :func:`aimcsim.kernels.cuda.source.checked`.
        """

    def addresses(self, array: Any, index: np.ndarray) -> np.ndarray:
        """Addresses of ``array[index]``, along the first axis, uint64."""

    def multiply(self, shape: Multiplied, a: Any, b: Any, c: Any) -> None:
        """C = A op(B) of many matrices; ``a``, ``b``, ``c``: arrays of their addresses."""


class Kernels(Protocol):
    """A back end: the few operations that cost time.

    The random numbers are the same integers in all back ends, and the arithmetic agrees to
    single-precision rounding. What is computed for a run depends on no other run of the batch.
    """

    @property
    def xp(self) -> Any:
        """Array module of all large arrays."""

    @property
    def name(self) -> str:
        """``cpu``, ``gpu`` or ``reference``: see :func:`aimcsim.kernels.backend`."""

    @property
    def description(self) -> str:
        """What computes, for records: the name, of a GPU with its device."""

    @property
    def device(self) -> Device | None:
        """The device with a memory of its own that the arrays are in; None: the host."""

    @property
    def CELLS_AT_ONCE(self) -> int:
        """Cells whose runs a programming method takes through all its iterations before the next
        ones."""

    def normals(self, address: Address, count: int) -> np.ndarray:
        """Standard normal draws, float32 (n, count)."""

    def uniforms(self, address: Address, count: int) -> np.ndarray:
        """Uniform draws on (0, 1), float32 (n, count)."""

    def to_grid(self, x: np.ndarray, scale: float, shift: float, steps: float) -> np.ndarray:
        """``scale * x + shift`` rounded to ``steps`` steps a unit and clipped to +-1, float32."""

    def read_cells(
        self,
        cells: Cells,
        runs: np.ndarray,
        converter: Converter,
        address: Address,
        device: np.ndarray | None = None,
    ) -> np.ndarray:
        """Conductance of every unit cell as the column ADC reports it: an MVM with one input on.

        Parameters
        ----------
        runs : intp (n,)
        address : of ``Quantity.CELL_READ``
        device : int8 (n, R, C), read this device of each cell alone; None: all, the net conductance

        Returns
        -------
        float32 (n, R, C), uS
        """

    def mvm(
        self,
        x: np.ndarray | SignPatterns,
        x_of: np.ndarray,
        cells: Cells,
        runs: np.ndarray,
        converter: Converter,
        address: Address,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Matrix-vector products of a batch of inputs, as the column ADCs report them.

        Device read noise is independent between MVMs; its sum over a column is drawn as one normal
        with the exact variance ``x**2 @ sigma(g)**2`` instead of one per device.

        Parameters
        ----------
        x : float32 (K, B, R), K batches of inputs already on the DAC's grid, or their factors
        x_of : intp (n,), which batch each run takes; runs that share one should be neighbours
        runs : intp (n,)
        address : of ``Quantity.MVM_READ``

        Returns
        -------
        y : float32 (n, B, C), uS x input
        saturated : int64 (n,), conversions at either end of the range
        """

    def pulse(self, pulses: Pulses, law: MeltQuenchLaw) -> tuple[np.ndarray, np.ndarray]:
        """Fire one melt-quench or SET pulse at one device of each selected unit cell.

        Changes ``pulses.g``; ``pulses.set_pulses`` is not used.

        Returns
        -------
        fired : int64 (n, 2), melt-quench pulses and SET pulses
        total : float64 (n,), their currents above 0 added up, RESET currents. Float64 holds this
            sum of float32 exactly: its order does not matter
        """

    def ideal_products(
        self,
        x: np.ndarray | SignPatterns,
        x_of: np.ndarray,
        weights: np.ndarray,
        of: np.ndarray | None = None,
    ) -> np.ndarray:
        """``x @ weights``, float32 (n, B, C).

        Product i is of batch ``x_of[i]`` of x (K, B, R) and matrix ``of[i]`` of weights (N, R, C);
        None: of all matrices in turn.
        """

    def correlate(
        self, x: np.ndarray | SignPatterns, x_of: np.ndarray, error: np.ndarray
    ) -> np.ndarray:
        """Gradient of the squared output error: ``x.T @ error`` per run, float32 (n, R, C).

        ``x`` is (K, B, R), ``x_of`` (n,) and ``error`` (n, B, C).
        """

    def residual(
        self, y: np.ndarray, ideal: np.ndarray, unit: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn outputs into errors, and add up squares.

        Parameters
        ----------
        y : float32 (n, B, C), measured outputs; on return ``y - ideal[unit]``
        ideal : float32 (U, B, C)
        unit : intp (n,)

        Returns
        -------
        energy : float32 (n, C), of the errors per column
        ideal_energy : float64 (U,), of the ideal outputs
        """

    def output_sums(
        self, y: np.ndarray, ideal: np.ndarray, unit: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums of y^2 and of y x ideal over the batch, per run and column, float64 (n, C) each.

        ``y`` is float32 (n, B, C), ``ideal`` (U, B, C), ``unit`` (n,) the unit core of each run.
        """

    def target_bins(
        self, net: np.ndarray, targets: np.ndarray, unit: np.ndarray, g_max: float, bins: int
    ) -> np.ndarray:
        """Errors of the cells' magnitudes, sign(target) x net - |target|, added up by target.

        Parameters
        ----------
        net : float32 (n, R, C), uS
        targets : float32 (U, R, C), uS; cells of target 0 are left out
        unit : intp (n,)
        bins : of equal width, from targets of 0 to ``g_max``; larger ones are in the last

        Returns
        -------
        float64 (n, bins, 3) on the host: cells, sum of their errors (uS), and of the squares
        """

    def fold(
        self, estimates: Estimates, runs: np.ndarray, gradients: Gradients, running: np.ndarray
    ) -> None:
        """Fold a batch's gradient into the running estimates of every cell's error.

        Parameters
        ----------
        estimates : those of ``runs`` are replaced
        runs : intp (n,)
        running : bool (n,); False: the batch alone replaces the estimate
        """

    def decide(
        self, estimates: Estimates, cells: TunedCells, runs: np.ndarray, rule: PulseRule
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pulse currents of the cells whose estimated error stands out; estimates forget these.

        The scatter of a device is the root of (SHEET x scatter^2 + surprise) / (SHEET + pulses
        after the first LEARNING). A cell is chosen where ``|error| > max(noise_threshold x
        deviation, floor x scatter, least)``; its current moves by ``rate`` x ``response`` x error,
        up where it conducts too much; for errors above 0 in its direction by 1 + ``bend`` x error
        times less, and after each pulse less, see ``decay``.

        Parameters
        ----------
        estimates, cells : ``error``, ``variance``, ``current``, ``fired``, ``surprise`` and
            ``rested`` of chosen cells are changed
        runs : intp (n,)

        Returns
        -------
        fire : float32 (n, R, C), currents, 0 for no pulse; ``CHANGE`` where a cell may change
            polarity and conducts too much at ``highest``: its estimate, variance and current stay
        changing : int64 (m,), where in ``fire``, flattened, that is, in any order
        """

    def add_products(
        self,
        values: np.ndarray,
        geometry: Geometry,
        steps: Steps,
        noise: ImageDraws | None,
        out: Outputs,
    ) -> None:
        """Add what a piece of a layer gives for a batch of images to ``out``.

        Parameters
        ----------
        values : float32 (images, height, width, channels)
        steps : with arrays of ``xp``
        noise : of the standard normals of each image, one for each of its positions and C columns,
            position by position; None: neither reads nor conversions have any
        out : the piece's outputs are added to what is there
        """
