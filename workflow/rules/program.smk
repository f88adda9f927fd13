"""Program the cores of one shard: the stage that costs time. One job, one thread, many runs."""

# Where the CPU programs. Old ones are no reason to program again.
KERNELS = [ancient(FILES.kernels)] * any(s.backend == "cpu" for s in SHARDS.values())


# Compiled once and beside what needs no kernels, not by every job that starts at the same time.
rule kernels:
    input:
        code=sources("aimcsim.kernels.cpu"),
    output:
        FILES.kernels,
    log:
        FILES.log("kernels"),
    priority: 3
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    params:
        results=lambda wildcards: FILES.folder,
    message:
        "Kernels of {STUDY.study}"
    shell:
        "aimcsim --log {log} kernels {params.results} --output {output}"


rule program:
    input:
        shard=FILES.description("{shard}"),
        weights=lambda wildcards: FILES.weights(SHARDS[wildcards.shard].weight_set),
        code=lambda wildcards: PROGRAM_SOURCES[wildcards.shard],
        kernels=KERNELS,
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
