"""Opening ONNX files: tensors beside them, links, versions; every failure is one message."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from aimcsim.common.errors import UserError
from aimcsim.networks.onnx_file import open_model
from aimcsim.networks.onnx_reader import read_model
from tests.networks.models import assert_same, ideal_scores, model, runtime_scores
from tests.networks.test_operators import draw, node

WEIGHTS = draw(8, 5)
IMAGES = draw(3, 8, seed=1)


def network() -> onnx.ModelProto:
    return model([node("MatMul", "image", "w", out="scores")], ("n", 8), {"w": WEIGHTS})


def save(folder, name="net.onnx"):
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(
        network(), folder / name, save_as_external_data=True, size_threshold=0, location="net.data"
    )
    return folder / name


def read_right(path):
    assert_same(ideal_scores(read_model(path, "net"), IMAGES), runtime_scores(network(), IMAGES))


def refusal(path):
    with pytest.raises(UserError) as caught:
        open_model(path, "net")
    text = str(caught.value)
    assert text.startswith("net: ")
    return text


def test_the_cache_of_a_hub(tmp_path):
    """Every file of a snapshot is a link to a blob that is named by its digest."""
    made = save(tmp_path / "made")
    cache = tmp_path / "models--a--b"
    snapshot = cache / "snapshots" / "0123abcd" / "onnx"
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for number, name in enumerate(("net.onnx", "net.data")):
        (made.parent / name).rename(cache / "blobs" / f"{number:064x}")
        (snapshot / name).symlink_to(f"../../../blobs/{number:064x}")
    read_right(snapshot / "net.onnx")


def test_a_link_inside_the_folder(tmp_path):
    path = save(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "net.data").rename(tmp_path / "real" / "data")
    (tmp_path / "net.data").symlink_to("real/data")
    read_right(path)


def test_a_folder_that_is_a_link(tmp_path):
    save(tmp_path / "real")
    (tmp_path / "linked").symlink_to("real")
    read_right(tmp_path / "linked" / "net.onnx")


@pytest.mark.parametrize("snapshots", [False, True])
def test_a_link_to_somewhere_else(tmp_path, snapshots):
    folder = tmp_path / "snapshots" / "1" if snapshots else tmp_path / "model"
    path = save(folder)
    (folder / "net.data").rename(tmp_path / "elsewhere")
    (folder / "net.data").symlink_to(tmp_path / "elsewhere")
    text = refusal(path)
    assert f"net.data, a link to {tmp_path / 'elsewhere'}, outside the folder" in text
    assert "Copy that file beside the model" in text


def test_a_link_to_nothing(tmp_path):
    path = save(tmp_path)
    (tmp_path / "net.data").unlink()
    (tmp_path / "net.data").symlink_to("gone")
    assert "a link to gone, and there is no such file" in refusal(path)


def relocated(tmp_path, **changes):
    """A model whose record of where its tensor lies is changed."""
    path = save(tmp_path)
    changed = onnx.load(path, load_external_data=False)
    (tensor,) = changed.graph.initializer
    for entry in tensor.external_data:
        entry.value = changes.get(entry.key, entry.value)
    path.write_bytes(changed.SerializeToString())
    return path


@pytest.mark.parametrize("location", ["../net.data", "/etc/passwd", "a/../../net.data", ""])
def test_places_outside_the_folder(tmp_path, location):
    text = refusal(relocated(tmp_path / "model", location=location))
    assert f"lie at '{location}', outside the folder of the model" in text


@pytest.mark.parametrize(
    "change", [{"length": "40"}, {"length": "4000000000000"}, {"offset": "-4"}, {"offset": "99999"}]
)
def test_places_beyond_the_file(tmp_path, change):
    assert "160 bytes, should be" in refusal(relocated(tmp_path, **change))


def test_a_place_that_is_no_number(tmp_path):
    assert "at a place that cannot be told" in refusal(relocated(tmp_path, offset="many"))


def test_tensors_of_more_than_any_memory(tmp_path):
    """Of which the file beside it has nothing: nothing of that size is asked for."""
    path = save(tmp_path)
    changed = onnx.load(path, load_external_data=False)
    changed.graph.initializer[0].dims[:] = [10**6, 10**6]
    path.write_bytes(changed.SerializeToString())
    assert "4,000,000,000,000 bytes, should be" in refusal(path)


def test_models_larger_than_the_format_allows(tmp_path, monkeypatch):
    path = save(tmp_path)
    monkeypatch.setattr("aimcsim.networks.onnx_file._LARGEST", 100)
    assert "with all its tensors; models of up to" in refusal(path)


def broken(change):
    source = network()
    change(source)
    return source.SerializeToString()


def bad_type(source):
    source.graph.initializer[0].data_type = 99


def no_output(source):
    del source.graph.output[:]


def no_graph(source):
    source.ClearField("graph")


def no_version(source):
    del source.opset_import[:]


def newer(source):
    source.opset_import[0].version = 999


def cut_tensor(source):
    source.graph.initializer[0].raw_data = source.graph.initializer[0].raw_data[:-4]


def two_of_a_name(source):
    source.graph.node.append(source.graph.node[0])


def unknown_attribute(source):
    source.graph.node[0].attribute.append(helper.make_attribute("stride", 1))


def wrong_shape(source):
    source.graph.initializer[0].dims[:] = [5, 8]


def other_type(source):
    source.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


BROKEN = {
    bad_type: "Invalid tensor data type 99",
    no_output: "has no output",
    no_graph: "has no graph",
    no_version: "does not say which version",
    newer: "uses version 999 of ONNX's operators; those up to",
    cut_tensor: "not a valid ONNX model",
    two_of_a_name: "not a valid ONNX model",
    unknown_attribute: "not a valid ONNX model",
    wrong_shape: "not a valid ONNX model",
    other_type: "not a valid ONNX model",
}


@pytest.mark.parametrize("change", BROKEN, ids=lambda change: change.__name__)
def test_a_broken_model_is_one_message(change):
    text = refusal(broken(change))
    assert BROKEN[change] in text
    assert "\n" not in text


def test_functions_that_call_themselves():
    source = network()
    calls = helper.make_node("Round", ["a"], ["b"], domain="mine")
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("mine", 1)]
    source.functions.append(helper.make_function("mine", "Round", ["a"], ["b"], [calls], opsets))
    source.opset_import.append(opsets[1])
    source.graph.node.append(helper.make_node("Round", ["scores"], ["end"], domain="mine"))
    source.graph.output[0].name = "end"
    with pytest.raises(UserError, match=r"^net: "):
        read_model(source.SerializeToString(), "net")


def test_labels_of_text_are_no_obstacle():
    source = network()
    source.graph.initializer.append(
        helper.make_tensor("labels", TensorProto.STRING, [2], [b"cat", b"dog"])
    )
    assert_same(
        ideal_scores(read_model(source.SerializeToString(), "net"), IMAGES),
        np.asarray(IMAGES @ WEIGHTS),
    )
