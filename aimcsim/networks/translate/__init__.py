"""ONNX's operators as steps.

A translator adds the steps of one node to a :class:`~aimcsim.networks.builder.Builder`, or raises
:class:`~aimcsim.networks.builder.Unsupported`. Nodes whose inputs are all constant never come
here. The meaning of each operator is that of https://onnx.ai/onnx/operators/.
"""
