"""All shards to one summary, and the summary to claims with their intervals."""


rule aggregate:
    input:
        **parts_of(""),
        code=sources("aimcsim.sweep.aggregate"),
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
        "../../envs/aimcsim.yaml"
    params:
        results=lambda wildcards: FILES.folder,
    message:
        "Aggregate {STUDY.study}"
    shell:
        "aimcsim --log {log} aggregate {params.results} --output {output}"


rule claims:
    input:
        summary=FILES.summary(),
        comparison=COMPARISON,
        accuracy=ACCURACY,
        code=sources(*provenance.modules_in("aimcsim.study.claims")),
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
