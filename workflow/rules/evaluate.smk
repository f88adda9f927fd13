"""Judge the programmed cores of one shard on fresh inputs; give their error budget."""


rule evaluate:
    input:
        states=rules.program.output.states,
        weights=rules.program.input.weights,
        code=sources("aimcsim.evaluation.shard"),
    output:
        errors=FILES.evaluated("{judging}", "{shard}"),
        # Of the same outputs, so that it costs little: also of shards that need none.
        budget=FILES.budget("{judging}", "{shard}"),
    log:
        FILES.log("evaluate/{judging}/{shard}"),
    benchmark:
        FILES.benchmark("evaluate/{judging}/{shard}")
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            attempt
            * memory_mb(SHARDS[wildcards.shard], EVALUATION[wildcards.judging].inputs)
        ),
        gpu=lambda wildcards: int(SHARDS[wildcards.shard].backend == "gpu"),
        runtime=60,
    params:
        settings=lambda wildcards: EVALUATION[wildcards.judging].model_dump_json(
            exclude={"error_budget"}
        ),
    message:
        "Evaluate {wildcards.shard}"
    shell:
        "aimcsim --log {log} evaluate {input.states} {input.weights}"
        " --settings {params.settings:q} --output {output.errors} --budget {output.budget}"
