"""Epochs, phases, and going on where a kill left them."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from aimcsim.common.errors import UserError
from aimcsim.networks.cifar10 import Cifar10, Images
from aimcsim.training import checkpoint as checkpoints
from aimcsim.training import machine
from aimcsim.training.analog import RANGE_IMAGES, RANGE_MOMENTUM
from aimcsim.training.average import Average
from aimcsim.training.checkpoint import Checkpoint
from aimcsim.training.images import Normaliser, TrainingBatches, statistics
from aimcsim.training.loss import Loss
from aimcsim.training.muon import Muon
from aimcsim.training.network import CLASSIFIER, ResNet9
from aimcsim.training.settings import Phase, Training
from aimcsim.training.teacher import Teacher

_JUDGED_AT_ONCE = 500
"""Images per pass without gradients: bounds memory, changes no result."""

MUON_SHARE = 0.2
"""Muon's learning rate as share of what the rest of the network learns with."""


@dataclass(frozen=True)
class Trained:
    """A network at the end of its training."""

    network: ResNet9
    normalise: Normaliser
    record: list[dict[str, float]]
    """One row per epoch."""
    accuracy: float
    """Accuracy on the test images in float32, without converters and noise, percent."""
    converter_accuracy: float
    """The same with the last phase's converters."""
    noisy_accuracy: list[float]
    """The same with converters, at each draw of the last phase's weight noise."""


def learning_rate(phase: Phase, done: float) -> float:
    """Learning rate after the share ``done`` of a phase: up linearly, down as half a cosine."""
    left = phase.rate_left
    if done < phase.warm_up:
        return phase.learning_rate * done / phase.warm_up
    rest = (done - phase.warm_up) / max(1 - phase.warm_up, np.finfo(float).tiny)
    return phase.learning_rate * (left + (1 - left) * (1 + math.cos(math.pi * min(rest, 1))) / 2)


def generator_of(
    settings: Training, *address: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator that depends on the seed, an address and the kind of device alone."""
    words = np.random.SeedSequence((settings.seed, *address)).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(words[0] >> np.uint64(1)))


def train(
    settings: Training,
    images: Cifar10,
    path: Path,
    say: Callable[[str], None] = tqdm.write,
) -> Trained:
    """Train ResNet-9, from the checkpoint at ``path`` on where there is one.

    Parameters
    ----------
    settings : what to train, and how. The threads of PyTorch are set for the whole process.
    images : CIFAR-10
    path : checkpoint, written after every epoch. What a phase ends with stays beside it, as
        ``<stem>.<phase>.pt``.
    say : takes one line per epoch

    Raises
    ------
    UserError
        The checkpoint belongs to other settings, or the loss is not finite.
    """
    torch.set_num_threads(settings.threads)
    torch.backends.cudnn.deterministic = True  # the same weights whenever it is run again
    device = machine.device(settings)
    normalise = Normaliser(*statistics(images.train), device)
    network = ResNet9(settings.network.widths, generator_of(settings, 0))
    network.to(device, memory_format=torch.channels_last)
    state = checkpoints.latest(path, settings, images.digest, say) or Checkpoint(
        {}, images.digest, 0, 0, network.state_dict(), None, []
    )
    network.load_state_dict(state.network)
    state.settings = checkpoints.plain(settings)
    if state.record:
        say(f"{path}: {len(state.record)} epochs are done")
    teacher = None
    if any(phase.distilled for phase in settings.phases[state.phase :]):
        teacher = _teacher(settings, images, path, say)
    while state.phase < len(settings.phases):
        phase = settings.phases[state.phase]
        own = settings.of(phase)
        loss = Loss(own.label_smoothing)
        if phase.distilled:
            loss = Loss(own.label_smoothing, phase.distilled, settings.temperature)
        batches = TrainingBatches(images.train, own.augmentation, own.batch, normalise)
        _Run(own, images, path, say, normalise, batches, network, loss, state).phase(phase, teacher)
    last = settings.phases[-1]

    def judge(bits: int | None) -> float:
        return accuracy(network, images.test, normalise, bits)

    found, converter_found = judge(None), judge(last.converter_bits)
    noisy = []
    for draw in range(settings.noise_draws if last.weight_noise else 0):
        network.draw_noise(last.weight_noise, generator_of(settings, 3, draw))
        noisy.append(judge(last.converter_bits))
    network.draw_noise(0)
    return Trained(network, normalise, state.record, found, converter_found, noisy)


def _teacher(
    settings: Training, images: Cifar10, path: Path, say: Callable[[str], None]
) -> ResNet9:
    """The teacher at the end of its training, whose checkpoint lies beside that at ``path``.

    It answers without noise and without converters.
    """
    assert settings.teacher is not None  # checked with the settings
    own = settings.teacher.model_copy(
        update={name: getattr(settings, name) for name in ("threads", "device", "compile")}
    )
    trained = train(
        own, images, path.with_suffix(".teacher.pt"), lambda line: say(f"teacher {line}")
    )
    say(f"teacher: {trained.accuracy:.2f} % of the test images")
    trained.network.set_converters(None)
    return trained.network.eval().requires_grad_(False)


@torch.no_grad()
def accuracy(
    network: ResNet9, images: Images, normalise: Normaliser, converter_bits: int | None
) -> float:
    """Share of ``images`` that the network classifies right, percent, in float32.

    The noise on its weights is that of the last draw.
    """
    network.eval()
    network.set_converters(converter_bits)
    right = 0
    for start in range(0, len(images.labels), _JUDGED_AT_ONCE):
        chosen = slice(start, start + _JUDGED_AT_ONCE)
        scores = network(normalise(torch.from_numpy(images.pixels[chosen])))
        right += int((scores.argmax(1).cpu() == torch.from_numpy(images.labels[chosen])).sum())
    return 100.0 * right / len(images.labels)


def _learning(
    forward: machine.Step,
    network: ResNet9,
    optimisers: Sequence[torch.optim.Optimizer],
    clip_sigmas: float | None,
) -> machine.Step:
    """``forward`` and what follows from its loss: gradients, the optimisers' steps, clipping."""

    def step(*batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        network.zero_grad()
        loss, right = forward(*batch)
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        if clip_sigmas:
            for layer in network.layers():
                layer.clip(clip_sigmas)
        return loss.detach(), right

    return step


@dataclass
class _Run:
    """A phase of a training under way."""

    settings: Training
    """Those of the phase."""
    images: Cifar10
    path: Path
    say: Callable[[str], None]
    normalise: Normaliser
    batches: TrainingBatches
    network: ResNet9
    loss: Loss
    state: Checkpoint

    def phase(self, phase: Phase, teacher: ResNet9 | None) -> None:
        """Run what is left of ``phase``; ``teacher`` is asked where the phase is distilled."""
        optimisers, average = self._optimisers(), None
        if phase.average_epochs:
            average = Average(self.network, phase.average_epochs * len(self.batches))
        if self.state.optimiser:
            for optimiser, state in zip(optimisers, self.state.optimiser, strict=True):
                own = optimiser.state_dict()["param_groups"]  # the settings' are the same
                optimiser.load_state_dict({"state": state["state"], "param_groups": own})
            if average and self.state.average:
                average.load_state_dict(self.state.average)
        elif phase.converter_bits and not self._ranges_known():
            self._calibrate()
        if self.state.epoch < phase.epochs:
            device = self.normalise.mean.device
            forward = machine.step(self.settings, self.network, self.loss, device, self.say)
            recorded = machine.Recorded if device.type == "cuda" else lambda work: work
            step = recorded(_learning(forward, self.network, optimisers, phase.clip_sigmas))
            asked = None
            if phase.distilled and teacher is not None:
                answer = recorded(machine.answer(self.settings, teacher, device))
                asked = Teacher(answer, phase.variations)
            while self.state.epoch < phase.epochs:
                self._epoch(phase, step, asked, optimisers, average)
        if average:
            self.network.load_state_dict(average.network.state_dict())
            self.state.network = self.network.state_dict()
        self.state.phase += 1
        self.state.epoch, self.state.optimiser, self.state.average = 0, None, None
        checkpoints.save(self.state, checkpoints.phase_end(self.path, phase.name))
        checkpoints.save(self.state, self.path)

    def _epoch(
        self,
        phase: Phase,
        step: machine.Step,
        teacher: Teacher | None,
        optimisers: list[torch.optim.Optimizer],
        average: Average | None,
    ) -> None:
        begin, address = time.monotonic(), (self.state.phase, self.state.epoch)
        loss, right = self._pass(phase, step, teacher, optimisers, average, address)
        self.state.epoch += 1
        row = {
            "phase": float(self.state.phase),
            "learning_rate": learning_rate(phase, address[1] / phase.epochs),
            "training_loss": loss,
            "training_accuracy": right,
            "test_accuracy": math.nan,
        }
        if self.state.epoch % self.settings.test_every == 0 or self.state.epoch == phase.epochs:
            judged = average.network if average else self.network
            row["test_accuracy"] = accuracy(
                judged, self.images.test, self.normalise, phase.converter_bits
            )
        self.state.record.append(row)
        self.state.network = self.network.state_dict()
        self.state.optimiser = [optimiser.state_dict() for optimiser in optimisers]
        self.state.average = average.state_dict() if average else None
        checkpoints.save(self.state, self.path)
        self.say(
            f"{phase.name} {self.state.epoch}/{phase.epochs}: loss {loss:.4f}, training "
            f"{right:.2f} %, test {row['test_accuracy']:.2f} %, {time.monotonic() - begin:.1f} s"
        )

    def _pass(
        self,
        phase: Phase,
        step: machine.Step,
        teacher: Teacher | None,
        optimisers: list[torch.optim.Optimizer],
        average: Average | None,
        address: tuple[int, int],
    ) -> tuple[float, float]:
        """One pass over the training images: mean loss, and accuracy in percent."""
        network = self.network
        network.train()
        network.set_converters(phase.converter_bits, RANGE_MOMENTUM if phase.converter_bits else 0)
        number, epoch = address
        variation = epoch % phase.variations if phase.variations else epoch
        drawn = self.batches.epoch(generator_of(self.settings, 2, number, variation))
        noise = generator_of(self.settings, 1, *address, device=self.normalise.mean.device)
        losses = right = seen = 0
        title = f"{phase.name} {epoch + 1}/{phase.epochs}"
        # disable=None: a bar on a terminal, nothing in a file.
        bar = tqdm(drawn, title, len(self.batches), leave=False, unit="batch", disable=None)
        for index, (values, labels) in enumerate(bar):
            done = (epoch + (index + 0.5) / len(self.batches)) / phase.epochs
            rate = learning_rate(phase, done)
            for optimiser in optimisers:
                share = MUON_SHARE if isinstance(optimiser, Muon) else 1.0
                for group in optimiser.param_groups:
                    group["lr"].fill_(share * rate)
            if phase.weight_noise:
                network.draw_noise(phase.weight_noise, noise)
            taught = () if teacher is None else (teacher.says(variation, index, values),)
            loss, found = step(values, labels, *taught)
            if average:
                average.update()
            # As tensors: numbers would wait for the device at every step.
            losses = losses + loss.double() * len(labels)
            right = right + found
            seen += len(labels)
        network.draw_noise(0)
        loss_sum, right_sum = float(losses), int(right)
        if not math.isfinite(loss_sum):
            raise UserError(
                f"phase '{phase.name}': the loss is not finite in epoch {epoch + 1}. Make "
                "its learning_rate smaller, and delete the checkpoint to start anew."
            )
        return loss_sum / seen, 100.0 * right_sum / seen

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        """Muon for convolutions where chosen; Nesterov momentum for all else.

        Weights decay, batch norm and bias do not. Learning rates are tensors, which a step that is
        recorded reads anew.
        """
        settings, layers = self.settings, self.network.analog
        rate = torch.zeros((), device=self.normalise.mean.device)
        convolutions = [layer.weight for name, layer in layers.items() if name != CLASSIFIER]
        weights = [layers[CLASSIFIER].weight]
        optimisers = []
        if settings.optimiser == "muon":
            optimisers.append(Muon(convolutions, rate.clone(), settings.momentum))
        else:
            weights = convolutions + weights
        chosen = {id(weight) for weight in convolutions + weights}
        others = [part for part in self.network.parameters() if id(part) not in chosen]
        groups = [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimisers.append(
            torch.optim.SGD(groups, rate, momentum=settings.momentum, nesterov=True, fused=True)
        )
        return optimisers

    def _ranges_known(self) -> bool:
        return all(bool(layer.input_range > 0) for layer in self.network.layers())

    @torch.no_grad()
    def _calibrate(self) -> None:
        """First ranges of the converters, from training images as they are."""
        pixels = torch.from_numpy(self.images.train.pixels[: self.settings.calibration_images])
        self.network.eval()
        for index, part in enumerate(pixels.split(RANGE_IMAGES)):
            self.network.set_converters(None, 1 / (1 + index))
            self.network(self.normalise(part))
