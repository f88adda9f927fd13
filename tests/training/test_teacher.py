"""A teacher is asked once for each variation of the images, and without gradients."""

import pytest

torch = pytest.importorskip("torch")

from aimcsim.training import machine  # noqa: E402
from aimcsim.training.loop import train  # noqa: E402
from aimcsim.training.network import ResNet9  # noqa: E402
from aimcsim.training.settings import Phase  # noqa: E402
from aimcsim.training.teacher import Teacher  # noqa: E402
from tests.training.test_loop import IMAGES, TAUGHT, TEACHER, settings, silent  # noqa: E402


def test_it_answers_without_gradients():
    network = ResNet9((2, 3, 3), torch.Generator()).eval()
    images = torch.randn(2, 3, 16, 16)
    answer = machine.answer(settings(), network, torch.device("cpu"))
    assert not answer(images).requires_grad
    assert torch.equal(answer(images), network(images))


def test_what_it_keeps_is_what_it_said():
    """Answers in one place, as those of a recorded graph are, do not change what is kept."""
    place = torch.zeros(1)
    teacher = Teacher(lambda images: place.copy_(images), variations=2)
    said = [teacher.says(*key, torch.tensor([number])).item() for key, number in KEYS.items()]
    again = [teacher.says(*key, torch.tensor([-1.0])).item() for key in KEYS]
    assert said == again == list(KEYS.values())


KEYS = {(0, 0): 1.0, (0, 1): 2.0, (1, 0): 3.0}


@pytest.mark.parametrize(("variations", "distinct"), [(None, 4), (2, 2), (1, 1)])
def test_variations_come_again_and_are_asked_for_once(tmp_path, monkeypatch, variations, distinct):
    asked = []

    def answer(chosen, network, device):
        def scores(images):
            asked.append(images.clone())
            return torch.zeros(len(images), 10)

        return scores

    monkeypatch.setattr(machine, "answer", answer)
    phase = TAUGHT[-1] | {"epochs": 4, "variations": variations}
    augmentation = {"shift": 4, "flip": True, "cutout": 4}
    chosen = settings(teacher=TEACHER, phases=[phase], augmentation=augmentation)
    batches = len(IMAGES.train.labels) // chosen.batch
    train(chosen, IMAGES, tmp_path / "checkpoint.pt", silent)
    assert len(asked) == distinct * batches
    epochs = [torch.cat(asked[i : i + batches]) for i in range(0, len(asked), batches)]
    assert not any(torch.equal(epochs[0], other) for other in epochs[1:])


def test_variations_are_some():
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Phase(name="a", epochs=1, learning_rate=0.1, variations=0)
