"""Train ResNet-9 on CIFAR-10. The shipped network is its product.

Use: snakemake --cores 1 results/_training/short.nc
The images lie in data/cifar10, in the binary or the python layout, or are downloaded to there.
"""


# Delete output and checkpoint to train anew, that of a teacher (<schedule>.teacher.pt) too. They are
# no outputs, so that a killed training goes on.
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
