"""Reading and writing models."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovgpu.graph.model import Model

_FORMATS = "onnx ir "


def read_model(model: Any, weights: Any = None, config: Mapping[str, Any] | None = None) -> Model:
    """Read a model file or a model in memory.

    Args:
        model: path of an ``.xml`` (OpenVINO IR) or ``.onnx`` file as str, bytes or Path; or the content of such a file
            as bytes, str (XML only) or BytesIO.
        weights: IR only: path of the ``.bin`` file, by default the one beside the model; or its content as a Tensor,
            bytes or BytesIO.
        config: properties; ``ENABLE_MMAP`` (True) maps weights into memory instead of reading them.

    Raises:
        RuntimeError: the file does not exist, or is no model that can be read; the message says where it is wrong.
        TypeError: ``model`` or ``weights`` are of other types.
    """
    use_mmap = str((config or {}).get("ENABLE_MMAP", True)).upper() not in ("FALSE", "NO", "0")
    if isinstance(model, io.BytesIO):
        return _read_content(model.getvalue(), weights, use_mmap)
    if isinstance(model, (bytes, bytearray, memoryview)):
        content = bytes(model)
        if not _is_xml(content) and _is_existing_path(content):
            return _read_file(Path(os.fsdecode(content)), weights, use_mmap)
        return _read_content(content, weights, use_mmap)
    if isinstance(model, str) and _is_xml(model[:256].encode()):
        return _read_content(model.encode(), weights, use_mmap)
    if isinstance(model, (str, os.PathLike)):
        return _read_file(Path(model), weights, use_mmap)
    raise TypeError(
        f"Provided python object type {type(model)} isn't supported as 'model' argument."
    )


def save_model(model: Model, output_model: str | Path, compress_to_fp16: bool = True) -> None:
    """Write ``model`` as OpenVINO IR; see :func:`ovgpu.frontends.ir.save_model`."""
    from ovgpu.frontends.ir import save_model as save

    save(model, output_model, compress_to_fp16)


def serialize(
    model: Model, xml_path: str | Path, bin_path: str | Path = "", version: str = "UNSPECIFIED"
) -> None:
    """Write ``model`` as OpenVINO IR as it is; see :func:`ovgpu.frontends.ir.serialize`."""
    from ovgpu.frontends.ir import serialize as write

    write(model, xml_path, bin_path, version)


def _is_xml(content: bytes) -> bool:
    return content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _is_existing_path(content: bytes) -> bool:
    if not 0 < len(content) <= 4096 or b"\0" in content:
        return False
    return Path(os.fsdecode(content)).exists()


def _read_file(path: Path, weights: Any, use_mmap: bool) -> Model:
    suffix = path.suffix
    if not path.is_file():
        name = "onnx" if suffix == ".onnx" else "ir"
        raise RuntimeError(
            f'FrontEnd API failed with GeneralFailure:\n{name}: Could not open the file: "{path}"'
        )
    if suffix == ".onnx":
        return _read_onnx(path)
    with open(path, "rb") as file:
        if not _is_xml(file.read(256)):
            raise RuntimeError(
                f'Unable to read the model: "{path}" Please check that model format: "{suffix}" is supported and the '
                f"model is correct. Available frontends: {_FORMATS}"
            )
        file.seek(0)
        content = file.read()
    return _read_ir(content, weights, path, use_mmap)


def _read_content(content: bytes, weights: Any, use_mmap: bool) -> Model:
    if _is_xml(content):
        return _read_ir(content, weights, None, use_mmap)
    from ovgpu.frontends.onnx import is_onnx

    if not is_onnx(content):
        raise RuntimeError(
            "Unable to read the model. Please check if the model format is supported and model is correct. "
            f"Available frontends: {_FORMATS}"
        )
    return _read_onnx(content)


def _read_ir(content: bytes, weights: Any, path: Path | None, use_mmap: bool) -> Model:
    from ovgpu.frontends.ir.reader import read_ir
    from ovgpu.frontends.ir.weights import open_weights

    return read_ir(content, open_weights(weights, path, use_mmap))


def _read_onnx(source: Path | bytes) -> Model:
    from ovgpu.frontends.onnx import read_onnx

    return read_onnx(source)
