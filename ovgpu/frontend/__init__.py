"""The readers of model files, one by one: ``ovgpu.frontend``. ``Core.read_model`` chooses among them by itself."""

from ovgpu._pyovgpu import (
    GeneralFailure,
    InitializationFailure,
    NotImplementedFailure,
    OpConversionFailure,
    OpValidationFailure,
)
from ovgpu.frontend.extensions import ConversionExtension, NodeContext
from ovgpu.frontend.frontend import FrontEnd, FrontEndManager, InputModel
from ovgpu.frontend.place import Place
from ovgpu.inference.extension import OpExtension
from ovgpu.version import __version__, get_version

__all__ = [
    "ConversionExtension",
    "FrontEnd",
    "FrontEndManager",
    "GeneralFailure",
    "InitializationFailure",
    "InputModel",
    "NodeContext",
    "NotImplementedFailure",
    "OpConversionFailure",
    "OpExtension",
    "OpValidationFailure",
    "Place",
    "__version__",
    "get_version",
]
