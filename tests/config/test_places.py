"""A path of a configuration is relative to the file that states it, wherever the workflow runs."""

import numpy as np
import pytest
import yaml

from aimcsim.common.errors import UserError
from aimcsim.config.load import cases, from_mapping, from_yaml

OWN = """
from aimcsim import Method, WeightSet
from aimcsim.common.input_files import InputFile
from aimcsim.common.section import key


class Mine(Method):
    label = sees = "mine"

    def longest(self, core):
        return 1

    @classmethod
    def program(cls, points, start, targets):
        raise NotImplementedError


class Row(WeightSet):
    row: InputFile | None = key(None, "A row.")
    name: str = key("a", "No path.")

    def build(self, name, seed):
        raise NotImplementedError
"""
TABLE = "pulse,mean,std\n0,0.1,0\n9,12,0\n"
STUDY = {
    "weights": {
        "m": {"kind": "file", "path": "my weights {1}.npy"},
        "n": {"kind": "network", "path": "../net.onnx", "images": "deep/im.npz"},
        "r": {"kind": "mine.py:Row", "row": "deep/row.txt", "name": "deep/row.txt"},
    },
    "methods": {"iterative": {}, "mine": {"algorithm": "mine.py:Mine"}},
    "subject": "mine",
    "device": {"model": "table", "g_max": 5, "path": "cell.csv"},
    "evaluation": {"times": []},
}


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A working folder, and beside it a folder with a configuration and all that it names."""
    work, folder = tmp_path / "work", tmp_path / "a b\"'{c} é"
    work.mkdir()
    (folder / "deep").mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(folder))
    np.save(folder / "my weights {1}.npy", np.eye(4))
    (folder / "mine.py").write_text(OWN)
    (folder / "cell.csv").write_text(TABLE)
    for path in (tmp_path / "net.onnx", folder / "deep" / "im.npz", folder / "deep" / "row.txt"):
        path.touch()
    return work, folder


def written(folder, study, name="mine.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return path


def paths_of(config):
    m, n, r = config.weights.values()
    method = config.methods["mine"].algorithm
    return [m.path, n.path, n.images, r.kind, r.row, config.device.path, method]


def test_paths_are_those_beside_the_file(places, tmp_path):
    _, folder = places
    config = from_yaml(written(folder, STUDY))
    assert paths_of(config) == [
        f"{folder}/my weights {{1}}.npy", f"{tmp_path}/net.onnx", f"{folder}/deep/im.npz",
        f"{folder}/mine.py:Row", f"{folder}/deep/row.txt", f"{folder}/cell.csv",
        f"{folder}/mine.py:Mine",
    ]  # fmt: skip
    assert config.weights["r"].name == "deep/row.txt"
    # The plan of the study is read again by its jobs, which look for nothing else.
    assert from_mapping(config.model_dump(mode="json")) == config


def test_within_the_working_folder_they_are_relative_to_it(places, monkeypatch):
    """So that a folder that is moved as a whole computes nothing again."""
    _, folder = places
    monkeypatch.chdir(folder)
    (folder / "config").mkdir()
    up = {"weights": {"m": {"kind": "file", "path": "../my weights {1}.npy"}}}
    assert from_yaml(written(folder / "config", up)).weights["m"].path == "my weights {1}.npy"


@pytest.mark.parametrize("path", ["~/deep/row.txt", "$HOME/deep/row.txt", "${HOME}/deep/row.txt"])
def test_home_and_variables_are_expanded(places, path):
    work, folder = places
    study = {"weights": {"r": {"kind": "~/mine.py:Row", "row": path}}}
    found = from_yaml(written(work, study)).weights["r"]
    assert found.row == f"{folder}/deep/row.txt"
    assert found.kind == f"{folder}/mine.py:Row"


def test_of_several_files_each_path_is_relative_to_the_one_that_states_it(places):
    work, folder = places
    (work / "own.csv").write_text(TABLE)
    (work / "command.npy").touch()
    later = {"device": {"path": "own.csv"}}
    overrides = {"weights": {"m": {"path": "command.npy"}}}
    files = written(folder, STUDY), written(work, later, "later.yaml")
    config = from_yaml(*files, overrides=overrides)
    assert config.device.path == "own.csv"
    assert config.weights["m"].path == "command.npy"
    assert config.weights["n"].images == f"{folder}/deep/im.npz"


def test_paths_of_cases_are_those_beside_the_file_too(places):
    _, folder = places
    (folder / "other.csv").write_text(TABLE)
    compare = {
        "devices": {
            "cases": {"a": {}, "b": {"device": {"path": "other.csv"}}},
            "always": {"methods": {"mine": {"algorithm": "mine.py:Mine"}}},
        }
    }
    config = from_yaml(written(folder, STUDY | {"compare": compare}))
    assert [case.config.device.path for case in cases(config)] == [
        f"{folder}/cell.csv", f"{folder}/other.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "key", "name"),
    [
        ({"weights": {"m": {"kind": "file", "path": "no.npy"}}}, "weights.m.path", "no.npy"),
        ({"weights": {"m": {"kind": "no.py:Row"}}}, "weights.m.kind", "no.py"),
        ({"device": {"model": "table", "g_max": 5, "path": "no.csv"}}, "device.path", "no.csv"),
        ({"methods": {"x": {"algorithm": "no.py:Mine"}}}, "methods.x.algorithm", "no.py"),
        (
            {"weights": {"n": {"kind": "network", "images": "no"}}}, "weights.n.images", "no",
        ),
    ],
)  # fmt: skip
def test_the_message_says_where_it_looked(places, change, key, name):
    _, folder = places
    with pytest.raises(UserError) as caught:
        from_yaml(written(folder, STUDY | change))
    message = str(caught.value)
    assert f"{key}: '{name}' is not there: looked for {folder}/{name}." in message
    assert "Correct the path" in message


def test_images_that_are_downloaded_may_be_missing(places):
    work, _ = places
    (work / "config").mkdir()
    study = {"weights": {"n": {"kind": "network", "images": "../data/cifar10"}}}
    assert from_yaml(written(work / "config", study)).weights["n"].images == "data/cifar10"


@pytest.mark.parametrize(
    "study",
    [
        {"weights": 3}, {"weights": {"a": 3}}, {"weights": {"a": {"kind": 3}}}, {"device": []},
        {"weights": {"a": {"kind": "file", "path": 3}}}, {"methods": {"a": None}},
        {"compare": {"a": 3}}, {"compare": {"a": {"cases": 3, "always": 3}}}, {"weights": None},
        {"weights": {"a": {"kind": "file", "path": ""}}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_configuration_is_named_by_the_check_of_keys(places, study):
    work, _ = places
    with pytest.raises(UserError, match="invalid key"):
        from_yaml(written(work, study))
