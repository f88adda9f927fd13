"""The summary and the claims to pages that a person can browse."""


rule pages:
    input:
        MIDDLE,
        unpack(
            lambda wildcards: reads(
                [REPORT],
                summary=FILES.summary(),
                claims=FILES.claims,
                # Datasets with a page of their own, known by their file names.
                further=[*COMPARISON, *ACCURACY, LAWS],
            )
        ),
    output:
        page=report(
            REPORT,
            caption="../report/report.rst",
            category="Report",
            labels={"file": "report page"},
        ),
    log:
        FILES.log("report"),
    conda:
        ENVIRONMENT
    # The last job: nothing else wants the cores.
    threads: 2
    params:
        further=lambda wildcards, input: " ".join(
            f"--further {path}" for path in input.further
        ),
        # Written by the job too, and no output of it: the runs of all studies share that page, and
        # may run at once.
        front=paths.FRONT,
        made_from=lambda wildcards: MADE.report(),
    message:
        "Report {STUDY.study}"
    shell:
        "aimcsim --log {log} report {input.summary} {input.claims} {params.further}"
        " --front {params.front} --threads {threads} --made-from {params.made_from}"
        " --output $(dirname {output.page})"
