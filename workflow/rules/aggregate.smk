"""All shards to one summary, and the summary to claims with their intervals."""


rule aggregate:
    input:
        **records(""),
        plan=f"{RESULTS}/plan.json",
        split=split_files(),
        code=sources("aimcsim.sweep.aggregate"),
    output:
        report(
            SUMMARY,
            caption="../report/summary.rst",
            category="Results",
            labels={"file": "summary"},
        ),
    log:
        f"{RESULTS}/logs/aggregate.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        shards=lambda wildcards, input: os.path.dirname(input.records[0]),
        evaluated=lambda wildcards, input: os.path.dirname(input.evaluated[0]),
        weights=lambda wildcards, input: os.path.dirname(input.weights[0]),
        split=lambda wildcards, input: (
            f"--split {os.path.dirname(input.split[0])}" if input.split else ""
        ),
    message:
        "Aggregate {STUDY.study}"
    shell:
        "aimcsim --log {log} aggregate {input.plan} --shards {params.shards}"
        " --evaluated {params.evaluated} {params.split} --weights {params.weights}"
        " --output {output}"


rule claims:
    input:
        summary=SUMMARY,
        comparison=COMPARISON,
        accuracy=ACCURACY,
        code=sources("aimcsim.study.claims"),
    output:
        report(
            CLAIMS,
            caption="../report/claims.rst",
            category="Results",
            labels={"file": "claims"},
        ),
    log:
        f"{RESULTS}/logs/claims.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        further=" ".join(
            [f"--comparison {path}" for path in COMPARISON]
            + [f"--accuracy {path}" for path in ACCURACY]
        ),
    message:
        "Claims of {STUDY.study}"
    shell:
        "aimcsim --log {log} claims {input.summary} {params.further} --output {output}"
