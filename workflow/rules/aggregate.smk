"""All shards to one summary, and the summary to claims with their intervals."""


rule aggregate:
    input:
        MIDDLE,
        unpack(lambda wildcards: reads([FILES.summary()], **parts_of(""))),
    output:
        report(
            FILES.summary(),
            caption="../report/summary.rst",
            category="Results",
            labels={"file": "summary"},
        ),
    log:
        FILES.log("aggregate"),
    conda:
        ENVIRONMENT
    params:
        results=lambda wildcards: FILES.folder,
        made_from=lambda wildcards: MADE.summary(),
    message:
        "Aggregate {STUDY.study}"
    shell:
        "aimcsim --log {log} aggregate {params.results} --made-from {params.made_from}"
        " --output {output}"


rule claims:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [FILES.claims],
                summary=FILES.summary(),
                comparison=COMPARISON,
                accuracy=ACCURACY,
            )
        ),
    output:
        report(
            FILES.claims,
            caption="../report/claims.rst",
            category="Results",
            labels={"file": "claims"},
        ),
    log:
        FILES.log("claims"),
    conda:
        ENVIRONMENT
    params:
        further=" ".join(
            [f"--comparison {path}" for path in COMPARISON]
            + [f"--accuracy {path}" for path in ACCURACY]
        ),
        made_from=lambda wildcards: MADE.claims(),
    message:
        "Claims of {STUDY.study}"
    shell:
        "aimcsim --log {log} claims {input.summary} {params.further}"
        " --made-from {params.made_from} --output {output}"
