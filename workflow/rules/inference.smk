"""Networks: what they do in software, and what they do on programmed cores."""


rule software:
    input:
        shard=lambda wildcards: next(
            f"{RESULTS}/shards/{shard.name}.json"
            for shard in PARTS[""].shards
            if shard.weight_set == wildcards.weight_set
        ),
        weights=f"{RESULTS}/weights/{{weight_set}}.nc",
        images=rules.images.output,
        code=sources("aimcsim.networks.judge"),
    output:
        f"{RESULTS}/networks/{{weight_set}}.nc",
    log:
        f"{RESULTS}/logs/networks/{{weight_set}}.log",
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
        states=f"{RESULTS}/states/{{shard}}.nc",
        weights=lambda wildcards: f"{RESULTS}/weights/{SHARDS[wildcards.shard].weight_set}.nc",
        images=lambda wildcards: f"{RESULTS}/images/{SHARDS[wildcards.shard].weight_set}.nc",
        code=sources("aimcsim.networks.judge"),
    output:
        f"{RESULTS}/inferred/{{inferring}}/{{shard}}/{{core}}-{{moment}}.nc",
    log:
        f"{RESULTS}/logs/infer/{{inferring}}/{{shard}}/{{core}}-{{moment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/infer/{{inferring}}/{{shard}}/{{core}}-{{moment}}.tsv"
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        # Of small images; those of 224 x 224 pixels need more, which a further attempt has.
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=60,
    params:
        options=moment_options,
    message:
        "Infer {wildcards.shard}, chip {wildcards.core}, {wildcards.moment}"
    shell:
        "aimcsim --log {log} infer {input.states} {input.weights} {input.images}"
        " --core {wildcards.core} {params.options} --output {output}"


rule accuracy:
    input:
        plan=f"{RESULTS}/plan.json",
        summary=FILES.summary(),
        cases=[f"{RESULTS}/cases/{case}.nc" for case in CASES],
        networks=[f"{RESULTS}/networks/{name}.nc" for name in judged_networks(STUDY)],
        inferred=[path for case in PARTS for path in inferred(case)],
        code=sources("aimcsim.study.accuracy"),
    output:
        report(
            f"{RESULTS}/accuracy.nc",
            caption="../report/accuracy.rst",
            category="Results",
            labels={"file": "accuracy"},
        ),
    log:
        f"{RESULTS}/logs/accuracy.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        results=lambda wildcards, input: os.path.dirname(input.plan),
    message:
        "Accuracy of {STUDY.study}"
    shell:
        "aimcsim --log {log} accuracy {params.results} --output {output}"
