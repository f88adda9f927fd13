"""Program weights into simulated AIMC cores, by program-and-verify and by gradient descent.

    config -> weights -> program -> evaluate -> aggregate -> report
                      images -> infer -> accuracy, laws -> report

Use: snakemake --cores all [--configfile config/mine.yaml]
Results: results/<study>/summary.nc and claims.json; report: reports/<study>/index.html
"""

from snakemake.utils import min_version

min_version("9.3")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/program.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/laws.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/train.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        FILES.summary(),
        *COMPARISON,
        *ACCURACY,
        FILES.claims,
        REPORT,
        # Made anew, needed now or not.
        DAMAGED,
