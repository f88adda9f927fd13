"""Methods by name: sweeps of their keys, where they start, their labels, and what is refused."""

import itertools
import re
from typing import ClassVar

import numpy as np
import pytest
import yaml

from aimcsim.common.choice import OneOf
from aimcsim.common.errors import UserError
from aimcsim.config.design import Range, spread
from aimcsim.config.load import cases, from_mapping, from_yaml
from aimcsim.config.methods import ONE_OF_METHODS, labels
from aimcsim.config.models import ONE_OF_DEVICES, ONE_OF_WEIGHTS, Config
from aimcsim.programming.method import METHODS, TAKEN

WEIGHTS = {"g": {"kind": "gaussian"}}
BOTH = {"iterative": {}, "gdp": {}}
MINE = """
from typing import ClassVar
from aimcsim import Method
from aimcsim.common.section import key

class Mine(Method):
    \"\"\"A method of mine.\"\"\"
    strength: float = key(1.0, "How strong.", unit="1", ge=0)

    def longest(self, core):
        return 1

    @classmethod
    def program(cls, points, start, targets):
        raise NotImplementedError

class Labelled(Mine):
    label: ClassVar = "Our way"

class Unrelated:
    pass
"""


def study(methods=None, **changes) -> Config:
    """The study with ``methods`` beside, or in place of, iterative and gdp."""
    return from_mapping(
        {"weights": WEIGHTS, "methods": BOTH | (methods or {}), **changes}, "a.yaml"
    )


def refused(methods=None, **changes) -> str:
    with pytest.raises(UserError) as raised:
        study(methods, **changes)
    message = str(raised.value)
    assert message.startswith("a.yaml")
    return message


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a file of the user's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


class TestSweeps:
    @pytest.mark.parametrize("name", METHODS.packaged())
    def test_every_key_of_every_method_takes_a_list(self, name):
        """One run for each of two values, all other keys at their defaults."""
        for key, values in TWO_VALUES[name].items():
            config = study({"one": {"algorithm": name, key: values}}, evaluation={"times": []})
            runs = [run for run in config.runs() if run.method == "one"]
            assert [getattr(run.settings, key) for run in runs] == values
            assert len({run.id for run in runs}) == 2
            default = study({"one": {"algorithm": name}}).methods["one"].points()[0]
            for run in runs:
                assert run.settings.model_copy(update={key: getattr(default, key)}) == default

    def test_keys_of_every_method_are_tested(self):
        for name in METHODS.packaged():
            assert set(TWO_VALUES[name]) == set(METHODS[name].model_fields)

    def test_several_lists_are_all_combinations_in_the_order_of_the_keys(self):
        config = study({"gdp": {"floor": [4, 2], "noise_threshold": [1, 3], "iterations": 7}})
        found = [
            (run.settings.noise_threshold, run.settings.floor)
            for run in config.runs() if run.method == "gdp"
        ]  # fmt: skip
        assert found == [(1, 4), (1, 2), (3, 4), (3, 2)]

    def test_two_methods_of_one_algorithm_are_swept_apart(self):
        config = study({"fine": {"algorithm": "gdp", "floor": [1, 2]}, "gdp": {"floor": 8}})
        found = [(run.method, run.settings.floor) for run in config.runs()[1:]]
        assert found == [("gdp", 8), ("fine", 1), ("fine", 2)]

    def test_a_run_is_named_by_its_content(self):
        one, other = (
            study({"gdp": {"floor": 2}}).runs()[1],
            study({"gdp": {"floor": [2.0]}}).runs()[1],
        )
        assert one.id == other.id
        assert one.id != study({"gdp": {"floor": 2.1}}).runs()[1].id
        # The run that it goes on from is part of what it is.
        after, otherwise = (
            study({"gdp": BEHIND, "iterative": {"margin": margin}}).runs()[1]
            for margin in (0.0625, 0.05)
        )
        assert after.id != otherwise.id

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"floor": [2, 2.0]}, ["methods.gdp", "floor names a value twice"]),
            ({"opposite": [True, False, True]}, ["methods.gdp", "opposite names a value twice"]),
            ({"start": ["reset", "reset"]}, ["methods.gdp", "start names a value twice"]),
            ({"floor": []}, ["methods.gdp.floor", "must not be empty"]),
            ({"floor": [1, -2]}, ["methods.gdp.floor.1", "-2", "at least 0"]),
            ({"floor": [1, None]}, ["methods.gdp.floor.1", "null", "a number"]),
            ({"inputs": "normal"}, ["methods.gdp.inputs: got 'normal'", "orthogonal"]),
            ({"floor": {"from": 1}}, ["gdp.floor.low: required key", "gdp.floor.from"]),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_wrong_value_is_named(self, settings, words):
        message = refused({"gdp": settings})
        for word in words:
            assert word in message


# Two values of each key, of which the second is no default.
RULE = {
    "start": ["reset", "baseline"], "iterations": [100, 80], "learning_rate": [0.4, 0.2],
    "noise_threshold": [1.0, 2.0], "floor": [1.0, 2.0], "least": [0.2, 0.1],
    "floor_schedule": ["stopping", "constant"], "opposite": [True, False], "prior": [4.0, 5.0],
    "plan": ["fixed", "rising"], "decay": [0.3, 0.1], "target_error": [0.0, 3.0],
    "most_time": [0.0, 50.0], "most_energy": [0.0, 0.2],
}  # fmt: skip
TWO_VALUES = {
    "iterative": {
        "iterations": [30, 40], "margin": [0.0625, 0.05], "reads": [1, 4], "gain": [0.08, 0.16],
        "integral": [0.0, 0.01], "offset_conversions": [64, 0], "reverify": [True, False],
        "accept": [0.99, 0.9],
    },
    "gdp": RULE | {
        "batch_size": [256, 128], "estimator": ["running", "batch"],
        "inputs": ["orthogonal", "uniform"], "affine": ["none", "column"],
    },
    "reads": RULE | {"reads": [1, 4], "offset_conversions": [64, 0]},
    "hadamard": {
        "start": ["baseline", "reset"], "passes": [4, 1], "iterations": [40, 20],
        "margin": [0.025, 0.0125], "margin_slope": [0.2, 0.1], "schedule": ["stopping", "constant"],
        "noise_threshold": [3.0, 2.0], "average": [True, False], "gain": [0.08, 0.16],
        "opposite": [True, False], "amplitude": [0.577, 1.0], "accept": [0.99, 0.9],
    },
    "harp": {
        "start": ["reset", "baseline"], "passes": [4, 1], "iterations": [40, 20],
        "tolerance": [0.03, 0.05], "decision": [2.5, 2.0], "step": [0.5, 0.25],
        "amplitude": [0.577, 1.0], "accept": [0.99, 0.9],
    },
    "open_loop": {"statistics": ["hermes_odp", "pcm_90nm"]},
}  # fmt: skip


BEHIND = {"start": "baseline"}


class TestStart:
    def starts(self, config) -> dict[str, str | None]:
        return {run.method: run.start and run.start.method for run in config.runs()}

    def test_baseline_a_name_or_reset(self):
        methods = {
            "gdp": BEHIND,
            "hadamard": {"start": "iterative"},
            "after": {"algorithm": "gdp", "start": "hadamard"},
            "fresh": {"algorithm": "gdp", "start": "reset"},
        }
        assert self.starts(study(methods)) == {
            "iterative": None, "gdp": "iterative", "hadamard": "iterative", "after": "hadamard",
            "fresh": None,
        }  # fmt: skip

    def test_the_baseline_is_that_of_the_study(self):
        methods = {"plain": {"algorithm": "iterative", "iterations": 3}, "gdp": BEHIND}
        assert self.starts(study(methods, baseline="plain"))["gdp"] == "plain"

    def test_a_swept_start(self):
        runs = study({"gdp": {"start": ["iterative", "reset"]}}).runs()
        assert [run.start and run.start.method for run in runs] == [None, "iterative", None]

    def test_of_a_chain_each_knows_all_that_comes_before(self):
        methods = {"hadamard": {}, "gdp": {"start": "hadamard"}}
        gdp = next(run for run in study(methods).runs() if run.method == "gdp")
        assert gdp.depth == 2
        assert gdp.algorithms() == {"iterative", "hadamard", "gdp"}

    @pytest.mark.parametrize(
        ("methods", "words"),
        [
            ({"gdp": {"start": "nobody"}},
             ["methods.gdp.start 'nobody'", "the methods are iterative, gdp"]),
            ({"gdp": {"start": "gdp"}}, ["methods.gdp.start 'gdp'", "itself starts from it"]),
            ({"gdp": {"start": "hadamard"}, "hadamard": {"start": "gdp"}},
             ["methods.hadamard.start 'gdp'", "itself starts from it"]),
            ({"gdp": {"start": "open_loop"}, "open_loop": {}},
             ["methods.gdp.start 'open_loop'", "leaves nothing"]),
            ({"iterative": {"margin": [0.05, 0.1]}, "gdp": BEHIND},
             ["methods.gdp.start 'baseline'", "'iterative' has 2 settings"]),
            ({"hadamard": {"passes": [1, 2, 4]}, "gdp": {"start": "hadamard"}},
             ["methods.gdp.start 'hadamard'", "'hadamard' has 3 settings"]),
        ],
    )  # fmt: skip
    def test_errors_name_the_key_and_the_remedy(self, methods, words):
        message = refused(methods)
        for word in [*words, "Name a method with one setting, or reset."]:
            assert word in message

    def test_a_baseline_that_starts_from_the_baseline(self):
        message = refused({"hadamard": {}}, baseline="hadamard")
        assert "methods.hadamard.start 'baseline': 'hadamard' itself starts from it" in message
        study({"hadamard": {"start": "reset"}}, baseline="hadamard")

    def test_a_swept_baseline_is_fine_where_nothing_starts_from_it(self):
        config = study({"iterative": {"margin": [0.05, 0.1]}, "gdp": {"start": "reset"}})
        assert [run.method for run in config.runs()] == ["iterative", "iterative", "gdp"]

    @pytest.mark.parametrize("name", ["reset", "baseline"])
    def test_no_method_is_called_as_a_start_is(self, name):
        message = refused({name: {"algorithm": "iterative", "margin": 0.05}})
        assert f"methods.{name}" in message
        assert "Choose another name" in message

    def test_but_the_baseline_may_be_called_so(self):
        methods = {"baseline": {"algorithm": "iterative", "margin": 0.05}, "gdp": BEHIND}
        assert self.starts(study(methods, baseline="baseline"))["gdp"] == "baseline"


class TestRoles:
    def test_the_default_study_compares_gdp_with_iterative(self):
        config = from_mapping({"weights": WEIGHTS})
        assert (config.baseline, config.subject) == ("iterative", "gdp")
        assert list(config.methods) == ["iterative", "gdp"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"baseline": "gdp"}, ["baseline and subject are both 'gdp'", "Compare two methods"]),
            ({"subject": "iterative"}, ["baseline and subject are both 'iterative'"]),
            ({"baseline": "other"}, ["baseline is 'other'", "iterative, gdp", "Name one of them"]),
            ({"subject": "other"}, ["subject is 'other'", "iterative, gdp", "Name one of them"]),
        ],
        ids=str,
    )
    def test_they_are_two_methods_of_the_study(self, changes, words):
        message = refused(**changes)
        for word in words:
            assert word in message
        assert "weights" not in message  # nothing of the file but what is wrong


class TestLabels:
    def test_that_of_the_algorithm_where_it_is_alone(self):
        assert labels(study({"mine": {"algorithm": "hadamard"}}).methods) == {
            "iterative": METHODS["iterative"].label,
            "gdp": METHODS["gdp"].label,
            "mine": METHODS["hadamard"].label,
        }

    def test_names_where_several_are_of_one_algorithm(self):
        found = labels(study({"gdp_as_published": {"algorithm": "gdp", "start": "reset"}}).methods)
        assert found["gdp"] == "gdp"
        assert found["gdp_as_published"] == "gdp as published"
        assert found["iterative"] == METHODS["iterative"].label

    def test_what_the_study_says(self):
        methods = {"gdp": {"label": "Descent"}, "more": {"algorithm": "gdp", "label": "Descent 2"}}
        found = labels(study(methods).methods)
        assert (found["gdp"], found["more"]) == ("Descent", "Descent 2")

    def test_that_of_the_algorithm_where_all_others_of_it_have_their_own(self):
        found = labels(study({"plain": {"algorithm": "gdp", "label": "Plain descent"}}).methods)
        assert (found["gdp"], found["plain"]) == (METHODS["gdp"].label, "Plain descent")

    def test_of_a_users_method(self, folder):
        methods = {
            "some_name": {"algorithm": "mine.py:Mine"}, "other": {"algorithm": "mine.py:Labelled"},
        }  # fmt: skip
        found = labels(study(methods).methods)
        assert (found["some_name"], found["other"]) == ("some name", "Our way")

    def test_two_alike_are_refused(self):
        message = refused({"gdp": {"label": METHODS["iterative"].label}})
        assert "two are called" in message
        assert "Give one another label" in message

    def test_a_label_programs_nothing_again(self):
        assert [run.id for run in study({"gdp": {"label": "X"}}).runs()] == [
            run.id for run in study().runs()
        ]


class TestUnknownKeys:
    """Every section and every kind suggests the key that was meant."""

    SECTIONS = (
        "core", "defects", "wires", "periphery", "evaluation", "inference", "refresh", "cost",
        "execution", "report",
    )  # fmt: skip

    def wrong(self, name: str) -> str:
        return name[:-1] if len(name) > 4 else f"{name}_"

    def suggests(self, where: str, message: str, name: str):
        assert f"{where}.{self.wrong(name)}: unknown key" in message
        assert "Did you mean '" in message

    def test_of_the_file(self):
        assert "seeed: unknown key (value 3). Did you mean 'seed'?" in refused(seeed=3)
        assert set(self.SECTIONS) | {"device", "weights", "methods", "compare"} == {
            name
            for name, field in Config.model_fields.items()
            if name not in ("study", "seed", "cores", "baseline", "subject")
        }

    @pytest.mark.parametrize("section", SECTIONS)
    def test_of_a_section(self, section):
        for name in Config.model_fields[section].annotation.model_fields:
            message = refused(**{section: {self.wrong(name): 1}})
            self.suggests(section, message, name)

    @pytest.mark.parametrize("choice", [ONE_OF_METHODS, ONE_OF_DEVICES, ONE_OF_WEIGHTS])
    def test_of_a_kind(self, choice: OneOf):
        for kind in choice.registry.packaged():
            for name in choice.sections()[kind].model_fields:
                if name == choice.tag:
                    continue
                section = {choice.tag: kind, self.wrong(name): 1}
                if choice is ONE_OF_METHODS:
                    where, message = "methods.one", refused({"one": section})
                elif choice is ONE_OF_DEVICES:
                    where, message = "device", refused(device=section)
                else:
                    where, message = "weights.one", refused(weights={"one": section})
                self.suggests(where, message, name)

    def test_of_a_comparison(self):
        message = refused(compare={"c": {"key": ["cores"], "values": [1, 2]}})
        assert "compare.c.key: unknown key" in message
        assert "Did you mean 'keys'?" in message

    def test_of_a_case(self):
        message = refused(compare={"c": {"keys": ["methods.gdp.flor"], "values": [1, 2]}})
        assert message.startswith("a.yaml, case compare.c '1'")
        assert "methods.gdp.flor: unknown key (value 1). Did you mean 'floor'?" in message

    def test_of_a_users_method(self, folder):
        message = refused({"mine": {"algorithm": "mine.py:Mine", "strenght": 1}})
        assert "methods.mine.strenght: unknown key (value 1). Did you mean 'strength'?" in message

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"methods": BOTH | {"x": {"algorithm": "hadamrd"}}},
             ["methods.x", "algorithm must be one of", "Did you mean 'hadamard'?"]),
            ({"methods": BOTH | {"gpd": {}}}, ["methods.gpd", "algorithm is missing", "hadamard"]),
            ({"device": {"model": "tabel"}}, ["device", "Did you mean 'table'?"]),
            ({"weights": {"g": {"kind": "gausian"}}}, ["weights.g", "Did you mean 'gaussian'?"]),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_kind_itself_is_suggested(self, changes, words):
        with pytest.raises(UserError) as raised:
            from_mapping({"weights": WEIGHTS} | changes)
        for word in words:
            assert word in str(raised.value)


class TestAUsersFile:
    def test_its_keys_are_those_of_the_section(self, folder):
        config = study({"mine": {"algorithm": "mine.py:Mine", "strength": [1, 2.5]}})
        assert [run.settings.strength for run in config.runs()[2:]] == [1.0, 2.5]
        again = from_mapping(config.model_dump(mode="json"))
        assert [run.id for run in again.runs()] == [run.id for run in config.runs()]
        assert again == config

    def test_it_may_be_a_case(self, folder):
        config = study(
            compare={
                "c": {"cases": {"a": {}, "b": {"methods": {"m": {"algorithm": "mine.py:Mine"}}}}}
            }
        )
        assert [list(case.config.methods) for case in cases(config)] == [
            ["iterative", "gdp"], ["iterative", "gdp", "m"],
        ]  # fmt: skip

    SECTIONS: ClassVar = {
        "method": lambda named: {"methods": BOTH | {"mine": {"algorithm": named}}},
        "device": lambda named: {"device": {"model": named}},
        "weight set": lambda named: {"weights": {"mine": {"kind": named}}},
    }

    @pytest.mark.parametrize("kind", SECTIONS)
    @pytest.mark.parametrize(
        ("named", "words"),
        [
            ("none.py:Mine", ["none.py is not readable", "No such file", "Give the path"]),
            ("folder.py:Mine", ["folder.py is not readable", "Give the path"]),
            ("mine.py:Mina", ["mine.py has no class 'Mina' that derives from aimcsim."]),
            ("mine.py:Unrelated", ["has no class 'Unrelated' that derives from aimcsim."]),
            ("mine.py:key", ["has no class 'key' that derives from"]),
            ("bad.py:Mine", ["bad.py, line 2, fails with ZeroDivisionError", "Correct the file"]),
            ("syntax.py:Mine", ["syntax.py", "SyntaxError", "line 1", "Correct the file"]),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_file_that_cannot_be_used_is_one_message(self, folder, kind, named, words):
        (folder / "folder.py").mkdir()
        (folder / "bad.py").write_text("x = 0\ny = 1 / x\n")
        (folder / "syntax.py").write_text("class Mine(\n")
        with pytest.raises(UserError) as raised:
            from_mapping({"weights": WEIGHTS} | self.SECTIONS[kind](named), "a.yaml")
        message = str(raised.value)
        assert message.startswith(f"a.yaml: {kind} '{named}'")
        for word in words:
            assert word in message

    def test_a_class_of_another_kind_is_none(self, folder):
        message = refused(device={"model": "mine.py:Mine"})
        assert "no class 'Mine' that derives from aimcsim.chip.devices.interface.Device" in message
        message = refused({"m": {"algorithm": "mine.py:Mina"}})
        assert "It has Mine, Labelled." in message

    @pytest.mark.filterwarnings("ignore:Field name")
    @pytest.mark.parametrize("name", ["points", "mvm_error", "pulses", "footprint", "run", "error"])
    def test_a_key_that_means_something_else_is_refused(self, folder, name):
        text = MINE.replace("    strength: float", f"    {name}: float")
        (folder / "taken.py").write_text(text)
        message = refused({"mine": {"algorithm": "taken.py:Mine"}})
        assert f"taken.py, line 6, fails with TypeError: Mine has a key '{name}'" in message
        assert "call the key otherwise" in message

    def test_keys_of_the_package_are_not_taken(self):
        for method in METHODS.values():
            assert not TAKEN & set(method.model_fields)

    @pytest.mark.parametrize("name", ["longest", "program"])
    def test_a_method_that_is_not_whole_is_refused(self, folder, name):
        (folder / "part.py").write_text(MINE.replace(f"def {name}", "def something_else"))
        message = refused({"mine": {"algorithm": "part.py:Mine"}})
        assert re.search(rf"part\.py.* Mine has no (class )?method '{name}'", message)

    @pytest.mark.parametrize(
        ("base", "section", "lacks"),
        [
            ("Device", {"device": {"model": "part.py:Part"}}, "has no key 'g_max'"),
            ("WeightSet", {"weights": {"a": {"kind": "part.py:Part"}}}, "has no method 'build'"),
        ],
    )
    def test_nor_is_another_kind(self, folder, base, section, lacks):
        (folder / "part.py").write_text(
            f"import aimcsim\nclass Part(aimcsim.{base}):\n    a: int = 1\n"
        )
        message = refused(**section)
        assert f"part.py, line 2, fails with TypeError: Part {lacks}" in message

    def test_an_edited_file_is_read_again(self, folder):
        study({"mine": {"algorithm": "mine.py:Mine", "strength": 3}})
        (folder / "mine.py").write_text(MINE.replace("strength", "power"))
        config = study({"mine": {"algorithm": "mine.py:Mine", "power": 2}})
        assert config.methods["mine"].power == (2.0,)
        (folder / "mine.py").write_text(MINE)
        assert "power: unknown key" in refused({"mine": {"algorithm": "mine.py:Mine", "power": 2}})

    def test_a_class_known_from_elsewhere_is_known_to_configurations(self, folder):
        (folder / "before.py").write_text(MINE.replace("strength", "force"))
        assert METHODS["before.py:Mine"].model_fields.keys() == {"force"}
        config = study({"mine": {"algorithm": "before.py:Mine", "force": 2}})
        assert config.methods["mine"].force == (2.0,)


class TestEarlierForm:
    """Top-level sections of methods and a list of them: one message, with what to write."""

    OLD: ClassVar = {
        "gdp": {"gdp": {"floor": [1, 2], "start": ["iterative", "reset"]}},
        "iterative": {"iterative": {"margin": 0.05, "reverify": False}},
        "hadamard": {"methods": ["iterative", "gdp", "hadamard"], "hadamard": {"passes": 2}},
        "open_loop": {"open_loop": {"statistics": "hermes_odp"}},
        "a list": {"methods": ["iterative", "hadamard", "gdp"]},
        "all": {
            "methods": ["iterative", "gdp", "hadamard", "open_loop"], "gdp": {"floor": [1, 2]},
            "iterative": {"margin": 0.05}, "hadamard": {"passes": 2},
            "open_loop": {"statistics": "hermes_odp"}, "periphery": {"adc_bits": 7},
        },
    }  # fmt: skip

    @pytest.mark.parametrize("name", OLD)
    def test_one_message_shows_what_to_write(self, name):
        old = self.OLD[name]
        with pytest.raises(UserError) as raised:
            from_mapping({"weights": WEIGHTS} | old, "old.yaml")
        message = str(raised.value)
        assert message.startswith("old.yaml: ")
        assert "methods.<name>.<key>" in message
        new = yaml.safe_load(message.partition("Write\n")[2])
        config = from_mapping({"weights": WEIGHTS} | new)
        for method in ("gdp", "iterative", "hadamard", "open_loop"):
            for key, value in old.get(method, {}).items():
                wanted = tuple(value) if isinstance(value, list) else (value,)
                assert getattr(config.methods[method], key) == wanted
        for method in old.get("methods", []):
            assert method in config.methods

    def test_of_a_comparison_of_the_earlier_form(self):
        message = refused(compare={"c": {"keys": ["gdp.floor"], "values": [1, 2]}})
        assert message.startswith("a.yaml, case compare.c '1': 'gdp' at the top level")
        config = study(compare={"c": {"keys": ["methods.gdp.floor"], "values": [1, 2]}})
        assert [case.config.methods["gdp"].floor for case in cases(config)] == [(1.0,), (2.0,)]

    def test_of_a_file(self, tmp_path):
        (tmp_path / "old.yaml").write_text("weights: {g: {kind: gaussian}}\ngdp: {floor: [1, 2]}\n")
        with pytest.raises(UserError, match=r"old\.yaml: 'gdp' at the top level"):
            from_yaml(tmp_path / "old.yaml")


class TestSamples:
    """Settings spread over ranges in place of every combination."""

    def points(self, **entry):
        return study({"gdp": {"samples": 32, **entry}}).methods["gdp"].points()

    def test_fill_the_ranges_evenly(self):
        found = self.points(
            learning_rate={"low": 0.05, "high": 5.0, "log": True},
            noise_threshold={"low": 0.0, "high": 3.0},
        )
        assert len(found) == 32
        rate = np.log([point.learning_rate / 0.05 for point in found]) / np.log(100)
        threshold = np.array([point.noise_threshold for point in found]) / 3
        # A Sobol sequence moved by a constant keeps one point in each 32nd, but for the two pieces
        # of the interval that the shift cuts.
        for axis in (rate, threshold):
            assert np.histogram(axis, 16, (0, 1))[0].min() >= 1
            assert np.histogram(axis, 16, (0, 1))[0].max() <= 3
        assert np.histogram2d(rate, threshold, 4, [(0, 1), (0, 1)])[0].min() >= 1

    def test_more_of_them_keep_those_that_there_are(self):
        ranges = {"learning_rate": {"low": 0.05, "high": 5.0}, "floor": [0.5, 1.0, 2.0]}
        assert self.points(**ranges) == self.points(**ranges, samples=128)[:32]

    def test_lists_are_taken_equally_often_and_integers_are_whole(self):
        found = self.points(
            iterations={"low": 10, "high": 13}, estimator=["batch", "running"], samples=64
        )
        kinds = [(point.iterations, point.estimator) for point in found]
        assert set(kinds) == set(itertools.product([10, 11, 12, 13], ["batch", "running"]))
        assert len(found) == 8  # a setting is programmed once

    @pytest.mark.parametrize(
        "part", [{"low": 1.0001, "high": 1.0004}, {"low": 1.0, "high": 1.01, "log": True}]
    )
    def test_a_narrow_range_is_filled_too(self, part):
        settings = spread([Range(**part)], [False], 64)
        values = np.array(settings).ravel()
        assert len(np.unique(values)) == 64
        shares = np.sort((values - part["low"]) / (part["high"] - part["low"]))
        np.testing.assert_allclose(shares, (np.arange(64) + 0.5) / 64, atol=0.02)

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"learning_rate": {"low": -1, "high": 2}}, "above 0"),
            ({"learning_rate": {"low": 2, "high": 1}}, "low 2 is not below high 1"),
            ({"noise_threshold": {"low": 0, "high": 1, "log": True}}, "no logarithm"),
            (
                {"samples": 0, "learning_rate": {"low": 0.1, "high": 1}},
                "samples is 0; give the method more",
            ),
            ({}, "samples wants a key with a range"),
            ({"estimator": {"low": 0, "high": 1}}, "one of batch, running"),
        ],
    )
    def test_what_cannot_be_spread_is_named(self, entry, message):
        assert message in refused({"gdp": {"samples": 8, **entry}})
