"""A device that a user has written, in a file outside the package."""

import numpy as np
import pytest

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.interface import RESET_CURRENT, SET_PULSE
from aimcsim.chip.devices.registry import DEVICES
from aimcsim.chip.periphery import Periphery
from aimcsim.common.errors import UserError
from aimcsim.programming import iterative
from aimcsim.programming.iterative import Iterative
from tests.samples import IDEAL_CONVERTERS, changed, make_cores, mean_and_error, spread_and_error

LINEAR = '''
"""A device whose conductance falls linearly with the current of the last pulse."""

from dataclasses import dataclass

import numpy as np

from aimcsim.chip.devices.interface import Device, DeviceModel, Effect, fire
from aimcsim.common.random import Address, Quantity
from aimcsim.common.section import key


class Linear(Device):
    """Linear in the current, made up for this test."""

    g_max: float = key(10.0, "Conductance of a weight of 1.", unit="uS", gt=0)
    slope: float = key(20.0, "Conductance per current below RESET.", unit="uS", gt=0)
    spread: float = key(0.1, "Relative spread of the slope over devices.", unit="1", ge=0)
    scatter: float = key(0.02, "Scatter from pulse to pulse.", unit="uS", ge=0)
    read_noise: float = key(0.02, "Read noise per conductance.", unit="1", ge=0)

    def make_law(self):
        return LinearModel(self)

    def nonidealities(self):
        own = Effect("Spread of the slope", self.spread > 0, f"{100 * self.spread:g} %")
        return [own, *super().nonidealities()]


@dataclass(frozen=True)
class Drawn:
    g_reset: np.ndarray
    g_set: np.ndarray


@dataclass(frozen=True)
class LinearModel(DeviceModel):
    settings: Linear
    accumulates = False
    g_reset = 0.0
    read_floor = 0.0
    lowest, highest = 0.0, 1.0

    def read_silently(self):
        return self.settings.model_copy(update={"read_noise": 0.0})

    def draw(self, kernels, seed, chip, tile, shape):
        address = Address(seed, chip, tile, int(Quantity.G_SET), np.zeros_like(chip))
        normal = kernels.normals(address, int(np.prod(shape))).reshape(len(chip), *shape)
        g_set = self.settings.slope * (1 + self.settings.spread * normal)
        return Drawn(np.zeros_like(normal), np.maximum(g_set, 0).astype(np.float32))

    def pulse(self, kernels, law, pulses):
        def after(own, _state, is_set, noise, current):
            left = np.where(is_set, 1, 1 - current)
            return np.maximum(law.g_set[own] * left + self.settings.scatter * noise, 0)

        return fire(kernels, pulses, after)

    def nominal_current(self, conductance):
        return np.clip(1 - conductance / self.settings.slope, 0, 1).astype(np.float32)
'''
ONE = np.array([0])


@pytest.fixture
def name(tmp_path) -> str:
    (tmp_path / "mine.py").write_text(LINEAR)
    return f"{tmp_path}/mine.py:Linear"


def test_its_settings_are_checked_and_written_like_those_of_any_device(name):
    settings = DEVICES[name](model=name, slope=25)
    assert settings.model_dump(mode="json") == {
        "model": name, "g_max": 10, "slope": 25, "spread": 0.1, "scatter": 0.02, "read_noise": 0.02,
    }  # fmt: skip
    again = DEVICES[settings.model].model_validate_json(settings.model_dump_json())
    assert again == settings
    assert again.law() is settings.law()
    assert not settings.on_gpu
    assert settings.resolved() == settings
    assert settings.files() == ()
    with pytest.raises(ValueError, match="slop"):
        DEVICES[name](model=name, slop=25)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_it_is_drawn_pulsed_and_read_by_cores(name, backend):
    """Statistical bounds are 5 standard errors."""
    device = DEVICES[name](model=name)
    converters = changed(IDEAL_CONVERTERS, adc_range=40)
    cores = make_cores(np.zeros((1, 128, 128)), device, converters, backend=backend)
    slope = cores.units.law.g_set.astype(np.float64)
    for moment, expected in ((mean_and_error, 20), (spread_and_error, 2)):
        value, error = moment(slope.ravel())
        assert abs(value - expected) < 5 * error
    start = cores.true_conductances()
    assert start.max() < 0.15  # RESET leaves the scatter of the pulse alone

    current, first = np.zeros((1, 128, 128), np.float32), np.zeros((1, 128, 128), np.int8)
    current[0, 0], current[0, 1], current[0, 2] = SET_PULSE, 0.25, RESET_CURRENT
    before = start.copy()
    assert cores.pulse(current, first, ONE) == 3 * 128
    assert cores.ledger.set_pulses == 128
    after = cores.true_conductances()
    np.testing.assert_array_equal(after[0, :, 3:], before[0, :, 3:])
    np.testing.assert_array_equal(after[0, 1], before[0, 1])
    for row, left in enumerate((1, 0.75)):
        deviation = after[0, 0, row] - left * slope[0, 0, row]
        assert 0.015 < deviation.std() < 0.025
    noise = cores.read_cells(ONE)[0, 0] / (after[0, 0, 0] - after[0, 1, 0]) - 1
    assert 0.015 < noise.std() < 0.025


def test_it_is_programmed_and_can_be_stuck(name):
    device = DEVICES[name](model=name)
    targets = np.full((1, 64, 64), 5, np.float32)
    units = manufacture(
        1, ONE, ONE, targets, device, Periphery(), kernels.backend("cpu"),
        stuck=Defects(stuck_set=0.05),
    )  # fmt: skip
    cores = Cores(units, ONE)
    iterative.program(cores, targets, Iterative())
    g = cores.true_conductances()
    stuck = ~np.isnan(units.stuck)
    np.testing.assert_array_equal(g[stuck], units.law.g_set[stuck])
    healthy = ~stuck.any(axis=1)
    error = (g[:, 0] - g[:, 1] - targets)[healthy]
    assert error.std() < 0.4


def test_the_report_names_its_non_idealities(name):
    found = DEVICES[name](model=name, read_noise=0).nonidealities()
    assert [tuple(effect) for effect in found] == [
        ("Spread of the slope", True, "10 %"),
        ("Device read noise", False, "0 % of the conductance, independent at each read and MVM"),
    ]


@pytest.mark.parametrize(
    ("old", "words"),
    [
        ("    read_noise: float", "Linear has no key 'read_noise'"),
        ("    g_max: float", "Linear has no key 'g_max'"),
        ("    def make_law", "Linear has no method 'make_law'"),
    ],
)
def test_what_a_device_lacks_is_a_message(tmp_path, old, words):
    path = tmp_path / "lacking.py"
    path.write_text(LINEAR.replace(old, old.replace("read", "reed").replace("ma", "mo")))
    with pytest.raises(UserError, match=rf"lacking\.py.*{words}"):
        DEVICES[f"{path}:Linear"]
