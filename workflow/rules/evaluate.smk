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
    params:
        inputs=STUDY.evaluation.inputs,
        adc_bits=(
            f"--adc-bits {STUDY.evaluation.adc_bits}" if STUDY.evaluation.adc_bits else ""
        ),
    threads: 1
    resources:
        mem_mb=lambda wildcards: MEMORY_MB[wildcards.shard],
        runtime=60,
    conda:
        "../../envs/aimcsim.yaml"
    message:
        "Evaluate {wildcards.shard}"
    shell:
        "aimcsim evaluate {input.states} {input.weights} --inputs {params.inputs}"
        " {params.adc_bits} --output {output} 2> {log}"
