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
    message:
        "Aggregate {STUDY.study}"
    shell:
        "aimcsim aggregate {input.plan} --shards {RESULTS}/shards --evaluated {RESULTS}/evaluated"
        " --weights {RESULTS}/weights --output {output} 2> {log}"


rule claims:
    input:
        summary=SUMMARY,
        code=sources("aimcsim.study.claims"),
    output:
        report(
            CLAIMS, caption="../report/claims.rst", category="Results", labels={"file": "claims"}
        ),
    log:
        f"{RESULTS}/logs/claims.log",
    conda:
        "../../envs/aimcsim.yaml"
    message:
        "Claims of {STUDY.study}"
    shell:
        "aimcsim claims {input.summary} --output {output} 2> {log}"
