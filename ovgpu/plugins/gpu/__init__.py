"""The GPU device: CuPy, CUDA kernels of this project (``kernels/``), one arena and one stream for each job.

Nothing outside this package imports cupy, and this package imports it only when a device is asked for.
"""
