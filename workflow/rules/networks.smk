"""What the rules of networks share: where images lie, and which job infers what."""

from aimcsim.common.seals import is_sealed
from aimcsim.sweep.evaluation_times import inferring

DOWNLOADED = f"{cifar10.FOLDER}/{cifar10.DOWNLOADED}"


def download(source):
    """The file that rule cifar10 makes, where the images in ``source`` are what it downloads."""
    if source is None or os.path.isfile(source):
        return []
    found = cifar10.test_file(source)
    return [] if found and not is_sealed(found) else [DOWNLOADED]


# Part of the study, shard and job, by how networks are judged and the names of both.
INFERENCE = {
    (inferring(part.config), shard.name, job.name): (part, shard, job)
    for part, shard, job in MADE.inference()
}


def infer_options(wildcards):
    """Which chips and times a job judges, and how, as options of the command line."""
    part, _, job = INFERENCE[wildcards.inferring, wildcards.shard, wildcards.job]
    config = part.config
    options = [
        f"--chips {','.join(map(str, job.chips))}",
        f"--times {','.join(job.labels)}",
        f"--statistics {config.evaluation.statistics}",
        f"--calibration {config.inference.calibration}",
        f"--compensation {','.join(config.inference.compensation)}",
    ]
    if config.evaluation.adc_bits is not None:
        options.append(f"--adc-bits {config.evaluation.adc_bits}")
    return " ".join(options)
