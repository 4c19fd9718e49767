"""OpenVINO IR: the format of ``.xml`` and ``.bin`` files, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovgpu.graph.model import Model

_VERSIONS = {"UNSPECIFIED": 11, "IR_V11": 11, "IR_V10": 10}


def save_model(model: Model, output_model: str | Path, compress_to_fp16: bool = True) -> None:
    """Write ``model`` as OpenVINO IR 11.

    Args:
        model: stays as it is.
        output_model: path of the ``.xml`` file; the weights go to a ``.bin`` file beside it. Missing folders are made.
        compress_to_fp16: store constants of f32 and f64 as f16 with a Convert back to their type.

    Raises RuntimeError for another suffix than ``.xml`` and when a file cannot be written.
    """
    from ovgpu.frontends.ir.compress import compress_to_f16
    from ovgpu.version import get_version

    path = _xml_path(output_model)
    if compress_to_fp16:
        model = model.clone()
        compress_to_f16(model)
    _write(
        model, path, path.with_suffix(".bin"), 11, {"OpenVINO Runtime": f"ovgpu {get_version()}"}
    )


def serialize(
    model: Model, xml_path: str | Path, bin_path: str | Path = "", version: str = "UNSPECIFIED"
) -> None:
    """Write ``model`` as OpenVINO IR as it is.

    Args:
        model: the model.
        xml_path: path of the ``.xml`` file. Missing folders are made.
        bin_path: path of the weights; by default beside the ``.xml`` file.
        version: ``IR_V10``, ``IR_V11`` or ``UNSPECIFIED``, which is the latter.

    Raises RuntimeError for another suffix than ``.xml``, another version, and when a file cannot be written.
    """
    if version not in _VERSIONS:
        raise RuntimeError(
            f"Invoked with wrong version argument: '{version}'! The supported versions are: 'UNSPECIFIED'(default), "
            "'IR_V10', 'IR_V11'."
        )
    path = _xml_path(xml_path)
    weights = Path(bin_path) if str(bin_path) else path.with_suffix(".bin")
    _write(model, path, weights, _VERSIONS[version], {})


def _xml_path(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix != ".xml":
        raise RuntimeError(
            f"Path for xml file doesn't contains file name with 'xml' extension: \"{path}\""
        )
    return path


def _write(model: Model, path: Path, weights: Path, version: int, info: dict[str, Any]) -> None:
    from ovgpu.frontends.ir.writer import write_ir

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeError(f'Can\'t open xml file: "{path}" ({error.strerror})') from error
    write_ir(model, path, weights, version, info)
