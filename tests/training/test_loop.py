"""Training learns, goes on after a kill with the same bits, and refuses what does not fit."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aimcsim.common.errors import UserError  # noqa: E402
from aimcsim.networks.cifar10 import Cifar10  # noqa: E402
from aimcsim.networks.resnet9_layers import analog_layers  # noqa: E402
from aimcsim.training.checkpoint import phase_end  # noqa: E402
from aimcsim.training.export import dataset  # noqa: E402
from aimcsim.training.loop import accuracy, learning_rate, train  # noqa: E402
from aimcsim.training.settings import Phase, Training  # noqa: E402
from tests.images import small  # noqa: E402


def settings(**values) -> Training:
    return Training.model_validate(
        {
            "network": {"widths": (4, 6, 6)},
            "batch": 20,
            "precision": "float32",
            "compile": False,
            "augmentation": {"shift": 0, "flip": False, "cutout": 0},
            "test_every": 2,
            "noise_draws": 3,
            "phases": [
                {"name": "float", "epochs": 3, "learning_rate": 0.05},
                {
                    "name": "aware", "epochs": 2, "learning_rate": 0.02,
                    "weight_noise": 0.05, "clip_sigmas": 2.5, "converter_bits": 8,
                },
            ],
        }
        | values
    )  # fmt: skip


IMAGES = small()


class Killed(Exception):
    """Stands for a kill."""


def killed_after(lines):
    """A listener that ends the training at its line number ``lines``."""
    said = []

    def say(line):
        said.append(line)
        if len(said) == lines:
            raise Killed

    return say


def silent(line):
    """Listens to nothing."""


def state(trained):
    return {name: value.clone() for name, value in trained.network.state_dict().items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training from end to end, and where its checkpoint lies."""
    path = tmp_path_factory.mktemp("whole") / "checkpoint.pt"
    return train(settings(), IMAGES, path, silent), path


def test_a_network_learns(tmp_path):
    phases = [{"name": "float", "epochs": 12, "learning_rate": 0.1}]
    trained = train(settings(phases=phases), small(300, 100), tmp_path / "checkpoint.pt", silent)
    assert trained.accuracy > 60  # 10 by chance
    assert trained.record[-1]["training_loss"] < 0.6 * trained.record[0]["training_loss"]
    assert trained.noisy_accuracy == []


@pytest.mark.parametrize("epochs", [1, 3, 4])
@pytest.mark.parametrize(
    ("own", "of_phases"),
    [
        ({}, {}),
        ({"precision": "bfloat16"}, {"average_epochs": 1.5}),
        ({"optimiser": "muon"}, {"augmentation": {"crop": 24}, "rate_left": 0.5}),
    ],
)
def test_a_killed_training_ends_with_the_same_bits(tmp_path, epochs, own, of_phases):
    phases = [phase | of_phases for phase in settings().model_dump()["phases"]]
    chosen = settings(**own, phases=phases)
    whole = train(chosen, IMAGES, tmp_path / "whole.pt", silent)
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        train(chosen, IMAGES, path, killed_after(epochs))
    lines = []
    trained = train(chosen, IMAGES, path, lines.append)
    assert len(lines) == 1 + 5 - epochs  # how far it was, then only the epochs that are left
    first, second = state(whole), state(trained)
    assert all(torch.equal(first[name], second[name]) for name in first)
    np.testing.assert_equal(trained.record, whole.record)
    assert trained.noisy_accuracy == whole.noisy_accuracy


TEACHER = settings(
    network={"widths": (8, 12, 12)}, phases=[{"name": "float", "epochs": 2, "learning_rate": 0.05}]
).model_dump()
TAUGHT = [
    {"name": "float", "epochs": 1, "learning_rate": 0.05},
    {"name": "distilled", "epochs": 2, "learning_rate": 0.05, "distilled": 0.9},
]


@pytest.mark.parametrize("variations", [None, 1])
def test_a_killed_training_with_a_teacher_ends_with_the_same_bits(tmp_path, variations):
    taught = TAUGHT[-1] | {"variations": variations}
    chosen = settings(teacher=TEACHER, phases=[TAUGHT[0], taught])
    whole = train(chosen, IMAGES, tmp_path / "whole.pt", silent)
    for lines in (2, 5):  # within the teacher's training, and within what follows from it
        path = tmp_path / f"{lines}.pt"
        with pytest.raises(Killed):
            train(chosen, IMAGES, path, killed_after(lines))
        trained = train(chosen, IMAGES, path, silent)
        first, second = state(whole), state(trained)
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert phase_end(tmp_path / "whole.teacher.pt", "float").is_file()
    other = chosen.model_copy(update={"teacher": chosen.teacher.model_copy(update={"seed": 7})})
    with pytest.raises(UserError, match="other values of 'teacher'"):
        train(other, IMAGES, tmp_path / "whole.pt", silent)


def test_a_teacher_may_come_before_it_teaches(tmp_path):
    path = tmp_path / "checkpoint.pt"
    train(settings(phases=TAUGHT[:1]), IMAGES, path, silent)
    lines = []
    train(settings(teacher=TEACHER, phases=TAUGHT), IMAGES, path, lines.append)
    assert len(lines) == 1 + 2 + 1 + 2


def test_a_phase_without_its_teacher_is_refused_and_a_teacher_without_a_phase():
    with pytest.raises(ValueError, match="'distilled' is distilled, but there is no teacher"):
        settings(phases=TAUGHT)
    with pytest.raises(ValueError, match="no phase learns from the teacher"):
        settings(teacher=TEACHER)


def test_another_teacher_is_named_before_anything_is_trained(tmp_path):
    path, lines = tmp_path / "checkpoint.pt", []
    train(settings(teacher=TEACHER, phases=TAUGHT), IMAGES, path, silent)
    path.unlink()
    other = settings(teacher=TEACHER | {"seed": 7}, phases=TAUGHT)
    with pytest.raises(UserError, match=r"checkpoint.teacher.pt: was trained with other values"):
        train(other, IMAGES, path, lines.append)
    assert lines == []


def test_seed_and_noise_have_an_effect(whole, tmp_path):
    other = train(settings(seed=2), IMAGES, tmp_path / "seed.pt", silent)
    quiet = [phase | {"weight_noise": 0} for phase in settings().model_dump()["phases"]]
    without = train(settings(phases=quiet), IMAGES, tmp_path / "noise.pt", silent)
    weights = [trained.network.analog["stem"].weight for trained in (whole[0], other, without)]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_end_is_aware_of_the_hardware(whole):
    for part in whole[0].network.layers():
        assert part.weight.abs().max() <= 2.6 * part.weight.std()
        assert part.input_range > 0
        assert part.output_range > 0
    assert len(whole[0].noisy_accuracy) == 3


def test_a_training_that_is_done_trains_no_more(whole):
    lines = []
    again = train(settings(), IMAGES, whole[1], lines.append)
    assert len(lines) == 1
    assert again.accuracy == whole[0].accuracy


def test_other_settings_are_refused(whole):
    with pytest.raises(UserError, match="other values of 'batch'"):
        train(settings(batch=10), IMAGES, whole[1], silent)
    with pytest.raises(UserError, match="other images"):
        train(settings(), Cifar10(IMAGES.train, IMAGES.test, "others"), whole[1], silent)


def test_the_machine_may_change(whole):
    again = train(settings(threads=2, device="cpu", compile="auto"), IMAGES, whole[1], silent)
    np.testing.assert_equal(again.record, whole[0].record)


def test_phases_to_come_may_change(whole):
    """The end of a phase is kept, to try another continuation."""
    path = whole[1].with_suffix(".float.pt")
    longer = [*settings().model_dump()["phases"][:1], Phase(name="b", epochs=1, learning_rate=0.1)]
    trained = train(settings(phases=longer), IMAGES, path, silent)
    assert [row["phase"] for row in trained.record] == [0, 0, 0, 1]
    np.testing.assert_equal(trained.record[:3], whole[0].record[:3])


def test_damaged_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match="not readable as a checkpoint"):
        train(settings(), IMAGES, path, silent)


def test_a_damaged_checkpoint_is_named_and_training_goes_on_from_the_phase_before(whole, tmp_path):
    """With the same bits; without any whole checkpoint from the start."""
    path, said = tmp_path / "checkpoint.pt", []
    train(settings(), IMAGES, path, silent)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    last = phase_end(path, settings().phases[-1].name)
    last.write_bytes(b"")
    again = train(settings(), IMAGES, path, said.append)
    np.testing.assert_equal(again.record, whole[0].record)
    assert [line.partition(": ")[0] for line in said[:2]] == [str(path), str(last)]
    assert sum(": damaged: " in line for line in said) == 2


def test_a_loss_that_grows_without_bound_is_no_result(tmp_path):
    phases = [{"name": "float", "epochs": 3, "learning_rate": 1e30, "warm_up": 0}]
    with pytest.raises(UserError, match="phase 'float': the loss is not finite"):
        train(settings(phases=phases), IMAGES, tmp_path / "checkpoint.pt", silent)


def test_learning_rate_rises_and_falls_to_zero():
    phase = Phase(name="a", epochs=1, learning_rate=0.2, warm_up=0.25)
    rates = [learning_rate(phase, done) for done in (0, 0.125, 0.25, 0.625, 1)]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.1, 0])
    assert learning_rate(phase.model_copy(update={"warm_up": 0}), 0) == 0.2
    assert learning_rate(phase.model_copy(update={"warm_up": 1}), 1) == pytest.approx(0.2)
    half = phase.model_copy(update={"rate_left": 0.5})
    assert [learning_rate(half, done) for done in (0.25, 0.625, 1)] == pytest.approx(
        [0.2, 0.15, 0.1]
    )


def convolved(values, matrix, kernel, stride):
    """(images, inputs, height, width) by a matrix of (inputs x kernel x kernel, outputs)."""
    edge = kernel // 2
    padded = np.pad(values, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    images, _, height, width = windows.shape[:4]
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(images, height, width, -1)
    return (patches @ matrix).transpose(0, 3, 1, 2)


def halved(values):
    images, channels, height, width = values.shape
    return values.reshape(images, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))


@pytest.mark.parametrize("widths", [(4, 6, 6), (4, 6, 8)])
def test_what_is_exported_is_the_network(tmp_path, widths):
    """The network written anew in NumPy, from the file alone, gives the same scores."""
    chosen = settings(network={"widths": widths})
    trained = train(chosen, IMAGES, tmp_path / "checkpoint.pt", silent)
    stored = dataset(chosen, IMAGES.digest, trained)
    numbers = {name: index for index, name in enumerate(stored["layer"].values)}
    assert list(numbers) == [layer.name for layer in analog_layers(widths)]

    def product(name, values):
        index = numbers[name]
        matrix = stored[f"matrix_{index:03d}"].values
        kernel, stride = (int(stored[key][index]) for key in ("kernel", "stride"))
        return convolved(values, matrix, kernel, stride)

    def layer(name, values):
        parts = stored[f"norm_{numbers[name]:03d}"]
        scale, offset, mean, variance = (part.values[:, None, None] for part in parts)
        found = product(name, values)
        return scale * (found - mean) / np.sqrt(variance + stored.norm_epsilon) + offset

    def relu(values):
        return np.maximum(values, 0)

    def stage(name, values, side):
        return relu(side + layer(f"{name}b", relu(layer(f"{name}a", values))))

    mean, deviation = (
        stored[name].values[:, None, None] for name in ("image_mean", "image_deviation")
    )
    values = (IMAGES.test.pixels - mean) / deviation
    values = relu(layer("stem", relu(layer("prep", values))))
    values = stage("stage1", values, values)
    values = stage("stage2", values, layer("shortcut2", halved(values)))
    side = halved(values)
    values = stage("stage3", values, layer("shortcut3", side) if "shortcut3" in numbers else side)
    values = values.mean(axis=(2, 3), keepdims=True)
    last = numbers["classifier"]
    scores = product("classifier", values)[:, :, 0, 0] + stored[f"bias_{last:03d}"].values
    right = 100 * np.mean(scores.argmax(axis=1) == IMAGES.test.labels)
    assert right == stored.software_accuracy == trained.accuracy
    trained.network.eval()
    accuracy(trained.network, IMAGES.test, trained.normalise, None)  # sets ideal hardware
    with torch.no_grad():
        expected = trained.network(trained.normalise(torch.from_numpy(IMAGES.test.pixels)))
    np.testing.assert_allclose(scores, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_record_is_stored(whole):
    stored = dataset(settings(), "digest", whole[0])
    assert stored.sizes["epoch"] == 5
    looked_at = [not math.isnan(value) for value in stored["test_accuracy"].values]
    assert looked_at == [False, True, True, False, True]  # every second, and ends of phases
    assert stored.attrs["images"] == "digest"
    assert stored["noisy_accuracy"].sizes == {"draw": 3}
