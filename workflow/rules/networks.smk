"""What the rules of networks share: where images lie, what is inferred when."""

from aimcsim.networks.cifar10 import FOLDER as CIFAR10, test_file

DOWNLOADED = f"{CIFAR10}/cifar-10-batches-bin/test_batch.bin"


def test_images(source):
    """The file that stands for the images in ``source``; the rule cifar10 downloads it."""
    if os.path.isfile(source):
        return source
    found = test_file(source)
    return os.path.relpath(found) if found else DOWNLOADED


def test_folder(images):
    """The folder of CIFAR-10 that the file of test images is in."""
    return os.path.dirname(str(images))


INFERRING = {inferring(part.config): part.config for part in PARTS.values()}


def inferred(case):
    """Files of one part of the study: one per shard of a network, chip and moment."""
    part = PARTS[case]
    judged = judged_networks(part.config)
    return [
        f"{RESULTS}/inferred/{inferring(part.config)}/{shard.name}/{core}-{moment.label}.nc"
        for shard in part.shards
        if shard.weight_set in judged
        for core in shard.cores.tolist()
        for moment in moments(part.config)
    ]


def moment_options(wildcards):
    """How the networks of a shard are judged at a moment, as options of the command line."""
    config = INFERRING[wildcards.inferring]
    moment = moment_of(wildcards.moment, config.evaluation.adc_bits)
    options = [
        f"--statistics {config.evaluation.statistics}",
        f"--calibration {config.inference.calibration}",
        f"--compensation {','.join(config.inference.compensation)}",
    ]
    if moment.time is not None:
        options.append(f"--time {moment.time!r} --time-index {moment.index}")
    if moment.adc_bits is not None:
        options.append(f"--adc-bits {moment.adc_bits}")
    return " ".join(options)
