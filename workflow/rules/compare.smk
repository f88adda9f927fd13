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
        shards=lambda wildcards, input: os.path.dirname(input.records[0]),
        evaluated=lambda wildcards, input: os.path.dirname(input.evaluated[0]),
        weights=lambda wildcards, input: os.path.dirname(input.weights[0]),
    message:
        "Aggregate {wildcards.case}"
    shell:
        "aimcsim --log {log} aggregate {input.plan} --shards {params.shards}"
        " --evaluated {params.evaluated} --weights {params.weights} --output {output}"


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
        cases=lambda wildcards, input: os.path.join(
            os.path.dirname(input.plan), "cases"
        ),
    message:
        "Compare {STUDY.study}"
    shell:
        "aimcsim --log {log} compare {input.plan} --cases {params.cases} --output {output}"
