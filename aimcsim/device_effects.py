"""The lines of the table of effects that depend on the device's law."""

from aimcsim.config.devices import Device, SetAccumulation, Table
from aimcsim.config.hardware import MeltQuench

Effect = tuple[str, bool, str]
_READ = "independent at each read and MVM"


def device_effects(device: Device) -> list[Effect]:
    """(effect, whether it is on, detail): spread over devices, noise of pulses and of reads."""
    rows = {"melt_quench": _melt_quench, "set_accumulation": _set_accumulation, "table": _table}
    return [*rows[device.model](device), _read_noise(device)]


def _melt_quench(device: MeltQuench) -> list[Effect]:
    return [
        (
            "Spread of the programming curves over devices",
            max(device.g_set_spread, device.i_half_spread, device.i_width_spread) > 0,
            f"SET conductance {device.g_set_mean:g} ± {device.g_set_spread:g} uS; such devices "
            f"cannot reach {device.g_max:g} uS where theirs is lower",
        ),
        (
            "Pulse-to-pulse noise",
            max(device.current_jitter, device.quench_noise) > 0,
            f"current {device.current_jitter:g} RESET currents, conductance "
            f"{100 * device.quench_noise:g} %",
        ),
    ]


def _set_accumulation(device: SetAccumulation) -> list[Effect]:
    return [
        (
            "Spread over devices",
            device.reset_spread > 0 or device.g_max_high > device.g_max_low,
            f"maximum conductance {device.g_max_low:g} to {device.g_max_high:g} uS, RESET "
            f"conductance ± {100 * device.reset_spread:g} %; steps have one law for all devices",
        ),
        (
            "Pulse-to-pulse noise",
            max(device.std_g, device.std_0, device.std_p) > 0,
            f"a SET pulse's step scatters by {device.std_g:g} G + {device.std_0:g} uS + "
            f"{device.std_p:g} uS x memory, about as much as it moves; RESET does not scatter",
        ),
    ]


def _table(device: Table) -> list[Effect]:
    columns = device.columns
    spread = columns is None or max(columns.device_std or (0.0,)) > 0
    return [
        ("Spread over devices", spread, "device_std of the user's table, kept at every pulse"),
        (
            "Pulse-to-pulse noise",
            columns is None or max(columns.std) > 0,
            "std of the user's table, drawn anew at every pulse",
        ),
    ]


def _read_noise(device: Device) -> Effect:
    floor = getattr(device, "read_floor", 0.0)
    detail = f"{100 * device.read_noise:g} % of the conductance"
    detail += f" + {floor:g} uS" if floor else ""
    return "Device read noise", max(device.read_noise, floor) > 0, f"{detail}, {_READ}"
