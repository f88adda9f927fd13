"""Judge the programmed cores of one shard on fresh inputs; give their error budget."""


rule evaluate:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [
                    FILES.evaluated(wildcards.judging, wildcards.shard),
                    FILES.budget(wildcards.judging, wildcards.shard),
                ],
                states=FILES.states(wildcards.shard),
                weights=FILES.weights(SHARDS[wildcards.shard].weight_set),
            )
        ),
    output:
        errors=FILES.evaluated("{judging}", "{shard}"),
        # Of the same outputs, so that it costs little: also of shards that need none.
        budget=FILES.budget("{judging}", "{shard}"),
    log:
        FILES.log("evaluate/{judging}/{shard}"),
    benchmark:
        FILES.benchmark("evaluate/{judging}/{shard}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            attempt
            * memory_mb(
                SHARDS[wildcards.shard],
                EVALUATION[wildcards.judging].config.evaluation.inputs,
            )
        ),
        gpu=lambda wildcards: int(SHARDS[wildcards.shard].backend == "gpu"),
        runtime=60,
    params:
        settings=lambda wildcards: EVALUATION[
            wildcards.judging
        ].config.evaluation.model_dump_json(exclude={"error_budget"}),
        made_from=lambda wildcards: MADE.evaluate(
            EVALUATION[wildcards.judging], SHARDS[wildcards.shard]
        ),
    message:
        "Evaluate {wildcards.shard}"
    shell:
        "aimcsim --log {log} evaluate {input.states} {input.weights}"
        " --settings {params.settings:q} --made-from {params.made_from}"
        " --output {output.errors} --budget {output.budget}"
