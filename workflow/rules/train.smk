"""Train ResNet-9 on CIFAR-10. The shipped network is its product.

Use: snakemake --cores 1 results/_training/short.nc
The images lie in data/cifar10, in the binary or the python layout, or are downloaded to there.
"""

from aimcsim.training.settings import from_yaml as training_settings


def settings_of(schedule):
    """The file of a training's settings: of the working folder, or of those that come with it."""
    places = [Path("config"), CHECKOUT / "config"]
    files = [place / "train" / f"{schedule}.yaml" for place in places]
    return next(filter(os.path.isfile, files), files[0])


def made_by(schedule):
    return MADE.training(training_settings(settings_of(schedule)), cifar10.FOLDER)


def threads_of(wildcards):
    return checked(lambda: training_settings(settings_of(wildcards.schedule))).threads


def trained():
    """What each network that has been trained is to be made from."""
    for path in Path(paths.TRAINING).glob("*.nc"):
        try:
            yield str(path), made_by(path.stem)
        except UserError:  # its settings are gone, or bad: a training by them says so
            pass


if workflow.is_main_process:
    TRAINED = examine(dict(trained()))
    mark(TRAINED, logger.warning)
    FOUND.update(TRAINED)


# Delete output and checkpoint to train anew. The checkpoint is no output, so that a killed training
# goes on.
rule train:
    input:
        MIDDLE,
        # None where there are some.
        unpack(
            lambda wildcards: reads(
                [paths.trained(wildcards.schedule)], download=download(cifar10.FOLDER)
            )
        ),
    output:
        paths.trained("{schedule}"),
    log:
        f"{paths.TRAINING}/logs/{{schedule}}.log",
    benchmark:
        f"{paths.TRAINING}/logs/{{schedule}}.tsv"
    conda:
        TRAINING_ENVIRONMENT
    threads: threads_of
    resources:
        mem_mb=4000,
    params:
        settings=lambda wildcards: str(settings_of(wildcards.schedule)),
        images=cifar10.FOLDER,
        checkpoint=lambda wildcards: f"{paths.TRAINING}/{wildcards.schedule}.pt",
        made_from=lambda wildcards: checked(lambda: made_by(wildcards.schedule)),
    message:
        "Training of ResNet-9 by config/train/{wildcards.schedule}.yaml; progress in {log}"
    shell:
        "aimcsim --log {log} train {params.settings:q} --images {params.images}"
        " --checkpoint {params.checkpoint} --made-from {params.made_from} --output {output}"
