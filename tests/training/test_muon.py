"""Muon turns every direction of a matrix alike, and keeps the norm of the weights."""

import pytest

torch = pytest.importorskip("torch")

from aimcsim.training.loop import train  # noqa: E402
from aimcsim.training.muon import Muon, orthogonal  # noqa: E402
from tests.images import small  # noqa: E402
from tests.training.test_loop import settings, silent  # noqa: E402


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (8, 8)])
def test_singular_values_come_near_to_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    first, values, second = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(matrix)
    # The nearest orthogonal matrix is that of the singular vectors.
    _, lifted, _ = torch.linalg.svd(found)
    clear = int((values > 0.05 * values[0]).sum())
    assert 0.5 < lifted[:clear].min() <= lifted.max() < 1.3
    assert (found * (first @ second)).sum() > 0.9 * found.norm() * (first @ second).norm()


def test_a_step_turns_the_weights_by_its_rate():
    generator = torch.Generator().manual_seed(1)
    weight = torch.nn.Parameter(torch.randn(6, 4, 3, 3, generator=generator))
    optimiser = Muon([weight], lr=0.0, momentum=0.9)
    weight.grad = torch.randn(weight.shape, generator=generator)
    optimiser.step()
    assert weight.norm().item() == pytest.approx(6**0.5, rel=1e-5)
    before = weight.detach().clone()
    optimiser.param_groups[0]["lr"] = 0.05
    optimiser.step()
    assert weight.norm().item() == pytest.approx(6**0.5, rel=1e-5)
    assert 0.03 < (weight - before).norm().item() / 6**0.5 < 0.07
    assert ((weight - before) * weight.grad).sum() < 0


def test_a_gradient_of_zero_moves_nothing():
    weight = torch.nn.Parameter(torch.ones(2, 2, 1, 1))
    optimiser = Muon([weight], lr=0.1, momentum=0.9)
    weight.grad = torch.zeros_like(weight)
    optimiser.step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2, 1, 1), 0.5**0.5))


def test_a_network_learns_with_it(tmp_path):
    phases = [{"name": "float", "epochs": 8, "learning_rate": 0.1}]
    chosen = settings(phases=phases, optimiser="muon")
    trained = train(chosen, small(300, 100), tmp_path / "checkpoint.pt", silent)
    assert trained.accuracy > 60  # 10 by chance


def test_a_phase_may_have_another_optimiser(tmp_path):
    """After Muon the weights' norm is sqrt(outputs); along the gradient it is not kept."""
    phases = [
        {"name": name, "epochs": 1, "learning_rate": 0.1, **own}
        for name, own in (("turns", {}), ("gradient", {"optimiser": "sgd"}))
    ]
    found = []
    for count in (1, 2):
        chosen = settings(phases=phases[:count], optimiser="muon")
        trained = train(chosen, small(), tmp_path / f"{count}.pt", silent)
        weight = trained.network.analog["stem"].weight
        found.append(weight.norm().item() / len(weight) ** 0.5)
    assert found[0] == pytest.approx(1, rel=1e-5)
    assert abs(found[1] - 1) > 1e-3
