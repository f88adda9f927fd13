"""All shards to one summary, and the summary to claims with their intervals."""


rule aggregate:
    input:
        plan=f"{RESULTS}/plan.json",
        weights=expand(f"{RESULTS}/weights/{{weight_set}}.nc", weight_set=STUDY.weights),
        records=[f"{RESULTS}/shards/{shard.name}.nc" for shard in SHARDS],
        evaluated=[f"{RESULTS}/evaluated/{shard.name}.nc" for shard in SHARDS],
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
        results=lambda wildcards, output: os.path.dirname(output[0]),
    message:
        "Aggregate {STUDY.study}"
    shell:
        "aimcsim --log {log} aggregate {input.plan} --shards {params.results}/shards"
        " --evaluated {params.results}/evaluated --weights {params.results}/weights"
        " --output {output}"


rule claims:
    input:
        summary=SUMMARY,
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
    message:
        "Claims of {STUDY.study}"
    shell:
        "aimcsim --log {log} claims {input.summary} --output {output}"
