"""Tests of training; all need PyTorch."""
