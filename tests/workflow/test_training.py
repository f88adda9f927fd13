"""The rule that trains, on a few images and a narrow network."""

import pytest
import yaml

from aimcsim.common.storage import read_dataset
from tests.images import small, write_binary, write_python

pytestmark = pytest.mark.workflow

SETTINGS = {
    "network": {"widths": [4, 6, 6]},
    "batch": 20,
    "compile": False,
    "phases": [{"name": "float", "epochs": 1, "learning_rate": 0.05}],
}


@pytest.fixture
def target(project):
    """Result of a schedule of its own."""
    (project.path / "config" / "train" / "quick.yaml").write_text(yaml.safe_dump(SETTINGS))
    return "results/_training/quick.nc"


def test_images_are_downloaded_only_where_there_are_none(project, target, tmp_path_factory):
    folder = project.path / "data" / "cifar10"
    assert project.planned(target) == {"cifar10": 1, "train": 1}
    write_python(small(), folder / "cifar-10-batches-py")
    assert project.planned(target) == {"train": 1}
    folder.rename(tmp_path_factory.mktemp("used") / "cifar10")
    write_binary(small(), folder / "cifar-10-batches-bin")
    assert project.planned(target) == {"train": 1}
    pytest.importorskip("torch")
    project.snakemake(target)
    assert read_dataset(project.path / target).attrs["network"] == "resnet9"
    assert "float 1/1" in (project.results("_training") / "logs" / "quick.log").read_text()
    again = project.snakemake(target)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_no_study_trains(project):
    assert not {"cifar10", "train"} & project.planned().keys()


def test_mistake_in_the_settings_is_one_message(project, target):
    path = project.path / "config" / "train" / "quick.yaml"
    path.write_text(yaml.safe_dump(SETTINGS | {"batsch": 3}))
    done = project.snakemake("--dry-run", target, check=False)
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "config/train/quick.yaml: 1 invalid key(s)\n  batsch: unknown key (value 3)" in output
    assert "Traceback" not in output
