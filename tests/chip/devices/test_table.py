"""Device tables: interpolation, moments, and the error of each mistake."""

import numpy as np
import pytest

from aimcsim.chip.devices.registry import DEVICES
from aimcsim.chip.devices.table import Table, conductance, read_table
from aimcsim.common import random
from aimcsim.common.errors import UserError
from aimcsim.common.random import Quantity
from tests.samples import mean_and_error, spread_and_error

CURRENTS = """current,mean,std,device_std
0.25,20.0,0.5,4.0
0.50,10.0,1.0,2.0
1.00,0.2,0.1,0.0
"""
PULSES = "pulse,mean,std\n0,0.1,0.01\n1,2.1,1.5\n2,3.5,1.9\n4,5.5,2.0\n"


def saved(tmp_path, text, name="device.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def zeros(*shape):
    return np.zeros(shape)


def test_rows_are_given_back(tmp_path):
    table = read_table(saved(tmp_path, CURRENTS))
    assert table.abscissa == "current"
    assert not table.rising
    assert table.at.tolist() == [0.25, 0.5, 1]
    assert table.mean.tolist() == [20, 10, 0.2]
    assert table.std.tolist() == [0.5, 1, 0.1]
    assert table.device_std.tolist() == [4, 2, 0]
    np.testing.assert_array_equal(conductance(table, table.at, zeros(3), zeros(3)), table.mean)


def test_pulses_without_a_spread_over_devices(tmp_path):
    table = read_table(str(saved(tmp_path, PULSES)))
    assert table.abscissa == "pulse"
    assert table.rising
    assert table.device_std.tolist() == [0, 0, 0, 0]
    seen = conductance(table, np.array([1, 3]), np.full(2, 9.0), np.array([0, 1]))
    assert seen == pytest.approx([2.1, 4.5 + 1.95])


def test_interpolation_is_linear_and_flat_beyond_the_ends(tmp_path):
    table = read_table(saved(tmp_path, CURRENTS))
    at = np.array([0.0, 0.24, 0.3, 0.375, 0.75, 1.0, 1.3])
    seen = conductance(table, at, zeros(7), zeros(7))
    assert seen == pytest.approx([20, 20, 18, 15, 5.1, 0.2, 0.2])
    by_device = conductance(table, at, np.ones(7), zeros(7)) - seen
    assert by_device == pytest.approx([4, 4, 3.6, 3, 1, 0, 0])
    by_pulse = conductance(table, at, zeros(7), np.ones(7)) - seen
    assert by_pulse == pytest.approx([0.5, 0.5, 0.6, 0.75, 0.55, 0.1, 0.1])


def test_conductances_are_not_negative(tmp_path):
    table = read_table(saved(tmp_path, CURRENTS))
    one = np.ones(1)
    assert conductance(table, one, 0 * one, -3 * one) == 0
    assert conductance(table, one / 2, -4 * one, -3 * one) == 0


def test_spread_over_devices_and_over_pulses(tmp_path):
    """Many pulses at many devices: each spread is found where it belongs (4 standard errors)."""
    table = read_table(saved(tmp_path, CURRENTS))
    devices, pulses, at = 5_000, 20, 0.4
    own = random.normals(1, 0, 0, Quantity.G_SET, 0, devices)[:, None]
    fresh = random.normals(1, 0, 0, Quantity.PULSE_QUENCH, 0, devices * pulses)
    seen = conductance(table, np.float64(at), own, fresh.reshape(devices, pulses))
    # 0.4 lies three fifths of the way from 0.25 to 0.50
    mean, error = mean_and_error(seen.mean(axis=1))
    assert abs(mean - 14) < 4 * error
    within, error = spread_and_error((seen - 14 - 2.8 * own).ravel())
    assert abs(within - 0.8) < 4 * error
    between, error = spread_and_error(seen.mean(axis=1))
    assert abs(between - np.hypot(2.8, 0.8 / np.sqrt(pulses))) < 4 * error


def test_harmless_variations_of_the_file(tmp_path):
    """Byte order mark, Windows line ends, blank lines, spaces, column order, quotes, plateaus."""
    text = '\ufeffmean , std,"current"\r\n\r\n 5,0.1,0.2\r\n5 ,0.1,0.4\r\n,,\r\n1e-1,0,1\r\n\r\n'
    path = tmp_path / "windows.csv"
    path.write_bytes(text.encode("utf-8"))
    table = read_table(path)
    assert table.abscissa == "current"
    assert table.at.tolist() == [0.2, 0.4, 1]
    assert table.mean.tolist() == [5, 5, 0.1]
    assert not table.rising


HEAD = "current,mean,std\n"
MISTAKES = {
    "empty": ("", ["is empty", "Give a header"]),
    "blank": ("\n \n,,\n", ["is empty"]),
    "header alone": (HEAD, ["0 row(s)", "two or more"]),
    "one row": (HEAD + "0.5,1,1\n", ["1 row(s)", "Add the measurement"]),
    "no abscissa": ("mean,std\n1,1\n2,1\n", ["line 1", "no column 'current' or 'pulse'", "Add"]),
    "two abscissas": (
        "current,pulse,mean,std\n0.1,1,2,0\n", ["line 1", "'current' and 'pulse'", "Keep"],
    ),
    "no mean": ("current,std\n0.1,1\n0.2,1\n", ["line 1", "no column 'mean'", "Add it"]),
    "no std": ("\npulse,mean\n1,1\n2,2\n", ["line 2", "no column 'std'", "Add it"]),
    "unknown column": (
        "current,mean,std,colour\n0.1,1,1,1\n", ["line 1", "unknown column 'colour'", "Rename"],
    ),
    "semicolons": (
        "current;mean;std\n0,1;1;1\n", ["unknown column 'current;mean;std'", "separated by commas"],
    ),
    "capitals": ("Current,mean,std\n0.1,1,1\n", ["unknown column 'Current'"]),
    "column twice": ("current,mean,std,mean\n0.1,1,1,1\n", ["column 'mean' is there twice"]),
    "word": (HEAD + "0.1,2,0\n0.2,high,0\n", ["line 3", "'mean'", "'high'", "Correct the cell"]),
    "empty cell": (HEAD + "0.1,2,\n0.2,1,0\n", ["line 2", "'std'", "'' is not a finite number"]),
    "nan": (HEAD + "0.1,2,0\n\nnan,1,0\n", ["line 4", "'current'", "'nan' is not a finite"]),
    "infinite": (HEAD + "0.1,inf,0\n0.2,1,0\n", ["line 2", "'mean'", "'inf' is not a finite"]),
    "short row": (HEAD + "0.1,2,0\n0.2,1\n", ["line 3", "2 cell(s) under 3 columns", "Give one"]),
    "decimal comma": (HEAD + "0,1,2,0\n", ["line 2", "4 cell(s) under 3 columns", "a point"]),
    "duplicate": (
        HEAD + "0.1,2,0\n0.2,1,0\n0.2,1,0\n",
        ["line 4", "'current'", "0.2 repeats 0.2 of line 3", "Merge the two rows"],
    ),
    "unsorted": (
        HEAD + "0.1,3,0\n0.4,2,0\n0.2,1,0\n",
        ["line 4", "'current'", "0.2 is below 0.4 of line 3", "Sort the rows"],
    ),
    "microamperes": (HEAD + "100,2,0\n200,1,0\n", ["line 2", "100 is not within 0 to 1", "Divide"]),
    "negative current": (HEAD + "-0.1,2,0\n0.2,1,0\n", ["line 2", "-0.1 is not within 0 to 1"]),
    "half a pulse": (
        "pulse,mean,std\n0,1,0\n1.5,2,0\n", ["line 3", "'pulse'", "1.5 is not a number of pulses"],
    ),
    "negative pulse": ("pulse,mean,std\n-1,1,0\n1,2,0\n", ["line 2", "-1 is not a number of"]),
    "negative std": (HEAD + "0.1,2,0\n0.2,1,-0.3\n", ["line 3", "'std'", "-0.3 is negative"]),
    "negative device_std": (
        "current,mean,std,device_std\n0.1,2,0,-1\n0.2,1,0,0\n",
        ["line 2", "'device_std'", "-1 is negative", "Give uS"],
    ),
    "negative mean": (HEAD + "0.1,2,0\n0.2,-1,0\n", ["line 3", "'mean'", "-1 is negative"]),
    "valley": (
        HEAD + "0.1,5,0\n0.2,2,0\n0.3,2,0\n0.4,3,0\n",
        ["line 5", "'mean'", "3 turns", "2 in line 4", "Smooth"],
    ),
    "summit": (
        "pulse,mean,std\n1,1,0\n2,4,0\n3,3.5,0\n", ["line 4", "3.5 turns", "4 in line 3", "cut"],
    ),
    "flat": (HEAD + "0.1,5,0\n0.2,5,0\n", ["lines 2 to 3", "'mean'", "5 throughout", "changes"]),
    "open quote": (HEAD + '0.1,"2,0\n0.2,1,0\n', ["not readable as CSV", "Save the table"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_names_file_place_value_and_remedy(tmp_path, mistake):
    text, parts = MISTAKES[mistake]
    path = saved(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_table(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    for part in parts:
        assert part in message


def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match=r"absent.csv: no such file. Correct the path"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(UserError, match=r"is a folder. Give the path"):
        read_table(tmp_path)
    path = tmp_path / "binary.csv"
    path.write_bytes(b"current,mean,std\n\xff\xfe\x00\n")
    with pytest.raises(UserError, match=r"not readable as CSV .*Save the table as"):
        read_table(path)


# In a study


def section(tmp_path, text, **values) -> Table:
    return Table(path=str(saved(tmp_path, text)), **({"g_max": 5} | values))


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("current,mean,std\n0.1,1,0\n1,9,0\n", {}, ["rises with the current", "SET pulses"]),
        ("pulse,mean,std\n0,9,0\n1,1,0\n", {}, ["falls with the pulses"]),
        ("pulse,mean,std\n1,1,0\n2,9,0\n", {}, ["begins at 1", "pulse 0"]),
        (CURRENTS, {"g_max": 21}, ["highest mean is 20 uS", "g_max is 21 uS", "Lower"]),
    ],
)
def test_a_table_that_no_study_can_use(tmp_path, text, values, words):
    with pytest.raises(UserError) as caught:
        section(tmp_path, text, **values).resolved()
    assert str(caught.value).startswith(str(tmp_path / "device.csv"))
    for word in words:
        assert word in str(caught.value)


def test_a_resolved_table_needs_its_file_no_more(tmp_path):
    table = section(tmp_path, CURRENTS).resolved()
    (tmp_path / "device.csv").unlink()
    assert table.path is None
    assert table.resolved() == table
    again = DEVICES["table"].model_validate_json(table.model_dump_json())
    assert again == table
    device = table.law()
    assert (device.lowest, device.highest, device.g_reset) == (0.25, 1.0, 0.2)
    seen = device.nominal_current(np.array([30, 20, 15, 10, 0.2, 0]))
    assert seen == pytest.approx([0.25, 0.25, 0.375, 0.5, 1, 1])


def test_columns_in_the_configuration_are_checked_like_a_file():
    curve = {"current": (0.1, 0.5), "mean": (3, 4), "std": (0, 0)}
    with pytest.raises(UserError, match=r"device.columns: column 'mean' rises"):
        Table(g_max=1, columns=curve).resolved()
    with pytest.raises(UserError, match=r"device.columns, line 2, column 'std': -1 is negative"):
        Table(g_max=1, columns=curve | {"mean": (4, 3), "std": (0, -1)}).resolved()
    with pytest.raises(UserError, match=r"device.columns: give one of the columns"):
        Table(g_max=1, columns=curve | {"pulse": (0, 1)}).resolved()


def test_the_data_sheet_of_pulses(tmp_path):
    """Of a deviation from the mean curve, the device's own part stays, and grows with it."""
    text = "pulse,mean,std,device_std\n0,0.1,0.01,0.02\n1,2.1,1.5,2\n2,3.5,1.9,3\n4,5.5,2.0,3\n"
    device = section(tmp_path, text).law()
    one = np.ones(1, np.float32)
    mean, std, left = device.after_set(2.1 + one, one)
    share = 2**2 / (2**2 + 1.5**2)  # of the deviation of 1 uS that is expected to be its own
    assert left == pytest.approx(share * 3 / 2)
    assert mean == pytest.approx(3.5 + share * 3 / 2)
    assert std == pytest.approx(np.sqrt(3**2 * (1 - share) + 1.9**2))
    assert device.spread(one) == pytest.approx(2.5)
    mean, std, left = device.after_set(one, 9 * one)  # past the last row: that row again
    assert mean == pytest.approx(5.5 + (1 - 5.5) * 9 / 13)
