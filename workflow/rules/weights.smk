"""Draw, train or read the matrices of each weight set."""

import json

from aimcsim.common.contents import contents_of


rule weights:
    input:
        MIDDLE,
    output:
        FILES.weights("{weight_set}"),
    log:
        FILES.log("weights/{weight_set}"),
    # Before all that wants them.
    priority: 2
    conda:
        ENVIRONMENT
    params:
        # Without the images of a network: it is judged by them, not programmed.
        definition=lambda wildcards: json.dumps(
            STUDY.weights[wildcards.weight_set].programmed_definition()
        ),
        seed=STUDY.seed,
        # What the user's own files hold, where the weight set has some.
        contents=lambda wildcards: contents_of(
            STUDY.weights[wildcards.weight_set].files()
        ),
        made_from=lambda wildcards: MADE.weights(wildcards.weight_set),
    message:
        "Weights {wildcards.weight_set}"
    shell:
        "aimcsim --log {log} weights {wildcards.weight_set} --definition {params.definition:q}"
        " --seed {params.seed} --contents {params.contents} --made-from {params.made_from}"
        " --output {output}"
