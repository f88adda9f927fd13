"""Which non-idealities a study simulates, and which it does not."""

from aimcsim.config.models import Config


def effects(config: Config) -> list[tuple[str, str, str]]:
    """(effect, "on" or "off", detail) for every effect a reader may ask for."""
    converters = config.periphery
    judged = config.evaluation.adc_bits or converters.adc_bits
    schemes = {"odp": "one device per polarity", "tdp": "two devices per polarity, Max SET Fill"}
    correcting = dict.fromkeys(run.method for run in config.runs() if run.settings.corrects)
    rows = [
        (
            "Unit cell",
            True,
            schemes.get(config.core.unit_cell, "two devices per polarity, filled in turn"),
        ),
        (
            "Clipped weights",
            config.core.clip_sigmas is not None,
            "the largest weight is mapped to g_max"
            if config.core.clip_sigmas is None
            else f"held to {config.core.clip_sigmas:g} root mean squares of those that share their "
            "digital scale",
        ),
        (
            "Targets for a time to come",
            config.core.target_time is not None,
            "in proportion to the weights "
            + (
                "right after programming"
                if config.core.target_time is None
                else f"{config.core.target_time:g} s after it, by the mean drift of "
                f"{config.core.target_statistics or config.evaluation.statistics}"
            ),
        ),
        *config.device.nonidealities(),
        ("Input resolution (DAC)", True, f"{converters.dac_bits} bits, signed"),
        (
            "Clipped inputs",
            converters.dac_range < 1,
            f"longest pulse {converters.dac_range:g} of the full-scale input",
        ),
        (
            "ADC resolution and range",
            True,
            f"one converter a column for cell reads and MVMs: {converters.adc_bits:g} bits over "
            f"± {converters.adc_range:g} uS x input ({judged:g} bits while judging), MVMs brought "
            f"to {converters.adc_range_sigmas:g} standard deviations by "
            + ("shorter inputs" if converters.range_by == "inputs" else "the converter's gain"),
        ),
        (
            "Read-out noise",
            converters.adc_noise > 0,
            f"{converters.adc_noise:g} uS x input per conversion, of a cell read or of an MVM",
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
        ("Global scale after read-out", True, "one factor per core when its MVM error is computed"),
        (
            "Conductance drift",
            bool(config.evaluation.times),
            f"in the errors over time: exponents of {config.evaluation.statistics}, kept per "
            "polarity of a cell; not during programming, nor in the errors right after it",
        ),
        (
            "Slow (1/f) read noise",
            bool(config.evaluation.times),
            f"in the errors over time, in place of the white one: {config.evaluation.statistics}, "
            "one deviation per polarity of a cell and time",
        ),
        (
            "Digital scale and offset per column",
            bool(correcting) or config.evaluation.calibration > 0,
            f"adapted while programming by: {', '.join(correcting) or 'no method'}; set after "
            f"programming by {config.evaluation.calibration} MVMs for the errors called calibrated",
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
