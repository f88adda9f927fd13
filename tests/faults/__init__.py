"""Faults of files, processes and disks, injected with a seed; what the plain command makes of them.

A short run is one of the tests. The long one, of hundreds of faults:

    python -m tests.faults --faults 200 --seed 1 --folder /tmp/faults
"""
