"""When and through which converters networks are judged, and how that is cut into jobs."""

from dataclasses import dataclass

from aimcsim.config.models import Config
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.shards.runs import digest
from aimcsim.shards.spec import ShardSpec

MACS_PER_JOB = 10_000_000_000
"""Multiply-accumulates of a job of several chips or times, at most: half a minute of a CPU."""
DEVICE_MACS, DEVICE_PASSES = 100 * MACS_PER_JOB, 1000
"""On a device: the same, and passes over the images where their work is not known, at most: a
minute of ResNet-9 and 10,000 images."""


@dataclass(frozen=True)
class Job:
    """What one job infers of a shard: all its runs, on some chips, at some evaluation times."""

    chips: tuple[int, ...]
    times: tuple[EvaluationTime, ...]

    @property
    def name(self) -> str:
        """Of its file; it says all that does not follow from :func:`inferring` and the shard."""
        first, last = self.chips[0], self.chips[-1]  # with all of the shard's between them
        chips = f"{first}" if first == last else f"{first}-{last}"
        times = self.labels[0] if len(self.times) == 1 else digest(self.labels, 8)
        return f"{chips}-{times}"

    @property
    def labels(self) -> list[str]:
        """See :meth:`.EvaluationTime.parse`."""
        return [time.label for time in self.times]


def evaluation_times(config: Config) -> list[EvaluationTime]:
    """Right after programming, at every time, and at further resolutions right after programming.

    The first two are through the ADC of ``evaluation.adc_bits``, as MVM errors are.
    """
    bits = config.evaluation.adc_bits
    return [
        EvaluationTime.programmed(bits),
        *(EvaluationTime.after(t, index, bits) for index, t in enumerate(config.evaluation.times)),
        *map(EvaluationTime.at_resolution, config.inference.adc_bits),
    ]


def inference_jobs(config: Config, shard: ShardSpec) -> list[Job]:
    """The jobs that infer a shard; none where its weight set is no network with images.

    A chip and evaluation time is a job, so that a killed run goes on there and a further time
    infers itself alone. But where that is little work, one job has as many of them as make
    :data:`MACS_PER_JOB`: first all times of a chip, then several chips. On a device, where a job
    starts in more time than a chip takes, a job has as many times of a chip as make
    :data:`DEVICE_PASSES` over the images, or what makes :data:`DEVICE_MACS`.
    """
    definition = config.weights[shard.weight_set]
    if not definition.judged_by_images:
        return []
    chips, times = shard.cores.tolist(), evaluation_times(config)
    passes = len(shard.runs) * len(config.inference.compensation)
    at_once, most = 1, MACS_PER_JOB
    if shard.backend == "gpu":
        at_once, most = max(1, min(len(times), DEVICE_PASSES // passes)), DEVICE_MACS
    macs = definition.inference_macs(config.inference.images)
    if macs is not None:
        at_once = max(1, most // (macs * passes))
    some_chips = max(1, at_once // len(times))
    return [
        Job(tuple(chips[i : i + some_chips]), tuple(times[j : j + at_once]))
        for i in range(0, len(chips), some_chips)
        for j in range(0, len(times), at_once)
    ]


def judged_networks(config: Config) -> list[str]:
    """Names of the weight sets that are networks with images."""
    return [name for name, definition in config.weights.items() if definition.judged_by_images]


def inferring(config: Config) -> str:
    """Stable name of how networks are judged; further times and resolutions change none of it."""
    content = config.inference.model_dump(mode="json", exclude={"adc_bits"})
    judged = config.evaluation
    return digest(content | {"statistics": judged.statistics, "judged_at": judged.adc_bits}, 8)
