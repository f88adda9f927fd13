"""The compiled network is the same network, and where there is no compiler training says so."""

import functools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aimcsim.common.errors import UserError  # noqa: E402
from aimcsim.training import machine  # noqa: E402
from aimcsim.training.loop import train  # noqa: E402
from aimcsim.training.loss import Loss  # noqa: E402
from aimcsim.training.network import BatchNorm, ResNet9  # noqa: E402
from tests.training.test_loop import IMAGES, settings, silent  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture
def no_compiler(monkeypatch):
    """Compiling fails, as it does without a C++ compiler."""

    def fail(*arguments, **options):
        raise RuntimeError("no C++ compiler\nwith details")

    monkeypatch.setattr(torch, "compile", fail)


def test_compiled_is_what_is_written_and_compiled_once(monkeypatch):
    """The same losses, gradients and statistics, but for how sums are ordered.

    Noise and ranges that change, as they do from step to step, compile nothing anew. Traced and
    guarded as for the compiler, but not compiled: that takes a minute.
    """
    traced = functools.partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    generator = torch.Generator().manual_seed(1)
    images, labels = torch.randn(3, 8, 3, 16, 16, generator=generator), torch.arange(8)
    plain, compiled = (
        ResNet9((4, 6, 6), torch.Generator().manual_seed(0)).train() for _ in range(2)
    )
    steps = []
    for network, chosen in ((plain, False), (compiled, True)):
        network.set_converters(8, 0.01)
        steps.append(machine.step(settings(compile=chosen), network, Loss(0.05), CPU, silent))
    torch._dynamo.utils.counters.clear()
    for index in range(3):
        results = []
        for network, step in zip((plain, compiled), steps, strict=True):
            network.zero_grad()
            network.draw_noise(0.02 * index, torch.Generator().manual_seed(index))
            for layer in network.layers():
                layer.input_range.fill_(4 + index)
                layer.output_range.fill_(5 + index)
            loss, right = step(images[index], labels)
            loss.backward()
            gradients = [part.grad for part in network.parameters()]
            results.append([loss.detach(), right, *gradients, *network.buffers()])
        torch.testing.assert_close(*results, rtol=0.02, atol=0.02)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_one_pass_batch_norm_is_batch_norm(monkeypatch):
    generator = torch.Generator().manual_seed(1)
    values = 2 + 3 * torch.randn(8, 5, 6, 6, generator=generator)
    ours, reference = BatchNorm(5), torch.nn.BatchNorm2d(5)
    for norm in (ours, reference):
        norm.weight.data.copy_(torch.arange(1.0, 6))
        norm.bias.data.copy_(torch.arange(5.0))
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(ours(values), reference(values), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.running_mean, reference.running_mean)
    torch.testing.assert_close(ours.running_var, reference.running_var, rtol=1e-4, atol=1e-4)


def test_without_a_compiler_training_goes_on(no_compiler):
    said = []
    network = ResNet9((2, 3, 3), torch.Generator())
    step = machine.step(settings(compile="auto"), network, Loss(0), CPU, said.append)
    loss, right = step(torch.zeros(2, 3, 32, 32), torch.zeros(2, dtype=torch.int64))
    assert loss > 0
    assert 0 <= right <= 2
    (line,) = said
    assert "(no C++ compiler)" in line


def test_a_compiler_that_is_asked_for_and_missing_is_named(no_compiler):
    network = ResNet9((2, 3, 3), torch.Generator())
    with pytest.raises(UserError, match="true, but PyTorch cannot compile here"):
        machine.step(settings(compile=True), network, Loss(0), CPU, silent)


def test_a_device_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="device: 'cuda', but PyTorch finds no CUDA device"):
        machine.device(settings(device="cuda"))
    assert machine.device(settings()) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert machine.device(settings()) == torch.device("cuda")
    assert machine.device(settings(device="cpu")) == CPU


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_recorded_training_is_the_training(tmp_path, monkeypatch):
    """Weights, state of the optimisers and record, to rounding; and again, to the bit."""
    chosen = settings(device="cuda", optimiser="muon")
    recorded, again = (train(chosen, IMAGES, tmp_path / f"{n}.pt", silent) for n in range(2))
    monkeypatch.setattr(machine, "Recorded", lambda step: step)
    plain = train(chosen, IMAGES, tmp_path / "plain.pt", silent)
    first, second, third = (one.network.state_dict() for one in (recorded, again, plain))
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        torch.testing.assert_close(value, third[name], rtol=1e-3, atol=1e-3)
    np.testing.assert_equal(recorded.record, again.record)
