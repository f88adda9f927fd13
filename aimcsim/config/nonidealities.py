"""Which non-idealities a study simulates, and which it does not."""

from aimcsim.chip.devices.settings import Device, SetAccumulation, Table
from aimcsim.chip.settings import MeltQuench
from aimcsim.config.models import Config

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


def effects(config: Config) -> list[tuple[str, str, str]]:
    """(effect, "on" or "off", detail) for every effect a reader may ask for."""
    device, converters = config.device, config.periphery
    cell_range = converters.cell_range * config.core.devices_per_polarity
    judged = config.evaluation.adc_bits or converters.adc_bits
    schemes = {"odp": "one device per polarity", "tdp": "two devices per polarity, Max SET Fill"}
    rows = [
        (
            "Unit cell",
            True,
            schemes.get(config.core.unit_cell, "two devices per polarity, filled in turn"),
        ),
        *device_effects(device),
        ("Input resolution (DAC)", True, f"{converters.dac_bits} bits, signed"),
        (
            "Clipped inputs",
            converters.dac_range < 1,
            f"longest pulse {converters.dac_range:g} of the full-scale input",
        ),
        (
            "ADC resolution and range",
            True,
            f"{converters.adc_bits} bits while programming, {judged} bits while judging, full "
            f"scale {converters.adc_range_sigmas:g} standard deviations; cell reads "
            f"{converters.cell_bits} bits over ± {cell_range:g} uS",
        ),
        (
            "Read-out noise",
            max(converters.adc_noise, converters.cell_noise) > 0,
            f"{converters.adc_noise:g} LSB (8-bit) per conversion of an MVM, "
            f"{converters.cell_noise:g} uS per cell read",
        ),
        (
            "Column gain spread",
            converters.gain_spread > 0,
            f"uniform within ± {100 * converters.gain_spread:g} %, "
            f"{'after' if converters.calibrated else 'before'} calibration",
        ),
        (
            "Column offsets",
            converters.column_offset > 0,
            f"{100 * converters.column_offset:g} % of full scale, standard deviation",
        ),
        (
            "Re-verification by the iterative method",
            config.iterative.reverify,
            "on: it reads all cells in every iteration and corrects accepted ones again; off: a "
            "cell accepted once is left alone",
        ),
        ("Global scale after read-out", True, "one factor per core when its MVM error is computed"),
        (
            "Conductance drift",
            bool(config.evaluation.times),
            f"in the errors over time: exponents of {config.evaluation.statistics}, kept per "
            "device; not during programming, nor in the errors right after it",
        ),
        (
            "Slow (1/f) read noise",
            bool(config.evaluation.times),
            f"in the errors over time, in place of the white one: {config.evaluation.statistics}, "
            "one deviation per device and time",
        ),
        (
            "Digital scale and offset per column",
            "column" in config.gdp.affine or config.evaluation.calibration > 0,
            f"adapted while GDP programs: {', '.join(config.gdp.affine)}; set after programming by "
            f"{config.evaluation.calibration} MVMs for the errors called calibrated",
        ),
        (
            "Programming again after drift",
            bool(config.refresh.times),
            f"{len(config.refresh.times)} times, each from the cores as first programmed; devices "
            "pulsed again do not drift before they are judged",
        ),
        (
            "Wire resistance (IR drop)",
            config.wires.on,
            f"{config.wires.row:g} Ohm per cell along rows, {config.wires.column:g} along columns; "
            "each polarity is an array with wires of its own",
        ),
        (
            "Stuck devices",
            config.defects.total > 0,
            f"shares in RESET {100 * config.defects.stuck_reset:g} %, in SET "
            f"{100 * config.defects.stuck_set:g} %, anywhere "
            f"{100 * config.defects.stuck_anywhere:g} %",
        ),
    ]
    return [(name, "on" if on else "off", detail) for name, on, detail in rows]
