"""Weights: where they come from, and how they are cut into tiles of the core's size.

``dataset.build`` gives the dataset of a weight set of the configuration, ``layout.matrices`` its
matrices, ``tiles`` goes to tiles and back. Rows are inputs and columns outputs throughout; weights
have no unit. Nothing is imported here: a stage depends on the files that it uses and no others.
"""
