"""Methods know shares of g_max and the devices' own scatter, and no conductance in uS.

On a device of another g_max, with all conductances and noises of device and converters in
proportion, programming does the same.
"""

import functools

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.config.models import Config
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.sweep.shard import run
from tests.shards_of import shard_of

CONDUCTANCES = ("g_max", "g_reset", "g_set_mean", "g_set_spread", "g_set_min", "g_set_max")
CONVERSIONS = ("adc_range", "adc_noise")
METHODS = {
    "iterative": {"reads": 2},
    "hadamard": {"iterations": 12},
    "reads": {"iterations": 20},
    "gdp": {"iterations": 20, "batch_size": 64},
}
SIDE = 64


@functools.cache
def programmed(scale: float):
    """Record and programmed conductances of two chips, conductances divided by ``scale``."""
    device, converters = MeltQuench().model_dump(), Periphery().model_dump()
    device |= {name: scale * device[name] for name in CONDUCTANCES}
    converters |= {name: scale * converters[name] for name in CONVERSIONS}
    study = Config(
        cores=2,
        core={"rows": SIDE, "columns": SIDE},
        device=device,
        periphery=converters,
        weights={"w": {"kind": "uniform"}},
        methods=METHODS,
    )
    matrix = np.random.default_rng(2).uniform(-1, 1, (SIDE, SIDE))
    matrix = np.sign(matrix) * np.square(matrix)
    weights = xr.Dataset(matrix_variables([("m", matrix)]))
    record, states = run(shard_of(study), weights)
    return record, states["conductance_0000"] / scale


@pytest.mark.parametrize("method", METHODS)
def test_eight_times_the_conductance_is_programmed_alike_to_the_bit(method):
    """No rounding differs by a power of two."""
    index = list(METHODS).index(method)
    (record, states), (larger, scaled) = programmed(1.0), programmed(8.0)
    np.testing.assert_array_equal(states.isel(run=index), scaled.isel(run=index))
    for name in ("error_per_iteration", "status", "pulses", "mvms", "cell_reads"):
        np.testing.assert_array_equal(record[name].isel(run=index), larger[name].isel(run=index))


@pytest.mark.parametrize("method", METHODS)
def test_a_device_of_80_us_is_programmed_alike(method):
    """A code that rounding moves leaves single cells elsewhere; errors agree within 2 %."""
    index = list(METHODS).index(method)
    (record, states), (larger, scaled) = programmed(1.0), programmed(80 / 10.35)
    errors, others = (one["error_per_iteration"].isel(run=index).values for one in (record, larger))
    np.testing.assert_allclose(errors, others, rtol=0.02)
    one, other = (part.isel(run=index).values for part in (states, scaled))
    assert np.isclose(one, other, rtol=1e-3, atol=1e-3).mean() > 0.9
    least, most = np.nanmin(errors, axis=-1), np.nanmax(errors, axis=-1)
    assert (least < 0.7 * most).all()  # much has been done alike
