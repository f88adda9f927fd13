"""Epochs, phases, and going on where a kill left them."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from aimcsim.common.errors import UserError
from aimcsim.networks.cifar10 import Cifar10, Images
from aimcsim.training import checkpoint as checkpoints
from aimcsim.training.analog import RANGE_IMAGES, RANGE_MOMENTUM, Hardware
from aimcsim.training.checkpoint import Checkpoint
from aimcsim.training.images import Normaliser, TrainingBatches, statistics
from aimcsim.training.network import ResNet9
from aimcsim.training.settings import Phase, Training

_JUDGED_AT_ONCE = 500
"""Images per pass without gradients: bounds memory, changes no result."""


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
    if done < phase.warm_up:
        return phase.learning_rate * done / phase.warm_up
    rest = (done - phase.warm_up) / max(1 - phase.warm_up, np.finfo(float).tiny)
    return phase.learning_rate * (1 + math.cos(math.pi * min(rest, 1))) / 2


def generator_of(settings: Training, *address: int) -> torch.Generator:
    """A generator that depends on the seed and an address alone."""
    words = np.random.SeedSequence((settings.seed, *address)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


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
    normalise = Normaliser(*statistics(images.train))
    network = ResNet9(settings.network.widths, generator_of(settings, 0))
    network.to(memory_format=torch.channels_last)
    state = checkpoints.load(path, settings, images.digest) or Checkpoint(
        {}, images.digest, 0, 0, network.state_dict(), None, []
    )
    network.load_state_dict(state.network)
    state.settings = checkpoints.plain(settings)
    if state.record:
        say(f"{path}: {len(state.record)} epochs are done")
    while state.phase < len(settings.phases):
        phase = settings.phases[state.phase]
        own = settings.of(phase)
        batches = TrainingBatches(images.train, own.augmentation, own.batch, normalise)
        _Run(own, images, path, say, normalise, batches, network, state).phase(phase)
    last = settings.phases[-1]

    def judge(judged: ResNet9, bits: int | None) -> float:
        return accuracy(judged, images.test, normalise, bits)

    draws = range(settings.noise_draws if last.weight_noise else 0)
    return Trained(
        network,
        normalise,
        state.record,
        judge(network, None),
        judge(network, last.converter_bits),
        [
            judge(
                network.perturbed(last.weight_noise, generator_of(settings, 3, draw)),
                last.converter_bits,
            )
            for draw in draws
        ],
    )


@torch.no_grad()
def accuracy(
    network: ResNet9, images: Images, normalise: Normaliser, converter_bits: int | None
) -> float:
    """Share of ``images`` that the network classifies right, percent, in float32."""
    network.eval()
    network.set_hardware(Hardware(converter_bits=converter_bits))
    network.set_range_momentum(0)
    right = 0
    for start in range(0, len(images.labels), _JUDGED_AT_ONCE):
        chosen = slice(start, start + _JUDGED_AT_ONCE)
        scores = network(normalise(torch.from_numpy(images.pixels[chosen])))
        right += int((scores.argmax(1) == torch.from_numpy(images.labels[chosen])).sum())
    return 100.0 * right / len(images.labels)


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
    state: Checkpoint

    def phase(self, phase: Phase) -> None:
        """Run what is left of ``phase``."""
        optimiser = self._optimiser()
        if self.state.optimiser:
            optimiser.load_state_dict(self.state.optimiser)
        elif phase.converter_bits and not self._ranges_known():
            self._calibrate()
        while self.state.epoch < phase.epochs:
            self._epoch(phase, optimiser)
        self.state.phase += 1
        self.state.epoch, self.state.optimiser = 0, None
        checkpoints.save(self.state, self.path.with_suffix(f".{phase.name}.pt"))
        checkpoints.save(self.state, self.path)

    def _epoch(self, phase: Phase, optimiser: torch.optim.Optimizer) -> None:
        begin, address = time.monotonic(), (self.state.phase, self.state.epoch)
        hardware = Hardware(
            phase.weight_noise, phase.converter_bits, generator_of(self.settings, 1, *address)
        )
        loss, right = self._pass(phase, optimiser, hardware, address)
        self.state.epoch += 1
        row = {
            "phase": float(self.state.phase),
            "learning_rate": learning_rate(phase, address[1] / phase.epochs),
            "training_loss": loss,
            "training_accuracy": right,
            "test_accuracy": math.nan,
        }
        if self.state.epoch % self.settings.test_every == 0 or self.state.epoch == phase.epochs:
            row["test_accuracy"] = accuracy(
                self.network, self.images.test, self.normalise, phase.converter_bits
            )
        self.state.record.append(row)
        self.state.network = self.network.state_dict()
        self.state.optimiser = optimiser.state_dict()
        checkpoints.save(self.state, self.path)
        self.say(
            f"{phase.name} {self.state.epoch}/{phase.epochs}: loss {loss:.4f}, training "
            f"{right:.2f} %, test {row['test_accuracy']:.2f} %, {time.monotonic() - begin:.0f} s"
        )

    def _pass(
        self,
        phase: Phase,
        optimiser: torch.optim.Optimizer,
        hardware: Hardware,
        address: tuple[int, int],
    ) -> tuple[float, float]:
        """One pass over the training images: mean loss, and accuracy in percent."""
        network, settings = self.network, self.settings
        network.train()
        network.set_hardware(hardware)
        network.set_range_momentum(RANGE_MOMENTUM if phase.converter_bits else 0)
        lower = settings.precision == "bfloat16"
        losses = right = seen = 0
        drawn = self.batches.epoch(generator_of(settings, 2, *address))
        title = f"{phase.name} {address[1] + 1}/{phase.epochs}"
        # disable=None: a bar on a terminal, nothing in a file.
        bar = tqdm(drawn, title, len(self.batches), leave=False, unit="batch", disable=None)
        for index, (values, labels) in enumerate(bar):
            done = (address[1] + (index + 0.5) / len(self.batches)) / phase.epochs
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(phase, done)
            with torch.autocast("cpu", torch.bfloat16) if lower else contextlib.nullcontext():
                scores = network(values)
            scores = scores.float()
            loss = functional.cross_entropy(
                scores, labels, label_smoothing=settings.label_smoothing
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if phase.clip_sigmas:
                for layer in network.layers():
                    layer.clip(phase.clip_sigmas)
            losses += float(loss.detach()) * len(labels)
            right += int((scores.argmax(1) == labels).sum())
            seen += len(labels)
        if not math.isfinite(losses):
            raise UserError(
                f"phase '{phase.name}': the loss is not finite in epoch {address[1] + 1}. Make "
                "its learning_rate smaller, and delete the checkpoint to start anew."
            )
        return losses / seen, 100.0 * right / seen

    def _optimiser(self) -> torch.optim.Optimizer:
        """Nesterov momentum; weights decay, batch norm and bias do not."""
        weights = [layer.weight for layer in self.network.layers()]
        chosen = {id(weight) for weight in weights}
        others = [part for part in self.network.parameters() if id(part) not in chosen]
        groups = [
            {"params": weights, "weight_decay": self.settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.SGD(groups, lr=1.0, momentum=self.settings.momentum, nesterov=True)

    def _ranges_known(self) -> bool:
        return all(bool(layer.input_range > 0) for layer in self.network.layers())

    @torch.no_grad()
    def _calibrate(self) -> None:
        """First ranges of the converters, from training images as they are."""
        pixels = torch.from_numpy(self.images.train.pixels[: self.settings.calibration_images])
        self.network.eval()
        self.network.set_hardware(Hardware())
        for index, part in enumerate(pixels.split(RANGE_IMAGES)):
            self.network.set_range_momentum(1 / (1 + index))
            self.network(self.normalise(part))
