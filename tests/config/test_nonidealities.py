"""The table of effects says what a study simulates, for every device."""

import pytest

from aimcsim.chip.devices.set_accumulation import SetAccumulation
from aimcsim.config.models import Config
from aimcsim.config.nonidealities import effects
from tests.samples import melt_quench_table, staircase_table

QUIET = {"std_g": 0, "std_0": 0, "std_p": 0, "read_noise": 0, "read_floor": 0, "reset_spread": 0}


def rows(device) -> dict[str, tuple[str, str]]:
    study = {"weights": {"g": {"kind": "gaussian"}}, "evaluation": {"statistics": "pcm_90nm"}}
    found = effects(Config(**study, device=device))
    return {name: (on, detail) for name, on, detail in found}


@pytest.mark.parametrize(
    ("device", "spread", "pulses", "read"),
    [
        (SetAccumulation(), "on", "on", "3 % of the conductance + 0.13 uS"),
        (SetAccumulation(g_max_low=20, **QUIET), "off", "off", "0 %"),
        (melt_quench_table(5, 3, 16), "on", "on", "4 % of the conductance,"),
        (staircase_table(4, std=0, device_std=0, read_noise=0), "off", "off", "0 %"),
        (staircase_table(4, std=0, read_noise=0, read_floor=0.1), "on", "off", "+ 0.1 uS"),
    ],
)
def test_device_effects(device, spread, pulses, read):
    found = rows(device)
    assert found["Spread over devices"][0] == spread
    assert found["Pulse-to-pulse noise"][0] == pulses
    assert read in found["Device read noise"][1]
    assert found["Device read noise"][0] == ("off" if read == "0 %" else "on")


def test_effects_of_the_default_device():
    found = rows({"model": "melt_quench"})
    assert found["Device read noise"] == (
        "on", "1.17 % of the conductance, independent at each read and MVM",
    )  # fmt: skip
    assert found["Spread of the programming curves over devices"][0] == "on"
