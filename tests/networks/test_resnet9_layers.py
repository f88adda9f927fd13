"""The layers of ResNet-9 as matrices."""

from aimcsim.networks.resnet9_layers import AnalogLayer, analog_layers


def test_nine_weighted_layers_on_the_main_path():
    names = [layer.name for layer in analog_layers((28, 56, 56))]
    assert len([name for name in names if not name.startswith("shortcut")]) == 9
    assert len(set(names)) == len(names) == 10


def test_weights_of_the_shipped_widths():
    layers = {layer.name: layer for layer in analog_layers((28, 56, 56))}
    assert sum(layer.rows * layer.columns for layer in layers.values()) == 122_836
    assert layers["stage3a"] == AnalogLayer("stage3a", 56, 56, 3, 2)
    assert layers["stage3a"].rows == 504  # two tiles of 252 rows
    assert layers["classifier"].rows == 56


def test_a_wider_third_stage_has_a_shortcut_of_its_own():
    layers = {layer.name: layer for layer in analog_layers((4, 6, 8))}
    assert (layers["shortcut3"].rows, layers["shortcut3"].columns) == (6, 8)
