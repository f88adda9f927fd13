"""Every law of devices and wires, simulated, against what is published about it."""

LAWS = f"{RESULTS}/laws.nc"


rule laws:
    input:
        code=sources("aimcsim.laws.dataset"),
    output:
        LAWS,
    log:
        f"{RESULTS}/logs/laws.log",
    conda:
        "../../envs/aimcsim.yaml"
    threads: 1
    params:
        seed=STUDY.seed,
    message:
        "Laws of {STUDY.study}"
    shell:
        "aimcsim --log {log} laws --seed {params.seed} --output {output}"
