"""What training runs on, and networks compiled for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from aimcsim.common.errors import UserError
from aimcsim.training.loss import Loss
from aimcsim.training.network import ResNet9
from aimcsim.training.settings import Training

Step = Callable[..., tuple[torch.Tensor, torch.Tensor]]
"""(images, labels, and the teacher's answers where there is one) -> mean loss, with its gradient's
graph, and how many are classified right."""

Answer = Callable[[torch.Tensor], torch.Tensor]
"""Images -> a teacher's scores, float32 (images, classes)."""

WARM_UP = 3
"""Steps before one is recorded, as PyTorch asks: libraries and optimisers set themselves up."""


def device(settings: Training) -> torch.device:
    """The device that ``settings`` choose.

    Raises
    ------
    UserError
        They ask for CUDA, and there is none.
    """
    found = torch.cuda.is_available()
    if settings.device == "cuda" and not found:
        raise UserError(
            "device: 'cuda', but PyTorch finds no CUDA device. Give 'auto' or 'cpu', or install "
            "PyTorch for CUDA on a machine that has one."
        )
    return torch.device("cuda" if found and settings.device != "cpu" else "cpu")


def step(
    settings: Training,
    network: ResNet9,
    loss: Loss,
    chosen: torch.device,
    say: Callable[[str], None],
) -> Step:
    """Forward pass and ``loss``, compiled where ``settings`` and the machine allow it.

    What changes from step to step enters as tensors, noise and ranges as buffers of the network:
    numbers would be compiled in, and each new one compiled anew.

    Raises
    ------
    UserError
        ``compile`` is true, and the machine cannot.
    """

    def run(
        values: torch.Tensor, labels: torch.Tensor, taught: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with _precision(settings, chosen):
            scores = network(values)
        scores = scores.float()
        return loss(scores, labels, taught), (scores.argmax(1) == labels).sum()

    if settings.compile is not False:
        torch.compiler.reset()  # what phases before compiled would count as too many kinds
    return _compiled(run, settings, chosen, say)


def answer(settings: Training, teacher: ResNet9, chosen: torch.device) -> Answer:
    """What ``teacher`` says of images, without gradients; compiled as :func:`step` is, after it."""

    @torch.no_grad()
    def run(values: torch.Tensor) -> torch.Tensor:
        with _precision(settings, chosen):
            scores = teacher(values)
        return scores.float()

    return _compiled(run, settings, chosen, lambda _: None)  # the step has said what there is


def _precision(settings: Training, chosen: torch.device) -> AbstractContextManager:
    if settings.precision == "float32":
        return nullcontext()
    return torch.autocast(chosen.type, torch.bfloat16)


def _compiled(
    run: Callable, settings: Training, chosen: torch.device, say: Callable[[str], None]
) -> Callable:
    """``run``, compiled where ``settings`` and the machine allow it."""
    if settings.compile is False:
        return run
    hindrance = _hindrance(chosen)
    if not hindrance:
        return torch.compile(run, fullgraph=True, dynamic=False)
    if settings.compile is True:
        raise UserError(
            f"compile: true, but PyTorch cannot compile here ({hindrance}). Install a C++ "
            "compiler, such as g++, or give 'auto' or false."
        )
    say(f"compile: PyTorch cannot compile here ({hindrance}); training goes on uncompiled, slower")
    return run


class Recorded:
    """Work that a CUDA device repeats by itself: Python starts it and does not wait.

    A step of learning is some hundreds of kernels of a few microseconds, less than Python takes to
    launch them. They are recorded once, as one CUDA graph, with the tensors that they read and
    write: weights, state of the optimisers, learning rates, and the images, labels and answers that
    each call copies in.
    """

    def __init__(self, work: Callable):
        self._work = work
        self._stream = torch.cuda.Stream()
        self._seen = 0
        self._graph = torch.cuda.CUDAGraph()

    def __call__(self, *inputs: torch.Tensor) -> Any:
        """Once; what it returns holds until the next."""
        self._seen += 1
        if self._seen <= WARM_UP:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                found = self._work(*inputs)
            torch.cuda.current_stream().wait_stream(self._stream)
            return found
        if self._seen == WARM_UP + 1:
            self._inputs = [values.clone() for values in inputs]
            with torch.cuda.graph(self._graph):  # records, and computes nothing
                self._found = self._work(*self._inputs)
        for own, values in zip(self._inputs, inputs, strict=True):
            own.copy_(values)
        self._graph.replay()
        return self._found


def _hindrance(chosen: torch.device) -> str:
    """Why PyTorch cannot compile for a device, found by trying; empty where it can."""
    try:
        torch.compile(lambda values: values.sin() + 1)(torch.zeros(64, device=chosen))
    except Exception as error:  # whatever a compiler that is missing or broken leads to
        return str(error).strip().split("\n")[0] or type(error).__name__
    return ""
