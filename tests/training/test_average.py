"""The running mean of weights is the mean of what it saw, and a phase ends with it."""

import pytest

torch = pytest.importorskip("torch")

from aimcsim.training.average import Average  # noqa: E402
from aimcsim.training.loop import train  # noqa: E402
from aimcsim.training.network import ResNet9  # noqa: E402
from tests.training.test_loop import IMAGES, settings, silent  # noqa: E402


def network() -> ResNet9:
    return ResNet9((2, 3, 3), torch.Generator().manual_seed(0))


def followed(steps: float, values: list[float]) -> float:
    """What an average of ``steps`` makes of a network whose values are all ``values`` in turn."""
    source = network()
    average = Average(source, steps)
    for value in values:
        for part in source.state_dict().values():
            part.fill_(value)
        average.update()
    means = [
        part.flatten() for part in average.network.state_dict().values() if part.is_floating_point()
    ]
    (mean,) = torch.cat(means).unique().tolist()
    return mean


def test_it_is_the_mean_at_first_and_forgets_later():
    assert followed(100, [4.0, 6.0, 8.0]) == pytest.approx(6)
    assert followed(2, [4.0, 6.0, 8.0]) == pytest.approx((5 + 8) / 2)
    assert followed(0.5, [4.0, 6.0, 8.0]) == 8  # no more than the last


def test_the_network_that_it_follows_is_left_alone():
    source = network()
    before = {name: value.clone() for name, value in source.state_dict().items()}
    Average(source, 2).update()
    assert all(torch.equal(before[name], value) for name, value in source.state_dict().items())


def test_a_phase_ends_with_its_average(tmp_path):
    """Averaged over no more than a step, it ends as without; over all, elsewhere."""

    def end(average_epochs):
        phases = [
            {"name": "a", "epochs": 2, "learning_rate": 0.05, "average_epochs": average_epochs}
        ]
        path = tmp_path / f"{average_epochs}.pt"
        return train(settings(phases=phases), IMAGES, path, silent)

    plain, one, whole = (end(epochs) for epochs in (0, 1e-9, 2))
    weights = [part.network.analog["stem"].weight for part in (plain, one, whole)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert [row["training_loss"] for row in plain.record] == [
        row["training_loss"] for row in whole.record
    ]
    assert whole.accuracy == whole.record[-1]["test_accuracy"]
