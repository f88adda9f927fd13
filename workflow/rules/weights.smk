"""Draw, train or read the matrices of each weight set."""

import json

from aimcsim.weights.registry import WEIGHTS

# What defines the kind of each weight set.
KIND_SOURCES = {
    name: sources(WEIGHTS.source(definition.kind))
    for name, definition in STUDY.weights.items()
}


rule weights:
    input:
        # The user's own files, where the weight set has some.
        files=lambda wildcards: list(STUDY.weights[wildcards.weight_set].files()),
        code=sources("aimcsim.weights.dataset"),
        kind=lambda wildcards: KIND_SOURCES[wildcards.weight_set],
    output:
        FILES.weights("{weight_set}"),
    log:
        FILES.log("weights/{weight_set}"),
    # Before all that wants them.
    priority: 2
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
