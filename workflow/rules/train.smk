"""Train ResNet-9 on CIFAR-10. The shipped network is its product.

Use: snakemake --cores 1 results/_training/short.nc
The images lie in data/cifar10, in the binary or the python layout, or are downloaded to there.
"""

from aimcsim.training.settings import from_yaml as training_settings


# The code is not among the inputs: an edited comment shall not throw away hours. Delete output and
# checkpoint to train anew. The checkpoint is no output, so that a killed training goes on.
rule train:
    input:
        settings="config/train/{schedule}.yaml",
        images=test_images(CIFAR10),
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
        folder=lambda wildcards, input: test_folder(input.images),
        checkpoint=lambda wildcards: f"results/_training/{wildcards.schedule}.pt",
    message:
        "Training of ResNet-9 by config/train/{wildcards.schedule}.yaml; progress in {log}"
    shell:
        "aimcsim --log {log} train {input.settings} --images {params.folder}"
        " --checkpoint {params.checkpoint} --output {output}"
