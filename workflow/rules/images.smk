"""Images that networks are trained on, calibrated on and tested on."""

from pathlib import Path


rule cifar10:
    output:
        DOWNLOADED,
    log:
        f"{paths.TRAINING}/logs/cifar10.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        folder=lambda wildcards, output: Path(output[0]).parents[1],
    message:
        "Download of CIFAR-10, 162 MB"
    shell:
        "aimcsim --log {log} cifar10 --output {params.folder}"


rule images:
    input:
        # None where the kind of the weight set has images of its own.
        source=lambda wildcards: test_images(
            STUDY.weights[wildcards.weight_set].image_source
        ),
        kind=lambda wildcards: KIND_SOURCES[wildcards.weight_set],
    output:
        FILES.images("{weight_set}"),
    log:
        FILES.log("images/{weight_set}"),
    conda:
        "../../envs/aimcsim.yaml"
    params:
        definition=lambda wildcards: STUDY.weights[
            wildcards.weight_set
        ].model_dump_json(),
        seed=STUDY.seed,
        most=f"--test {STUDY.inference.images} --train {STUDY.inference.calibration}",
    message:
        "Images of {wildcards.weight_set}"
    shell:
        "aimcsim --log {log} images {wildcards.weight_set} --definition {params.definition:q}"
        " --seed {params.seed} {params.most} --output {output}"
