"""What the arrays of a checkpoint are, by the names and types that frameworks give them.

A file does not say which of its arrays are multiplied with inputs. Left out by name, unless the
user selects them, are masks, indices, biases, norms, embeddings, positions, and the scales of
quantised weights. Every one is shown with its reason by ``aimcsim check``.
"""

import re

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_GENERIC = {"weight", "weights", "kernel", "param", "data", "value", "values"}
"""Last parts of a name that say nothing: the part before them does."""

_MASKS = {"mask", "masks", "tril", "triu"}
_SCALES = {"scale", "scales", "zeros", "qzeros", "zp", "absmax", "amax", "scb"}
_INDICES = {"id", "ids", "idx", "index", "indices", "perm"}
_BIASES = {"bias", "biases"}
_NORMS = {
    "norm", "normalization", "layernorm", "batchnorm", "groupnorm", "instancenorm", "rmsnorm", "ln",
    "bn", "gn", "gamma", "running", "moving",
}  # fmt: skip
_POSITIONS = {
    "pos", "position", "positions", "positional", "pe", "wpe", "rope", "rotary", "freq", "freqs",
}  # fmt: skip
_EMBEDDINGS = {"embed", "embeds", "embedding", "embeddings", "emb", "wte"}
_TOKENS = {"token", "tokens"}
_LINEAR = {
    "proj", "project", "projection", "in", "out", "mapping", "linear", "dense", "conv", "patch",
    "fc", "mlp", "head",
}  # fmt: skip
"""With these in its name, what belongs to embeddings is a layer all the same."""


def reason_to_leave_out(name: str, boolean: bool, integer: bool) -> str | None:
    """Why an array of two or more axes is not taken for a matrix; None: it is.

    Parameters
    ----------
    name : of the array, as in "model.layers.0.mlp.up_proj.weight"
    boolean, integer : its type; a boolean is no integer here
    """
    if boolean:
        return "true or false: a mask"
    parts = [part for part in re.split(r"[./:|]", name) if re.search("[A-Za-z]", part)]
    *outer, leaf = parts or [""]
    own = _words(leaf)
    layer = _words(outer[-1]) if outer and own <= _GENERIC else own
    if own & _MASKS:
        return "a mask, by its name"
    if own & _SCALES or {"zero", "point"} <= own or {"quant", "map"} <= own:
        return "scales or zero points, by its name"
    if integer and own & _INDICES:
        return "indices, by its name"
    if (own | layer) & _BIASES:
        return "biases, by its name"
    if (own | layer) & _NORMS:
        return "parameters of a norm, by its name"
    if layer & _LINEAR:
        return None
    if layer & _POSITIONS or {"inv", "freq"} <= layer:
        return "positions, by its name"
    if layer & _EMBEDDINGS:
        return "an embedding, which is looked up and not multiplied, by its name"
    if own & _TOKENS:
        return "learned tokens, by its name"
    return None


def _words(part: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(part)}
