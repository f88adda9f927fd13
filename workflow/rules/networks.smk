"""What the rules of networks share: where images lie, and which job infers what."""

from aimcsim.networks.cifar10 import FOLDER as CIFAR10, test_file
from aimcsim.sweep.evaluation_times import inference_jobs, inferring

DOWNLOADED = f"{CIFAR10}/cifar-10-batches-bin/test_batch.bin"


def test_images(source):
    """The file that stands for the images in ``source``; the rule cifar10 downloads it."""
    if source is None:
        return []
    if os.path.isfile(source):
        return source
    found = test_file(source)
    return os.path.relpath(found) if found else DOWNLOADED


def test_folder(images):
    """The folder of CIFAR-10 that the file of test images is in."""
    return os.path.dirname(str(images))


INFERRING = {inferring(part.config): part.config for part in PARTS.values()}
# Jobs by how networks are judged, shard and name of the job.
INFERENCE = {
    (inferring(part.config), shard.name, job.name): job
    for part in PARTS.values()
    for shard in part.shards
    for job in inference_jobs(part.config, shard)
}


def infer_options(wildcards):
    """Which chips and times a job judges, and how, as options of the command line."""
    config = INFERRING[wildcards.inferring]
    job = INFERENCE[wildcards.inferring, wildcards.shard, wildcards.job]
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
