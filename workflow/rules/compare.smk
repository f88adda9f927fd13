"""The cases of the study's comparisons: a summary each, and one file with all side by side."""


rule aggregate_case:
    input:
        unpack(lambda wildcards: records(wildcards.case)),
        plan=f"{RESULTS}/cases/{{case}}.json",
        code=sources("aimcsim.sweep.aggregate"),
    output:
        f"{RESULTS}/cases/{{case}}.nc",
    log:
        f"{RESULTS}/logs/cases/{{case}}.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        results=RESULTS,
        judging=lambda wildcards: PARTS[wildcards.case].judging,
    message:
        "Aggregate {wildcards.case}"
    shell:
        "aimcsim --log {log} aggregate {input.plan} --shards {params.results}/shards"
        " --evaluated {params.results}/evaluated/{params.judging}"
        " --weights {params.results}/weights --output {output}"


rule compare:
    input:
        plan=f"{RESULTS}/plan.json",
        cases=[f"{RESULTS}/cases/{case}.nc" for case in CASES],
        code=sources("aimcsim.study.comparison"),
    output:
        report(
            f"{RESULTS}/comparison.nc",
            caption="../report/comparison.rst",
            category="Results",
            labels={"file": "comparison"},
        ),
    log:
        f"{RESULTS}/logs/compare.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        cases=f"{RESULTS}/cases",
    message:
        "Compare {STUDY.study}"
    shell:
        "aimcsim --log {log} compare {input.plan} --cases {params.cases} --output {output}"
