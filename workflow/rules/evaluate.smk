"""Judge the programmed cores of one shard on fresh inputs; split their error by effect."""


rule evaluate:
    input:
        states=rules.program.output.states,
        weights=rules.program.input.weights,
        code=sources("aimcsim.evaluation.error_budget"),
    output:
        errors=f"{RESULTS}/evaluated/{{judging}}/{{shard}}.nc",
        # Of the same outputs, so that it costs little: also of shards that need none.
        split=f"{RESULTS}/split/{{judging}}/{{shard}}.nc",
    log:
        f"{RESULTS}/logs/evaluate/{{judging}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate/{{judging}}/{{shard}}.tsv"
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            attempt
            * memory_mb(SHARDS[wildcards.shard], EVALUATION[wildcards.judging].inputs)
        ),
        gpu=lambda wildcards: int(SHARDS[wildcards.shard].content["backend"] == "gpu"),
        runtime=60,
    params:
        options=judged_by,
        calibration=lambda wildcards: EVALUATION[wildcards.judging].calibration,
    message:
        "Evaluate {wildcards.shard}"
    shell:
        "aimcsim --log {log} evaluate {input.states} {input.weights} {params.options}"
        " --calibration {params.calibration}"
        " --output {output.errors} --split {output.split}"
