"""Training of ResNet-9 on CIFAR-10 with PyTorch, aware of analog hardware.

The only part of the package that imports PyTorch (``pip install 'aimcsim[train]'``). What it
makes is one netCDF file of weights, from which everything else works without PyTorch.
"""
