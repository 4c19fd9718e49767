"""From a user's model to the graph that the GPU runs: the list of passes and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ovgpu.graph.model import Model
from ovgpu.passes.activation_patterns import restore_activations
from ovgpu.passes.batch_norm import decompose_batch_norm
from ovgpu.passes.constant_folding import fold_constants
from ovgpu.passes.layer_fusion import fuse_layers
from ovgpu.passes.layer_norm import fuse_layer_norm
from ovgpu.passes.rms_norm import fuse_rms_norm
from ovgpu.passes.scaled_sums import restore_means
from ovgpu.passes.shared_arithmetic import share_arithmetic
from ovgpu.plugins.gpu.attention import fuse_attention
from ovgpu.plugins.gpu.cache import fuse_caches
from ovgpu.plugins.gpu.compressed import keep_weights_packed
from ovgpu.plugins.gpu.fusion import fuse_elementwise
from ovgpu.plugins.gpu.gating import fuse_gates
from ovgpu.plugins.gpu.merging import merge_products
from ovgpu.plugins.gpu.residual import fuse_residuals, mark_dimensions
from ovgpu.plugins.gpu.rotary import fuse_rotary_embedding, merge_rotary_embeddings

#: Passes in order. Each edits the model in place and leaves it valid.
PASSES: Sequence[Callable[[Model], object]] = (
    mark_dimensions,
    keep_weights_packed,  # before folding, which would unpack them
    partial(fold_constants, exact=False),
    share_arithmetic,
    restore_means,
    decompose_batch_norm,
    fuse_attention,
    fuse_rotary_embedding,
    restore_activations,
    fuse_layer_norm,
    fuse_rms_norm,
    fuse_gates,  # before a product takes its activation over
    fuse_layers,
    fuse_residuals,
    merge_products,
    fuse_caches,
    merge_rotary_embeddings,
    fuse_elementwise,  # last: what it gathers no other pattern finds any more
)


def lower_model(model: Model) -> Model:
    """A private copy of ``model``, transformed for the GPU."""
    lowered = model.clone()
    for transform in PASSES:
        transform(lowered)
    return lowered
