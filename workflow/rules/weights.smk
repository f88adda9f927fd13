"""Draw, train or read the matrices of each weight set."""


rule weights:
    input:
        # The user's own file, where the weight set has one.
        file=lambda wildcards: (
            getattr(STUDY.weights[wildcards.weight_set], "path", None) or []
        ),
        code=sources("aimcsim.weights.dataset"),
    output:
        f"{RESULTS}/weights/{{weight_set}}.nc",
    log:
        f"{RESULTS}/logs/weights/{{weight_set}}.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        # Without the images of a network: it is judged by them, not programmed.
        definition=lambda wildcards: STUDY.weights[
            wildcards.weight_set
        ].model_dump_json(exclude={"images"}),
        seed=STUDY.seed,
    message:
        "Weights {wildcards.weight_set}"
    shell:
        "aimcsim --log {log} weights {wildcards.weight_set} --definition {params.definition:q}"
        " --seed {params.seed} --output {output}"
