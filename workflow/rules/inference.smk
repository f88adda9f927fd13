"""Networks: what they do in software, and what they do on programmed cores."""


rule software:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [FILES.network(wildcards.weight_set)],
                shard=FILES.description(first_shard(wildcards.weight_set).name),
                weights=FILES.weights(wildcards.weight_set),
                images=FILES.images(wildcards.weight_set),
            )
        ),
    output:
        FILES.network("{weight_set}"),
    log:
        FILES.log("networks/{weight_set}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: judging_mb(
            first_shard(wildcards.weight_set), attempt
        ),
        gpu=lambda wildcards: judges_on_gpu(first_shard(wildcards.weight_set)),
    params:
        calibration=STUDY.inference.calibration,
        made_from=lambda wildcards: MADE.network(wildcards.weight_set),
    message:
        "{wildcards.weight_set} in software"
    shell:
        "aimcsim --log {log} software {input.shard} {input.weights} {input.images}"
        " --calibration {params.calibration} --made-from {params.made_from} --output {output}"


rule infer:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [FILES.inferred(wildcards.inferring, wildcards.shard, wildcards.job)],
                states=FILES.states(wildcards.shard),
                weights=FILES.weights(SHARDS[wildcards.shard].weight_set),
                images=FILES.images(SHARDS[wildcards.shard].weight_set),
            )
        ),
    output:
        FILES.inferred("{inferring}", "{shard}", "{job}"),
    log:
        FILES.log("infer/{inferring}/{shard}/{job}"),
    benchmark:
        FILES.benchmark("infer/{inferring}/{shard}/{job}")
    wildcard_constraints:
        job="[^/]+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: judging_mb(SHARDS[wildcards.shard], attempt),
        gpu=lambda wildcards: judges_on_gpu(SHARDS[wildcards.shard]),
        runtime=60,
    params:
        options=infer_options,
        made_from=lambda wildcards: MADE.inferred(
            *INFERENCE[wildcards.inferring, wildcards.shard, wildcards.job]
        ),
    message:
        "Infer {wildcards.shard}, {wildcards.job}"
    shell:
        "aimcsim --log {log} infer {input.states} {input.weights} {input.images}"
        " {params.options} --made-from {params.made_from} --output {output}"


rule accuracy:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [FILES.accuracy],
                plan=FILES.plan(),
                summary=FILES.summary(),
                cases=[FILES.summary(case) for case in CASES],
                networks=[FILES.network(name) for name in MADE.networks],
                inferred=[FILES.inferred(*names) for names in INFERENCE],
            )
        ),
    output:
        report(
            FILES.accuracy,
            caption="../report/accuracy.rst",
            category="Results",
            labels={"file": "accuracy"},
        ),
    log:
        FILES.log("accuracy"),
    conda:
        ENVIRONMENT
    params:
        folder=lambda wildcards: FILES.folder,
        made_from=lambda wildcards: MADE.accuracy(),
    message:
        "Accuracy of {STUDY.study}"
    shell:
        "aimcsim --log {log} accuracy {params.folder} --made-from {params.made_from}"
        " --output {output}"
