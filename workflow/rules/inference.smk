"""Networks: what they do in software, and what they do on programmed cores."""


rule software:
    input:
        shard=lambda wildcards: next(
            FILES.description(shard.name)
            for shard in PARTS[""].shards
            if shard.weight_set == wildcards.weight_set
        ),
        weights=FILES.weights("{weight_set}"),
        images=rules.images.output,
        code=sources("aimcsim.networks.judge"),
    output:
        FILES.network("{weight_set}"),
    log:
        FILES.log("networks/{weight_set}"),
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        # Of small images; those of 224 x 224 pixels need more, which a further attempt has.
        mem_mb=lambda wildcards, attempt: attempt * 2000,
    params:
        calibration=STUDY.inference.calibration,
    message:
        "{wildcards.weight_set} in software"
    shell:
        "aimcsim --log {log} software {input.shard} {input.weights} {input.images}"
        " --calibration {params.calibration} --output {output}"


rule infer:
    input:
        states=FILES.states("{shard}"),
        weights=lambda wildcards: FILES.weights(SHARDS[wildcards.shard].weight_set),
        images=lambda wildcards: FILES.images(SHARDS[wildcards.shard].weight_set),
        code=sources("aimcsim.networks.judge"),
    output:
        FILES.inferred("{inferring}", "{shard}", "{job}"),
    log:
        FILES.log("infer/{inferring}/{shard}/{job}"),
    benchmark:
        FILES.benchmark("infer/{inferring}/{shard}/{job}")
    wildcard_constraints:
        job="[^/]+",
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        # Of small images; those of 224 x 224 pixels need more, which a further attempt has.
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=60,
    params:
        options=infer_options,
    message:
        "Infer {wildcards.shard}, {wildcards.job}"
    shell:
        "aimcsim --log {log} infer {input.states} {input.weights} {input.images}"
        " {params.options} --output {output}"


rule accuracy:
    input:
        plan=FILES.plan(),
        summary=FILES.summary(),
        cases=[FILES.summary(case) for case in CASES],
        networks=[FILES.network(name) for name in judged_networks(STUDY)],
        inferred=[FILES.inferred(*names) for names in INFERENCE],
        code=sources("aimcsim.study.accuracy"),
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
        "../../envs/aimcsim.yaml"
    params:
        folder=lambda wildcards: FILES.folder,
    message:
        "Accuracy of {STUDY.study}"
    shell:
        "aimcsim --log {log} accuracy {params.folder} --output {output}"
