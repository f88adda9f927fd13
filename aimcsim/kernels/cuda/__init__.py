"""The CUDA source of the GPU kernels, and what runs it."""
