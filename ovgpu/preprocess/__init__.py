"""Preprocessing and postprocessing as part of the model: ``ovgpu.preprocess``."""

from ovgpu.preprocess.formats import ColorFormat, PaddingMode, ResizeAlgorithm
from ovgpu.preprocess.infos import (
    InputInfo,
    InputModelInfo,
    InputTensorInfo,
    OutputInfo,
    OutputModelInfo,
    OutputTensorInfo,
)
from ovgpu.preprocess.processor import PrePostProcessor
from ovgpu.preprocess.steps import PostProcessSteps, PreProcessSteps
from ovgpu.version import __version__, get_version

__all__ = [
    "ColorFormat",
    "InputInfo",
    "InputModelInfo",
    "InputTensorInfo",
    "OutputInfo",
    "OutputModelInfo",
    "OutputTensorInfo",
    "PaddingMode",
    "PostProcessSteps",
    "PrePostProcessor",
    "PreProcessSteps",
    "ResizeAlgorithm",
    "__version__",
    "get_version",
]
