"""What the tests share: cores with stated noise, and moments of a sample with their error."""

from types import SimpleNamespace

import numpy as np

from aimcsim import kernels
from aimcsim.chip.core import Cores, UnitCores, manufacture
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.devices.table import Curve, Table
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Wires

# A curve so narrow that a full RESET ends where it should.
NOISE_FREE = MeltQuench(
    current_jitter=0, current_jitter_slope=0, quench_noise=0, read_noise=0, i_width_mean=0.08
)
IDEAL_CONVERTERS = Periphery(
    dac_bits=16,
    adc_bits=16,
    adc_noise=0,
    column_gain=0,
    column_offset=0,
)


def changed(settings, **values):
    """``settings`` with some values replaced, checked against their bounds."""
    return type(settings)(**(settings.model_dump() | values))


def uniform_targets(units: int, rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Targets (U, R, C) uniform on +-g_max, 30 % zeros, uS; the same in every unit core."""
    generator = np.random.default_rng(seed)
    weights = generator.uniform(-1, 1, (rows, columns))
    weights[generator.random((rows, columns)) < 0.3] = 0
    one = (MeltQuench().g_max * weights).astype(np.float32)
    return np.repeat(one[None], units, axis=0)


def make_units(
    targets: np.ndarray,
    device: MeltQuench = NOISE_FREE,
    converters: Periphery = IDEAL_CONVERTERS,
    seed: int = 1,
    backend: str = "cpu",
    unit_cell: str = "odp",
    wires: Wires | None = None,
) -> UnitCores:
    """Unit cores on chips 0, 1, ..., tile 0."""
    chip = np.arange(len(targets))
    return manufacture(
        seed, chip, np.zeros_like(chip), targets, device, converters, kernels.backend(backend),
        unit_cell, wires=wires,
    )  # fmt: skip


def make_cores(targets: np.ndarray, *args, conductances=None, **kwargs) -> Cores:
    """One run per unit core."""
    units = make_units(targets, *args, **kwargs)
    return Cores(units, np.arange(len(targets)), conductances)


def split(net: np.ndarray) -> np.ndarray:
    """Device conductances (N, 2, R, C) whose difference is ``net`` (N, R, C), one of them 0."""
    return np.stack([np.maximum(net, 0), np.maximum(-net, 0)], axis=1).astype(np.float32)


def net(cores: Cores) -> np.ndarray:
    """Net conductances (N, R, C) of cells of one device per polarity, uS."""
    g = cores.true_conductances()
    return g[:, 0] - g[:, 1]


def mean_and_error(sample: np.ndarray, axis=None) -> tuple[np.ndarray, np.ndarray]:
    """Sample mean and its standard error."""
    count = sample.size if axis is None else sample.shape[axis]
    return sample.mean(axis=axis), sample.std(axis=axis, ddof=1) / np.sqrt(count)


def spread_and_error(sample: np.ndarray) -> tuple[float, float]:
    """Sample standard deviation and its standard error, from the sample's fourth moment."""
    centred = sample - sample.mean()
    variance = np.square(centred).mean()
    error = np.sqrt((np.power(centred, 4).mean() - variance**2) / sample.size)
    return np.sqrt(variance), error / (2 * np.sqrt(variance))


class Ports:
    """What a chip shows of ``cores``, and nothing else: any other attribute raises.

    Of its unit cores: the data sheet of the device, the geometry, settings and ranges of the
    converters, and the address of the random inputs; not the devices drawn, gains or offsets.
    """

    PORTS = ("read_cells", "mvm", "pulse", "offsets", "unit", "phase", "ledger", "shape")
    DATA_SHEET = (
        *("device", "model", "rows", "columns", "periphery", "kernels", "seed", "chip", "tile"),
        *("unit_cell", "devices_per_polarity", "g_max", "cost"),
        *("full_scale", "cell_range", "step"),
    )

    def __init__(self, cores: Cores):
        self.units = SimpleNamespace(
            **{name: getattr(cores.units, name) for name in self.DATA_SHEET}
        )
        self._runs = len(cores)
        for name in self.PORTS:
            setattr(self, name, getattr(cores, name))

    def __len__(self) -> int:
        return self._runs

    def __getattr__(self, name):
        raise AssertionError(f"a programming algorithm asked for {name}, which no chip shows")


def melt_quench_table(rows: int = 31, pulses: int = 8, side: int = 96, **values) -> Table:
    """Our melt-quench model measured through the core's pulse port, as a user would a chip.

    From a current at which every pulse melts, in spite of its jitter.
    """
    cores = make_cores(np.zeros((1, side, side), np.float32), MeltQuench())
    one, first = np.array([0]), np.zeros((1, side, side), np.int8)
    currents = np.linspace(0.35, 1, rows)
    mean, std, device_std = [], [], []
    for current in currents:
        seen = []
        for _ in range(pulses):
            cores.pulse(np.full(first.shape, current, np.float32), first, one)
            seen.append(cores.true_conductances()[0, 0].astype(np.float64))
        within = np.var(seen, axis=0, ddof=1).mean()
        between = np.mean(seen, axis=0).var() - within / pulses
        mean.append(np.mean(seen))
        std.append(np.sqrt(within))
        device_std.append(np.sqrt(max(between, 0)))
    columns = Curve(
        current=currents.tolist(),
        mean=np.minimum.accumulate(mean).tolist(),
        std=std,
        device_std=device_std,
    )
    return Table(columns=columns, **({"g_max": 10.35} | values))


def staircase_table(steps: int = 16, std: float = 0.03, device_std: float = 0.1, **values) -> Table:
    """A device made up for tests: ``steps`` pulses that rise ever less from 0.1 to 20 uS.

    ``std`` and ``device_std`` are relative to the conductance.
    """
    count = np.arange(steps + 1)
    mean = 0.1 + 19.9 * (1 - np.exp(-count / steps)) / (1 - np.exp(-1))
    columns = Curve(
        pulse=count.tolist(),
        mean=mean.tolist(),
        std=(std * mean).tolist(),
        device_std=(device_std * mean).tolist(),
    )
    return Table(columns=columns, **({"g_max": 12} | values))
