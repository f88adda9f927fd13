"""Speed and memory of aimcsim, against the machine's limits and against other simulators.

``python -m benchmarks`` runs the suite; see README.md beside this file.
"""
