"""Judge the programmed cores of one shard on inputs that programming never saw."""


rule evaluate:
    input:
        states=rules.program.output.states,
        weights=rules.program.input.weights,
        code=sources("aimcsim.evaluate"),
    output:
        f"{RESULTS}/evaluated/{{shard}}.nc",
    log:
        f"{RESULTS}/logs/evaluate/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate/{{shard}}.tsv"
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: MEMORY_MB[wildcards.shard],
        runtime=60,
    params:
        inputs=STUDY.evaluation.inputs,
        adc_bits=(
            f"--adc-bits {STUDY.evaluation.adc_bits}"
            if STUDY.evaluation.adc_bits
            else ""
        ),
        times=(
            f"--times {','.join(map(repr, STUDY.evaluation.times))}"
            if STUDY.evaluation.times
            else ""
        ),
        statistics=STUDY.evaluation.statistics,
    message:
        "Evaluate {wildcards.shard}"
    shell:
        "aimcsim --log {log} evaluate {input.states} {input.weights} --inputs {params.inputs}"
        " {params.adc_bits} {params.times} --statistics {params.statistics} --output {output}"
