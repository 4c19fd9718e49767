"""Torchvision transforms as part of the model: ``ovgpu.preprocess.torchvision``."""

from ovgpu.preprocess.torchvision.converter import PreprocessConverter
from ovgpu.version import __version__

__all__ = ["PreprocessConverter", "__version__"]
