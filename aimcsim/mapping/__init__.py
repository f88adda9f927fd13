"""Matrices to tiles of unit cells, and the files they come from."""
