"""Draw, train or read the matrices of each weight set."""

import json

from aimcsim.weights.registry import WEIGHTS


def kind_source(wildcards):
    """What defines the kind of a weight set: the list of its sources, or the user's own file."""
    source = WEIGHTS.source(STUDY.weights[wildcards.weight_set].kind)
    return sources(source) if isinstance(source, str) else source


rule weights:
    input:
        # The user's own files, where the weight set has some.
        files=lambda wildcards: list(STUDY.weights[wildcards.weight_set].files()),
        code=sources("aimcsim.weights.dataset"),
        kind=kind_source,
    output:
        f"{RESULTS}/weights/{{weight_set}}.nc",
    log:
        f"{RESULTS}/logs/weights/{{weight_set}}.log",
    conda:
        "../../envs/aimcsim.yaml"
    params:
        # Without the images of a network: it is judged by them, not programmed.
        definition=lambda wildcards: json.dumps(
            STUDY.weights[wildcards.weight_set].programmed_definition()
        ),
        seed=STUDY.seed,
    message:
        "Weights {wildcards.weight_set}"
    shell:
        "aimcsim --log {log} weights {wildcards.weight_set} --definition {params.definition:q}"
        " --seed {params.seed} --output {output}"
