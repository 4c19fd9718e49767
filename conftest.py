"""Tests marked gpu_sim run on simulated CUDA devices where there is no real one (tests/cudasim/README.md)."""

pytest_plugins = ["cudasim.plugin"]
