"""aimcsim beside other simulators: one matrix, one thread, one process, in turns.

``install.py`` makes the environment, ``python -m benchmarks.peers`` compares. Not for tests.
"""
