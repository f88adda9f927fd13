"""Distance to a teacher is 0 at its answers, and pulls towards them elsewhere."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from aimcsim.training.loss import Loss  # noqa: E402

LABELS = torch.tensor([3, 1])
TAUGHT = torch.tensor([[0.0, 1, 2, 3], [5, -1, 0, 2]])


def test_without_a_teacher_it_is_cross_entropy():
    expected = functional.cross_entropy(TAUGHT, LABELS, label_smoothing=0.1)
    assert Loss(0.1)(TAUGHT, LABELS) == expected


def test_answers_of_the_teacher_are_at_no_distance():
    loss = Loss(0, share=1, temperature=4)
    assert loss(TAUGHT + 7, LABELS, TAUGHT).abs() < 1e-5  # scores count up to a constant


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_distance_is_the_divergence_of_answers(temperature):
    scores = torch.zeros(2, 4, requires_grad=True)
    loss = Loss(0, share=1, temperature=temperature)(scores, LABELS, TAUGHT)
    right = torch.softmax(TAUGHT / temperature, 1)
    expected = (right * (right * 4).log()).sum(1).mean() * temperature**2
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert torch.equal(scores.grad.argmin(1), TAUGHT.argmax(1))


def test_shares_of_both_add_up():
    own, far = (
        Loss(0, share=0)(TAUGHT * 0, LABELS, TAUGHT),
        Loss(0, share=1)(TAUGHT * 0, LABELS, TAUGHT),
    )
    torch.testing.assert_close(
        Loss(0, share=0.3)(TAUGHT * 0, LABELS, TAUGHT), 0.7 * own + 0.3 * far
    )
