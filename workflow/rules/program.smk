"""Program the cores of one shard: the stage that costs time. One job, one thread, many runs."""


rule program:
    input:
        shard=FILES.description("{shard}"),
        weights=lambda wildcards: FILES.weights(SHARDS[wildcards.shard].weight_set),
        code=lambda wildcards: PROGRAM_SOURCES[wildcards.shard],
    output:
        record=FILES.record("{shard}"),
        states=kept(FILES.states("{shard}")),
    log:
        FILES.log("program/{shard}"),
    benchmark:
        FILES.benchmark("program/{shard}")
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * memory_mb(SHARDS[wildcards.shard]),
        gpu=lambda wildcards: int(SHARDS[wildcards.shard].backend == "gpu"),
        runtime=60,
    message:
        "Program {wildcards.shard}"
    shell:
        "aimcsim --log {log} program {input.shard} {input.weights}"
        " --record {output.record} --states {output.states}"
