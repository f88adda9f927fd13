"""Train ResNet-9 on CIFAR-10. No study needs it yet.

Use: snakemake --cores 1 results/_training/short.nc
The images lie in data/cifar10, in the binary or the python layout, or are downloaded to there.
"""

from pathlib import Path

from aimcsim.config.training import from_yaml as training_settings

IMAGES = "data/cifar10"
PYTHON_LAYOUT = f"{IMAGES}/cifar-10-batches-py/test_batch"
BINARY_LAYOUT = f"{IMAGES}/cifar-10-batches-bin/test_batch.bin"


rule cifar10:
    output:
        BINARY_LAYOUT,
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


# The code is not among the inputs: an edited comment shall not throw away hours. Delete output and
# checkpoint to train anew. The checkpoint is no output, so that a killed training goes on.
rule train:
    input:
        settings="config/train/{schedule}.yaml",
        images=PYTHON_LAYOUT if os.path.exists(PYTHON_LAYOUT) else BINARY_LAYOUT,
    output:
        "results/_training/{schedule}.nc",
    log:
        "results/_training/logs/{schedule}.log",
    benchmark:
        "results/_training/logs/{schedule}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: lambda wildcards, input: checked(lambda: training_settings(input.settings)).threads
    resources:
        mem_mb=4000,
    params:
        folder=lambda wildcards, input: Path(input.images).parents[1],
        checkpoint=lambda wildcards: f"results/_training/{wildcards.schedule}.pt",
    message:
        "Training of ResNet-9 by config/train/{wildcards.schedule}.yaml; progress in {log}"
    shell:
        "aimcsim --log {log} train {input.settings} --images {params.folder}"
        " --checkpoint {params.checkpoint} --output {output}"
