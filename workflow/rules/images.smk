"""Images that networks are trained on, calibrated on and tested on."""

from pathlib import Path


rule cifar10:
    input:
        MIDDLE,
    output:
        DOWNLOADED,
    log:
        f"{paths.TRAINING}/logs/cifar10.log",
    conda:
        ENVIRONMENT
    params:
        folder=lambda wildcards, output: Path(output[0]).parents[1],
    message:
        "Download of CIFAR-10, 162 MB"
    shell:
        "aimcsim --log {log} cifar10 --output {params.folder}"


rule images:
    input:
        MIDDLE,
        # None where there are some.
        unpack(
            lambda wildcards: reads(
                [FILES.images(wildcards.weight_set)],
                download=download(STUDY.weights[wildcards.weight_set].image_source),
            )
        ),
    output:
        FILES.images("{weight_set}"),
    log:
        FILES.log("images/{weight_set}"),
    conda:
        ENVIRONMENT
    params:
        definition=lambda wildcards: STUDY.weights[
            wildcards.weight_set
        ].model_dump_json(),
        seed=STUDY.seed,
        contents=lambda wildcards: STUDY.weights[wildcards.weight_set].image_identity(),
        made_from=lambda wildcards: MADE.images(wildcards.weight_set),
        most=f"--test {STUDY.inference.images} --train {STUDY.inference.calibration}",
    message:
        "Images of {wildcards.weight_set}"
    shell:
        "aimcsim --log {log} images {wildcards.weight_set} --definition {params.definition:q}"
        " --seed {params.seed} {params.most} --contents {params.contents}"
        " --made-from {params.made_from} --output {output}"
