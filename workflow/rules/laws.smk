"""Every law of devices and wires, simulated, against what is published about it."""

# The laws depend on the code and the seed alone: all studies of a seed share them.
LAWS = paths.laws(STUDY.seed)


rule laws:
    input:
        MIDDLE,
    output:
        LAWS,
    log:
        LAWS.replace(".nc", ".log"),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        seed=STUDY.seed,
        made_from=lambda wildcards: MADE.laws(),
    message:
        "Laws of {STUDY.study}"
    shell:
        "aimcsim --log {log} laws --seed {params.seed} --made-from {params.made_from}"
        " --output {output}"
