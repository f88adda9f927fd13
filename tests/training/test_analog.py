"""An analog layer is the matrix that is exported, between converters, with noise."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from aimcsim.networks.resnet9_layers import AnalogLayer  # noqa: E402
from aimcsim.training.analog import Analog, converted  # noqa: E402


def layer(inputs=3, outputs=200, kernel=3, stride=1, seed=0):
    description = AnalogLayer("some", inputs, outputs, kernel, stride)
    return Analog(description, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 1)])
def test_convolution_is_its_matrix_on_patches(kernel, stride):
    analog = layer(4, 5, kernel, stride)
    images = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    patches = functional.unfold(images, kernel, padding=kernel // 2, stride=stride)
    matrix = analog.weight.detach().reshape(5, -1).T
    assert matrix.shape == (analog.layer.rows, analog.layer.columns)
    expected = (patches.transpose(1, 2) @ matrix).transpose(1, 2)
    torch.testing.assert_close(analog(images).flatten(2), expected)


def test_converter_has_its_levels_and_clips():
    values = torch.linspace(-3, 3, 100_001)
    found = converted(values, torch.tensor(2.0), 4)
    assert len(found.unique()) == 15
    assert found.abs().max() == 2
    inside = values.abs() <= 2
    assert (found - values)[inside].abs().max() <= 1 / 7 + 1e-6  # half a step of 2 / 7


def test_gradient_passes_where_nothing_is_clipped():
    values = torch.tensor([-3.0, -1.9, 0.1, 1.9, 3.0], requires_grad=True)
    converted(values, torch.tensor(2.0), 4).backward(torch.arange(1.0, 6))
    assert values.grad.tolist() == [0, 2, 3, 4, 0]


def test_noise_is_a_share_of_the_largest_weight_and_drawn_anew():
    analog = layer(outputs=2000)
    generator = torch.Generator().manual_seed(2)
    images = torch.eye(27).reshape(27, 3, 3, 3)  # each picks one row of the matrix, at the centre
    clean = analog(images)[:, :, 1, 1]

    def error():
        analog.set_noise(torch.randn(analog.weight.numel(), generator=generator), 0.1)
        return analog(images)[:, :, 1, 1] - clean

    first, second = error(), error()
    share = first.std() / analog.weight.abs().max()
    assert abs(share - 0.1) < 4 * 0.1 / np.sqrt(2 * first.numel())
    assert abs(torch.corrcoef(torch.stack([first.ravel(), second.ravel()]))[0, 1]) < 0.02
    analog.noise.zero_()
    assert torch.equal(analog(images)[:, :, 1, 1], clean)


def test_a_step_changes_the_clean_weights_only():
    analog, clean = layer(), layer()
    analog.set_noise(torch.ones(analog.weight.numel()), 0.1)
    analog.converter_bits = 8
    analog.input_range.fill_(3)
    analog.output_range.fill_(3)
    analog(torch.ones(1, 3, 8, 8)).sum().backward()
    assert analog.weight.grad.abs().max() > 0
    assert torch.equal(analog.weight, clean.weight)


def test_noise_is_no_part_of_what_is_kept():
    analog = layer()
    analog.set_noise(torch.ones(analog.weight.numel()), 0.1)
    assert set(analog.state_dict()) == {"weight", "input_range", "output_range"}


def test_clipping_bounds_the_weights_by_their_spread():
    analog = layer()
    spread = analog.weight.std().item()
    analog.clip(1.5)
    assert analog.weight.abs().max().item() == pytest.approx(1.5 * spread)


def test_ranges_are_means_over_images_of_the_largest_magnitude():
    analog = layer(1, 1, 1)
    analog.weight.data.fill_(-2)
    images = torch.zeros(2, 1, 4, 4)
    images[0, 0, 1, 1], images[1, 0, 2, 0] = 3, -1
    analog.range_momentum = 1
    analog(images)
    assert (analog.input_range.item(), analog.output_range.item()) == (2, 4)
    analog.range_momentum = 0.25
    analog(images * 0)
    assert analog.input_range.item() == 1.5
    analog.range_momentum = 0
    analog(images)
    assert analog.input_range.item() == 1.5
