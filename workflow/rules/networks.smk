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


def judges_on_gpu(shard):
    """GPUs of a job that judges a network."""
    return int(shard.backend == "gpu")


def judging_mb(shard, attempt):
    """Memory of the same, of small images; those of 224 x 224 pixels need more, which a further
    attempt has. A GPU's libraries take their room."""
    return 2000 * (attempt + judges_on_gpu(shard))


def first_shard(weight_set):
    """Of those that program a network: what else they say of it, all say alike."""
    return next(shard for shard in PARTS[""].shards if shard.weight_set == weight_set)
