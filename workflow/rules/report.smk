"""The summary and the claims to pages that a person can browse."""

TEMPLATES = os.path.relpath(os.path.join(workflow.basedir, "reports", "source"))


rule pages:
    input:
        summary=FILES.summary(),
        claims=FILES.claims,
        # Datasets with a page of their own; the report knows them by their file names.
        further=[*COMPARISON, *ACCURACY, LAWS],
        templates=sorted(
            os.path.join(TEMPLATES, name) for name in os.listdir(TEMPLATES)
        ),
        code=sources(
            "aimcsim.report.site", *provenance.modules_in("aimcsim.report.pages")
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
        "../../envs/aimcsim.yaml"
    # The last job: nothing else wants the cores.
    threads: 2
    params:
        templates=lambda wildcards, input: os.path.dirname(input.templates[0]),
        further=lambda wildcards, input: " ".join(
            f"--further {path}" for path in input.further
        ),
        # Written by the job too, and no output of it: the runs of all studies share that page, and
        # may run at once.
        front=paths.FRONT,
    message:
        "Report {STUDY.study}"
    shell:
        "aimcsim --log {log} report {input.summary} {input.claims} --templates {params.templates}"
        " {params.further} --front {params.front} --threads {threads}"
        " --output $(dirname {output.page})"
