"""Judge the programmed cores of one shard on inputs that programming never saw."""


def judged_by(wildcards):
    """How a shard is judged, as options of the command line."""
    settings = EVALUATION[wildcards.judging]
    options = [f"--inputs {settings.inputs}", f"--statistics {settings.statistics}"]
    if settings.adc_bits:
        options.append(f"--adc-bits {settings.adc_bits}")
    if settings.times:
        options.append(f"--times {','.join(map(repr, settings.times))}")
    return " ".join(options)


rule evaluate:
    input:
        states=rules.program.output.states,
        weights=rules.program.input.weights,
        code=sources("aimcsim.evaluate"),
    output:
        f"{RESULTS}/evaluated/{{judging}}/{{shard}}.nc",
    log:
        f"{RESULTS}/logs/evaluate/{{judging}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate/{{judging}}/{{shard}}.tsv"
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: MEMORY_MB[wildcards.shard],
        runtime=60,
    params:
        options=judged_by,
    message:
        "Evaluate {wildcards.shard}"
    shell:
        "aimcsim --log {log} evaluate {input.states} {input.weights} {params.options}"
        " --output {output}"
