"""Registries: what is iterated, and what comes from a user's file."""

from aimcsim.chip.devices.registry import DEVICES

MINE = """
from aimcsim.chip.devices.interface import Device

class Mine(Device):
    g_max: float = 1.0
    read_noise: float = 0.0
    def make_law(self):
        raise NotImplementedError
"""


def test_the_order_is_not_that_of_imports_and_users_come_last(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    own = DEVICES[f"{tmp_path}/mine.py:Mine"]
    assert own is DEVICES[f"{tmp_path}/mine.py:Mine"]
    names = list(DEVICES)
    assert names[:3] == ["melt_quench", "set_accumulation", "table"]
    assert f"{tmp_path}/mine.py:Mine" in names[3:]
    assert DEVICES.source(f"{tmp_path}/mine.py:Mine") == tmp_path / "mine.py"
    assert DEVICES.source("table") == "aimcsim.chip.devices.table"
