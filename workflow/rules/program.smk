"""Program the cores of one shard: the stage that costs time. One job, one thread, many runs."""


rule program:
    input:
        shard=f"{RESULTS}/shards/{{shard}}.json",
        weights=lambda wildcards: f"{RESULTS}/weights/{SHARDS[wildcards.shard].weight_set}.nc",
        code=sources("aimcsim.sweep.shard"),
    output:
        record=f"{RESULTS}/shards/{{shard}}.nc",
        states=kept(f"{RESULTS}/states/{{shard}}.nc"),
    log:
        f"{RESULTS}/logs/program/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/program/{{shard}}.tsv"
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * memory_mb(SHARDS[wildcards.shard]),
        gpu=lambda wildcards: int(SHARDS[wildcards.shard].content["backend"] == "gpu"),
        runtime=60,
    message:
        "Program {wildcards.shard}"
    shell:
        "aimcsim --log {log} program {input.shard} {input.weights}"
        " --record {output.record} --states {output.states}"
