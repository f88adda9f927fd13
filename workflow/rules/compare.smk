"""The cases of the study's comparisons: a summary each, and one file with all side by side."""


rule aggregate_case:
    input:
        unpack(lambda wildcards: parts_of(wildcards.case)),
        code=sources("aimcsim.sweep.aggregate"),
    output:
        FILES.summary("{case}"),
    log:
        FILES.log("cases/{case}"),
    conda:
        "../../envs/aimcsim.yaml"
    params:
        results=lambda wildcards: FILES.folder,
    message:
        "Aggregate {wildcards.case}"
    shell:
        "aimcsim --log {log} aggregate {params.results} --case {wildcards.case} --output {output}"


rule compare:
    input:
        plan=FILES.plan(),
        cases=[FILES.summary(case) for case in CASES],
        code=sources("aimcsim.study.comparison"),
    output:
        report(
            FILES.comparison,
            caption="../report/comparison.rst",
            category="Results",
            labels={"file": "comparison"},
        ),
    log:
        FILES.log("compare"),
    conda:
        "../../envs/aimcsim.yaml"
    params:
        results=lambda wildcards: FILES.folder,
    message:
        "Compare {STUDY.study}"
    shell:
        "aimcsim --log {log} cases {params.results} --output {output}"
