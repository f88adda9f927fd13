"""All shards to one summary, and the summary to claims with their intervals."""


rule aggregate:
    input:
        **records(""),
        plan=f"{RESULTS}/plan.json",
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
        results=RESULTS,
        judging=PARTS[""].judging,
    message:
        "Aggregate {STUDY.study}"
    shell:
        "aimcsim --log {log} aggregate {input.plan} --shards {params.results}/shards"
        " --evaluated {params.results}/evaluated/{params.judging}"
        " --weights {params.results}/weights --output {output}"


rule claims:
    input:
        summary=SUMMARY,
        comparison=COMPARISON,
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
        comparison=" ".join(f"--comparison {path}" for path in COMPARISON),
    message:
        "Claims of {STUDY.study}"
    shell:
        "aimcsim --log {log} claims {input.summary} {params.comparison} --output {output}"
