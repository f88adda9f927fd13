"""Arrays of checkpoints by the names that frameworks give them: layers, and what is none."""

import numpy as np
import pytest

from aimcsim.weights.files import FileWeights, read
from aimcsim.weights.roles import reason_to_leave_out

LAYERS = (
    "w", "fc", "fc.weight", "dense/kernel:0", "params.Dense_0.kernel", "layer_1", "matrix",
    "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight", "lm_head.weight",
    "h.0.attn.c_attn.weight", "encoder.layer.0.attention.self.query.weight", "conv1.weight",
    "patch_embed.proj.weight", "embeddings.patch_embeddings.projection.weight",
    "embeddings_project.weight", "embed_out.weight", "norm1.linear.weight", "in_proj_weight",
    "token_mixer.weight", "scaled.weight", "normal", "possible", "a.0.weight", "query",
)  # fmt: skip
OTHERS = {
    "a mask": ("mask", "attn.causal_mask", "tril"),
    "biases": (
        "h.0.attn.bias", "h.0.attn.masked_bias", "fc.bias", "relative_attention_bias.weight",
        "rel_pos_bias",
    ),
    "norm": (
        "ln.weight", "model.norm.weight", "LayerNorm.weight", "layer_normalization/gamma:0",
        "bn1.weight", "bn1.running_mean", "BatchNorm_0.moving_mean",
    ),
    "positions": (
        "pos", "pos_embed", "wpe.weight", "position_embeddings.weight", "pe", "rotary.inv_freq",
        "positional_encoding",
    ),
    "an embedding": (
        "embed.weight", "model.embed_tokens.weight", "wte.weight", "word_embeddings.weight",
        "embedding/embeddings:0", "Embed_0.embedding",
    ),
    "learned tokens": ("cls_token", "mask.query_tokens"),
    "scales": ("fc.weight_scale", "fc.scales", "w_zero_point", "weight.absmax", "weight.quant_map"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_taken(name):
    assert reason_to_leave_out(name, boolean=False, integer=False) is None


@pytest.mark.parametrize(
    ("name", "word"), [(name, word) for word, names in OTHERS.items() for name in names]
)
def test_what_is_no_layer_is_left_out_with_the_reason(name, word):
    assert word in reason_to_leave_out(name, boolean=False, integer=False)


def test_types_count_too():
    assert "mask" in reason_to_leave_out("w", boolean=True, integer=False)
    assert "indices" in reason_to_leave_out("relative_position_index", boolean=False, integer=True)
    assert reason_to_leave_out("w", boolean=False, integer=True) is None


def test_the_user_can_select_what_its_name_leaves_out(tmp_path):
    arrays = {"fc": np.eye(3), "embed.weight": np.ones((4, 3)), "mask": np.eye(2, dtype=bool)}
    np.savez(tmp_path / "w.npz", **arrays)
    whole = read(FileWeights(kind="file", path=str(tmp_path / "w.npz")))
    assert list(whole.matrices) == ["fc"]
    some = read(
        FileWeights(kind="file", path=str(tmp_path / "w.npz"), select=("embed.weight", "mask"))
    )
    assert list(some.matrices) == ["embed.weight", "mask"]


def test_the_one_array_of_a_file_has_no_name_to_go_by(tmp_path):
    np.save(tmp_path / "embedding.npy", np.eye(3))
    assert list(read(FileWeights(kind="file", path=str(tmp_path / "embedding.npy"))).matrices)
