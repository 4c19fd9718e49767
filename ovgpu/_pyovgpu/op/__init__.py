"""Unexported classes of operations."""

from ovgpu._pyovgpu.op import util as util
