"""Images that networks are trained on, calibrated on and tested on."""

from pathlib import Path


rule cifar10:
    output:
        DOWNLOADED,
    log:
        "results/_training/logs/cifar10.log",
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
        lambda wildcards: test_images(STUDY.weights[wildcards.weight_set].image_source),
        code=sources("aimcsim.networks.images"),
    output:
        f"{RESULTS}/images/{{weight_set}}.nc",
    log:
        f"{RESULTS}/logs/images/{{weight_set}}.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        source=lambda wildcards: STUDY.weights[wildcards.weight_set].image_source,
        most=f"--test {STUDY.inference.images} --train {STUDY.inference.calibration}",
    message:
        "Images of {wildcards.weight_set}"
    shell:
        "aimcsim --log {log} images {params.source:q} {params.most} --output {output}"
