"""Weights: where the matrices to program come from, a file for each kind.

:data:`registry.WEIGHTS` knows the kinds, ``dataset.build`` gives the dataset of a weight set of the
configuration. Rows are inputs and columns outputs throughout; weights have no unit. Nothing is
imported here: a stage depends on the files that it uses and no others.
"""
