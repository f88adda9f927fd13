"""Draw, train or read the matrices of each weight set."""


def definition(weight_set):
    return STUDY.weights[weight_set].model_dump_json()


def weight_file(wildcards):
    """The user's own file, where the weight set has one."""
    return getattr(STUDY.weights[wildcards.weight_set], "path", [])


rule weights:
    input:
        file=weight_file,
        code=sources("aimcsim.weights.dataset"),
    output:
        f"{RESULTS}/weights/{{weight_set}}.nc",
    log:
        f"{RESULTS}/logs/weights/{{weight_set}}.log",
    params:
        definition=lambda wildcards: definition(wildcards.weight_set),
        seed=STUDY.seed,
    conda:
        "../../envs/aimcsim.yaml"
    message:
        "Weights {wildcards.weight_set}"
    shell:
        "aimcsim weights {wildcards.weight_set} --definition {params.definition:q}"
        " --seed {params.seed} --output {output} 2> {log}"
