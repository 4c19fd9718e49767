"""Lowerings, one module per operation family."""

from ovgpu.ops.registry import registry

# Declares all operations: modules of ``ovgpu.ops`` import each other, and only this order always works.
registry.find("Parameter", 1)
