"""Split the MVM error of one shard's cores by effect: each alone, and all together."""


rule split:
    input:
        states=rules.program.output.states,
        weights=rules.program.input.weights,
        code=sources("aimcsim.split"),
    output:
        f"{RESULTS}/split/{{judging}}/{{shard}}.nc",
    log:
        f"{RESULTS}/logs/split/{{judging}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/split/{{judging}}/{{shard}}.tsv"
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * MEMORY_MB[wildcards.shard],
        runtime=60,
    params:
        options=judged_by,
    message:
        "Split {wildcards.shard}"
    shell:
        "aimcsim --log {log} split {input.states} {input.weights} {params.options}"
        " --output {output}"
