"""The cases of the study's comparisons: a summary each, and one file with all side by side."""


rule aggregate_case:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [FILES.summary(wildcards.case)], **parts_of(wildcards.case)
            )
        ),
    output:
        FILES.summary("{case}"),
    log:
        FILES.log("cases/{case}"),
    conda:
        ENVIRONMENT
    params:
        results=lambda wildcards: FILES.folder,
        made_from=lambda wildcards: MADE.summary(wildcards.case),
    message:
        "Aggregate {wildcards.case}"
    shell:
        "aimcsim --log {log} aggregate {params.results} --case {wildcards.case}"
        " --made-from {params.made_from} --output {output}"


rule compare:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [FILES.comparison],
                plan=FILES.plan(),
                cases=[FILES.summary(case) for case in CASES],
            )
        ),
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
        ENVIRONMENT
    params:
        results=lambda wildcards: FILES.folder,
        made_from=lambda wildcards: MADE.comparison(),
    message:
        "Compare {STUDY.study}"
    shell:
        "aimcsim --log {log} cases {params.results} --made-from {params.made_from}"
        " --output {output}"
