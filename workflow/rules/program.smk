"""Program the cores of one shard: the stage that costs time. One job, one thread, many runs."""

# Where the CPU programs.
KERNELS = [FILES.kernels] * any(s.backend == "cpu" for s in SHARDS.values())


# Compiled once and beside what needs no kernels, not by every job that starts at the same time.
rule kernels:
    input:
        MIDDLE,
    output:
        FILES.kernels,
    log:
        FILES.log("kernels"),
    priority: 3
    conda:
        ENVIRONMENT
    threads: 1
    params:
        results=lambda wildcards: FILES.folder,
        made_from=lambda wildcards: MADE.kernels(),
    message:
        "Kernels of {STUDY.study}"
    shell:
        "aimcsim --log {log} kernels {params.results} --made-from {params.made_from}"
        " --output {output}"


rule program:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [FILES.record(wildcards.shard), FILES.states(wildcards.shard)],
                shard=FILES.description(wildcards.shard),
                weights=FILES.weights(SHARDS[wildcards.shard].weight_set),
                kernels=KERNELS,
            )
        ),
    output:
        record=FILES.record("{shard}"),
        states=kept(FILES.states("{shard}")),
    log:
        FILES.log("program/{shard}"),
    benchmark:
        FILES.benchmark("program/{shard}")
    # The longest jobs first, so that no core waits for one at the end; but where states do not
    # stay, what judges them comes before, so that few lie on the disk at a time.
    priority: int(STUDY.execution.keep_conductances)
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * memory_mb(SHARDS[wildcards.shard]),
        gpu=lambda wildcards: int(SHARDS[wildcards.shard].backend == "gpu"),
        runtime=60,
    params:
        made_from=lambda wildcards: MADE.program(SHARDS[wildcards.shard]),
    message:
        "Program {wildcards.shard}"
    shell:
        "aimcsim --log {log} program {input.shard} {input.weights} --made-from {params.made_from}"
        " --record {output.record} --states {output.states}"
