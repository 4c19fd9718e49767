"""Transformations that conversion tools call by name: ``openvino._offline_transformations``.

Those that need no more than the passes of :mod:`ovgpu.passes` are here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ovgpu.graph.model import Model
from ovgpu.graph.special import Parameter, Result
from ovgpu.passes import ConstantFolding, LowLatency2, MakeStateful, Manager
from ovgpu.version import __version__, get_version


def apply_moc_transformations(model: Model, cf: bool, smart_reshape: bool = False) -> None:
    """Simplify a model without regard to a device: with ``cf``, fold constants.

    Fusions are left to the plugins, which make them when they compile.
    """
    if cf:
        _run(model, ConstantFolding())


def apply_low_latency_transformation(model: Model, use_const_initializer: bool = True) -> None:
    """See :class:`ovgpu.passes.LowLatency2`."""
    _run(model, LowLatency2(use_const_initializer))


def apply_make_stateful_transformation(
    model: Model,
    pairs_to_replace: Sequence[tuple[Parameter, Result]] | Mapping[str, str] | None = None,
    param_res_names: Mapping[str, str] | None = None,
) -> None:
    """See :class:`ovgpu.passes.MakeStateful`."""
    _run(model, MakeStateful(param_res_names if pairs_to_replace is None else pairs_to_replace))


def apply_fused_names_cleanup(model: Model) -> None:
    """Drop the lists of fused nodes from the run-time information of all nodes."""
    for node in model.get_ordered_ops():
        for key in [k for k in node.rt_info if k.startswith("fused_names")]:
            del node.rt_info[key]


def compress_model_transformation(model: Model) -> None:
    """Store f32 and f64 constants as f16, each with a Convert back to its type behind it."""
    from ovgpu.frontends.ir.compress import compress_to_f16

    compress_to_f16(model)


def _run(model: Model, item: ConstantFolding | LowLatency2 | MakeStateful) -> None:
    manager = Manager()
    manager.register_pass(item)
    manager.run_passes(model)


__all__ = [
    "__version__",
    "apply_fused_names_cleanup",
    "apply_low_latency_transformation",
    "apply_make_stateful_transformation",
    "apply_moc_transformations",
    "compress_model_transformation",
    "get_version",
]
