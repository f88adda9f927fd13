"""Every entry of the table of checks: what it finds fault with, and what next to it is let pass."""

import pytest

from aimcsim.common.errors import UserError
from aimcsim.config import checks
from aimcsim.config.checks import CHECKS
from aimcsim.config.load import from_mapping
from aimcsim.sweep.resolve import settled, warned

STUDY = {
    "study": "checked",
    "cores": 2,
    "core": {"rows": 64, "columns": 64},
    "weights": {"g": {"kind": "gaussian", "rows": 64, "columns": 64}},
    "methods": {"iterative": {}, "gdp": {}},
}
PCM = {"evaluation": {"statistics": "pcm_90nm"}, "device": {"model": "set_accumulation"}}
TDP = {"evaluation": {"statistics": "hermes_tdp", "times": [300]}, "core": {"unit_cell": "tdp"}}
CURRENT = {"current": [0.3, 1.0], "std": [0, 0]}
PULSES = {"pulse": [0, 400], "mean": [0.1, 20], "std": [0.1, 0.1]}


def gdp(**keys):
    return {"methods": {"iterative": {}, "gdp": keys}}


def iterative(**keys):
    return {"methods": {"iterative": keys, "gdp": {}}}


def other(algorithm, **keys):
    return {"methods": {"iterative": {}, "gdp": {}, algorithm: keys}}


def table(**keys):
    device = {"model": "table", "g_max": 10, **keys}
    return {"device": device, "evaluation": {"statistics": "pcm_90nm"}}


# By check: (changes of the study, words of the message); then changes that are let pass.
ONLY_NONE = {"inference": {"compensation": ["none"]}}
CASES = {
    "few_enough_to_be_planned": (
        [
            (
                gdp(floor=list(range(300))) | {"cores": 20_000},
                ["cores 20000: 20,000 cores x 1 weight sets x 301 settings", "6,020,000 prog"],
            ),
            (
                {"cores": 60_000, "execution": {"runs_per_shard": 1}},
                ["execution.runs_per_shard 1", "120,000 jobs", "Give more runs in each"],
            ),
            (
                {
                    "compare": {
                        name: {"grid": {"cores": list(range(1, 41)), "periphery.adc_noise": [
                            value / 40 for value in range(40)]}}
                        for name in "ab"
                    }
                },
                ["compare: 3,200 cases; a study has 2,000 at most"],
            ),
        ],
        [gdp(floor=list(range(200))) | {"cores": 20_000}],
    ),
    "unit_cell_of_the_device": (
        [(PCM | {"core": {"unit_cell": "tdp"}}, ["core.unit_cell tdp", "use core.unit_cell: odp"])],
        [PCM, TDP],
    ),
    "statistics_of_the_device": (
        [
            ({"device": {"model": "set_accumulation"}}, ["statistics hermes_odp", "use pcm_90nm"]),
            ({"core": {"unit_cell": "tdp"}}, ["evaluation.statistics hermes_odp", "hermes_tdp"]),
        ],
        [PCM, TDP],
    ),
    "target_time_of_the_statistics": (
        [
            ({"core": {"target_time": 199}}, ["core.target_time 199", "hermes_odp begins at 200"]),
            ({"core": {"target_statistics": "pcm_90nm"}}, ["pcm_90nm changes nothing without"]),
            (
                {"core": {"target_time": 1e3, "target_statistics": "hermes_tdp"}},
                ["core.target_statistics hermes_tdp is of two devices", "use hermes_odp"],
            ),
        ],
        [
            {"core": {"target_time": 200}},
            {"core": {"target_time": 20, "target_statistics": "pcm_90nm"}},
        ],
    ),
    "statistics_of_one_t0": (
        [
            (
                other("open_loop", statistics="pcm_90nm"),
                ["methods.open_loop.statistics pcm_90nm draws states of 20 s", "hermes_odp"],
            )
        ],
        [
            other("open_loop"),
            other("open_loop", statistics="pcm_90nm") | {"evaluation": {"times": []}},
        ],
    ),
    "refresh_after_t0": (
        [
            ({"refresh": {"times": [100]}}, ["refresh.times", "at least t0", "200 s"]),
            ({"refresh": {"times": [400, 300]}}, ["refresh.times must rise"]),
        ],
        [{"refresh": {"times": [200, 300]}}],
    ),
    "refresh_without_a_target_time": (
        [
            (
                {"core": {"target_time": 1e3}, "refresh": {"times": [2000]}},
                ["refresh.times", "for 1000 s later (core.target_time)"],
            )
        ],
        [{"core": {"target_time": 1e3}}, {"refresh": {"times": [2000]}}],
    ),
    "methods_fit_the_chip": (
        [
            (
                other("hadamard", amplitude=0.1) | {"periphery": {"dac_bits": 3}},
                ["methods.hadamard.amplitude 0.1 is 0", "use a larger amplitude"],
            ),
            (
                gdp(start="reset") | TDP | {"core": {"unit_cell": "max_fill"}},
                ["methods.gdp.start 'reset'", "max_fill", "start from a method"],
            ),
            (
                other("open_loop", statistics="hermes_tdp"),
                ["methods.open_loop.statistics hermes_tdp is of two devices"],
            ),
        ],
        [other("hadamard", amplitude=0.1), gdp(start="reset") | TDP],
    ),
    "draws_for_every_chip": (
        [
            (
                {"weights": {"g": {"kind": "gaussian", "draws": 2}}, "cores": 3},
                ["weights.g.draws 2", "cores: 3", "Give 3 draws or more"],
            )
        ],
        [{"weights": {"g": {"kind": "gaussian", "draws": 3}}, "cores": 3}],
    ),
    "one_set_of_images": (
        [
            (
                {"compare": {"c": {"keys": ["inference.images"], "values": [10, 20]}}},
                ["compare.c changes inference.images to 10", "Change it there"],
            )
        ],
        [{"compare": {"c": {"keys": ["cores"], "values": [1, 2]}}}],
    ),
    "one_compensation_of_all_cases": (
        [
            (
                {"compare": {"c": {"cases": {"a": {}, "b": ONLY_NONE}}}},
                ["compare.c.b leaves out 'tile' of inference.compensation", "Name it there too"],
            )
        ],
        [
            {"compare": {"c": {"cases": {"a": {}, "b": ONLY_NONE}}}} | ONLY_NONE,
            {"compare": {"c": {"cases": {"a": {}, "b": {"inference": {"adc_bits": [4]}}}}}},
        ],
    ),
    "wires_leave_enough": (
        [
            (
                {"wires": {"row": 10, "column": 10}, "core": {"rows": 512, "columns": 512}},
                ["wires.row 10", "Lower them"],
            )
        ],
        [{"wires": {"row": 0.1}}],
    ),
    "reads_reach_g_max": (
        [
            ({"periphery": {"adc_range": 10}}, ["periphery.adc_range 10", "10.35 uS", "12.94"]),
            (TDP | {"periphery": {"adc_range": 20}}, ["periphery.adc_range 20", "20.7 uS"]),
            ({"device": {"g_max": 30, "g_set_mean": 40}}, ["periphery.adc_range 27.09", "30 uS"]),
        ],
        [
            {"periphery": {"adc_range": 13}},
            {"periphery": {"adc_range": 10, "range_by": "gain"}},
            # Neither reads a cell.
            {"methods": {"g": {"algorithm": "gdp"}, "h": {"algorithm": "hadamard", "start": "g"}},
             "baseline": "h", "subject": "g", "periphery": {"adc_range": 10}},
        ],
    ),
    "reads_have_room": (
        [({"periphery": {"adc_range": 11}}, ["adc_range 11", "10.35 uS", "Give 12.94 or more"])],
        [{"periphery": {"adc_range": 13}}],
    ),
    "step_finer_than_the_margin": (
        [
            (
                {"periphery": {"adc_bits": 6}},
                ["methods.iterative.margin 0.0625 is 0.647 uS", "0.847 uS", "more periphery.adc_b"],
            ),
            (iterative(margin=[0.001, 0.002, 0.2]), ["margin 0.001", "and so with 1 more of"]),
        ],
        [{"periphery": {"adc_bits": 7}}, iterative(margin=0.0126)],
    ),
    "conversions_within_the_range": (
        [
            (
                {"periphery": {"adc_range_sigmas": 2, "adc_range": 14}},
                ["periphery.adc_range_sigmas 2: up to 4.6%", "Give a larger"],
            ),
            (
                gdp(inputs="binary") | {"periphery": {"adc_range": 14}},
                ["methods.gdp.inputs binary: up to 2.1%", "or use smaller inputs"],
            ),
            (
                other("hadamard", amplitude=1.0) | {"periphery": {"adc_range": 14}},
                ["methods.hadamard.amplitude 1: up to 2.1%"],
            ),
        ],
        [
            {"periphery": {"adc_range_sigmas": 2.6}},
            # Pulses are never longer than the full length: a small core stays within.
            {"periphery": {"adc_range_sigmas": 1}, "core": {"rows": 2, "columns": 4}},
        ],
    ),
    "orthogonal_batches_near_a_pass": (
        [
            (gdp(batch_size=15), ["methods.gdp.batch_size 15", "64 rows apart, has 64", "Give 64"]),
            (gdp(batch_size=16, iterations=3), ["methods.gdp.batch_size 16"]),
        ],
        [
            gdp(batch_size=16),
            gdp(batch_size=8, inputs="uniform"),
            gdp(batch_size=4) | {"weights": {"g": {"kind": "gaussian", "rows": 9}}},
        ],
    ),
    "settings_of_the_device": (
        [
            ({"device": {"i_melt": 0.5}}, ["device.i_melt 0.5", "i_half_mean 0.5", "a lower"]),
            ({"device": {"g_set_mean": 50}}, ["device.g_set_mean 50", "5.805 to g_set_max 41.28"]),
        ],
        [{"device": {"i_melt": 0.4}}, {"device": {"g_set_mean": 40}}, PCM],
    ),
    "methods_fit_the_device": (
        [
            (PCM | other("hadamard"), ["methods.hadamard on a device of", "Leave it out"]),
            (PCM | gdp(floor=[1, 2]), ["methods.gdp.floor: 2 values, which change nothing"]),
        ],
        [PCM | gdp(floor=[1])],
    ),
    "devices_reach_g_max": (
        [
            ({"device": {"g_max": 21}}, ["device.g_max 21", "of the devices", "Give a lower"]),
            (
                {"device": {"i_melt": 0.49, "g_max": 12}},
                ["device.g_max 12", "half of them reach 9.81 uS", "Give a lower g_max"],
            ),
            (PCM | {"device": {"model": "set_accumulation", "g_max": 17}}, ["device.g_max 17"]),
        ],
        [{"device": {"g_max": 16}}, PCM],
    ),
    "most_devices_reach_g_max": (
        [({"device": {"g_max": 16}}, ["device.g_max 16", "of the devices cannot"])],
        [{"device": {"g_max": 12}}, PCM],
    ),
    "reset_resets": (
        [
            ({"device": {"g_reset": 5.5}}, ["after a full RESET", "of g_max: that is no RESET"]),
            ({"device": {"i_width_mean": 0.8}}, ["after a full RESET", "i_width_mean"]),
            (table(columns=CURRENT | {"mean": [20, 6]}), ["device.model table", "conduct 6 uS"]),
        ],
        [{"device": {"g_reset": 4}}, table(columns=CURRENT | {"mean": [20, 0.1]})],
    ),
    "reset_leaves_little": (
        [
            ({"device": {"g_reset": 2}}, ["after a full RESET", "which small weights lie below"]),
            (table(columns=CURRENT | {"mean": [20, 3]}), ["device.model table", "30% of g_max"]),
        ],
        [{"device": {"g_reset": 0.8}}, PCM],
    ),
    "pulses_enough_for_g_max": (
        [
            (PCM | iterative(iterations=5), ["methods.iterative.iterations 5", "SET pulses"]),
            (table(columns=PULSES), ["methods.iterative.iterations 30", "needs 199 SET pulses"]),
        ],
        [PCM, iterative(iterations=5)],
    ),
    "weights_and_images_can_be_used": (
        [
            # More, and images and labels of other networks, in tests/weights/test_check.py.
            ({"weights": {"m": {"kind": "file", "path": "no.npy"}}}, ["weights.m", "no.npy"]),
        ],
        [{"weights": {"m": {"kind": "identity"}}}],
    ),
    "methods_fire": (
        [
            (gdp(iterations=1), ["methods.gdp.iterations 1", "Give 2 or more"]),
            (
                gdp(floor=1000, floor_schedule="constant"),
                ["methods.gdp.floor 1000", "more than the largest target", "Give less"],
            ),
            (
                gdp(least=10, floor_schedule="constant"),
                ["methods.gdp.least 10: no error is as large"],
            ),
            (
                gdp(noise_threshold=100, iterations=4, batch_size=64)
                | {"periphery": {"adc_noise": 20}},
                ["methods.gdp.noise_threshold 100", "periphery.adc_noise"],
            ),
            (gdp(target_error=60), ["methods.gdp.target_error 60"]),
            (iterative(iterations=1), ["methods.iterative.iterations 1"]),
            (iterative(margin=1), ["methods.iterative.margin 1: a RESET cell is within"]),
            (
                other("hadamard", iterations=2, passes=1),
                ["methods.hadamard.iterations 2: of 1 pass(es) before the last verify"],
            ),
            (
                other("hadamard", margin=10, schedule="constant"),
                ["methods.hadamard.margin 10: a RESET cell"],
            ),
            (other("harp", iterations=1), ["methods.harp.iterations 1"]),
            (other("harp", decision=16), ["methods.harp.decision 16", "more evidence than 16"]),
            (
                other("reads", noise_threshold=100) | {"periphery": {"adc_noise": 20}},
                ["methods.reads.noise_threshold 100"],
            ),
        ],
        [
            gdp(iterations=2, batch_size=64),
            gdp(floor=10),
            gdp(least=10),
            gdp(noise_threshold=10),
            other("hadamard", iterations=2, passes=2),
            other("harp", decision=15),
            other("reads"),
            other("open_loop"),
        ],
    ),
}  # fmt: skip
BAD = [(name, *case) for name, (bad, _) in CASES.items() for case in bad]
GOOD = [(name, changes) for name, (_, good) in CASES.items() for changes in good]


def study(changes):
    core = {"core": STUDY["core"] | changes.get("core", {})}
    return STUDY | changes | core


def found(name, changes):
    """Messages of one check, of a study that only this one, if any, refuses."""
    check, config = CHECKS[name], None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHECKS", {})  # as if there were none: the study is read
        config = settled(from_mapping(study(changes)))
    return list(check.test(config))


def test_every_check_has_its_cases():
    assert set(CASES) == set(CHECKS)
    for check in CHECKS.values():
        assert check.about.endswith(".")
        bad, good = CASES[check.name]
        assert bad
        assert good


@pytest.mark.parametrize(("name", "changes", "words"), BAD)
def test_it_is_found_and_names_key_value_and_remedy(name, changes, words):
    text = found(name, changes)[0]
    for word in words:
        assert word in text


@pytest.mark.parametrize(("name", "changes"), GOOD)
def test_what_is_next_to_it_passes(name, changes):
    assert found(name, changes) == []


@pytest.mark.parametrize(("name", "changes", "words"), BAD)
def test_it_is_refused_or_warned_of_where_the_study_is_read(name, changes, words):
    """By whoever reads it: the refusing checks stop it, the others speak of it."""
    check = CHECKS[name]
    if check.needs == "files":
        from_mapping(study(changes))  # whoever reads the files refuses, see tests/weights
        return
    if check.refuses:
        with pytest.raises(UserError) as raised:
            settled(from_mapping(study(changes), "mine.yaml"))
        text = str(raised.value)
    else:
        text = "\n".join(warned(from_mapping(study(changes))))
    for word in words:
        assert word in text


def test_cases_are_checked_like_the_study():
    bits = {"compare": {"bits": {"keys": ["periphery.adc_bits"], "values": [6, 9]}}}
    (text,) = warned(from_mapping(study(bits)))
    assert text.startswith("compare.bits/6: methods.iterative.margin 0.0625")
    ranges = {"compare": {"r": {"keys": ["periphery.adc_range"], "values": [5, 20]}}}
    with pytest.raises(UserError, match=r"case compare\.r '5'.*\n.*periphery\.adc_range 5"):
        from_mapping(study(ranges))


@pytest.mark.parametrize("changes", [{}, PCM, TDP], ids=["odp", "accumulating", "tdp"])
def test_defaults_are_meant(changes):
    assert warned(from_mapping(study(changes))) == []
