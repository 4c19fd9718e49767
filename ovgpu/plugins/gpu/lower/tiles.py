"""How matrix products are cut up: into square tiles of results, and the inner dimension into slices."""

from __future__ import annotations

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.encoder import Encoder

#: Edges of the square tiles of results that a block makes, the largest first.
TILE_EDGES = (128, 64, 32)

#: Parts of the inner dimension that different blocks sum, at most, and bytes of their sums.
LARGEST_SLICES = 16
LARGEST_PARTIALS = 4 << 20


def product_scratch(rows: int, columns: int, batch: int = 1) -> int:
    """Bytes of scratch memory for a product: the sums of all slices of its tiles, which are kept whole."""
    tiles = -(-rows // TILE_EDGES[1]) * -(-columns // TILE_EDGES[1]) * batch
    return min(LARGEST_PARTIALS, LARGEST_SLICES * tiles * TILE_EDGES[1] ** 2 * 4)


def choose_tile(rows: int, columns: int, batch: int, multiprocessors: int) -> tuple[int, int]:
    """Edge of the tiles, and their number: the largest tiles that are well filled and give every multiprocessor one."""
    count = 0
    for edge in TILE_EDGES:
        count = -(-rows // edge) * -(-columns // edge) * batch
        if count >= multiprocessors and min(rows, columns) > edge // 2:
            return edge, count
    return TILE_EDGES[-1], count


def tile_kernel(
    encoder: Encoder,
    storage: Type,
    rows: int,
    columns: int,
    batch: int,
    tensor: bool = True,
    largest: int = TILE_EDGES[0],
) -> tuple[str, int, int, int]:
    """Which tiled kernel to take: end of its name, edge of its tiles, threads of a block, number of tiles.

    ``tensor`` says whether the operands suit tensor cores, ``largest`` is the edge of the largest tiles without them.
    """
    edge, _ = choose_tile(rows, columns, batch, encoder.multiprocessors)
    if tensor and encoder.has_tensor_cores(storage):
        edge = max(edge, 64)
        name, threads = f"tensor_{edge}x{edge}", 256 if edge == 128 else 128
    else:
        edge = min(edge, largest)
        name, threads = f"{edge}x{edge}", 256 if edge > 32 else 64
    return name, edge, threads, -(-rows // edge) * -(-columns // edge) * batch


def tile_group(name: str) -> int:
    """Elements that a tiled kernel of :func:`tile_kernel` fetches at once: four for sums, 16 bytes for tensor cores."""
    return 8 if name.startswith("tensor_") else 4


def choose_slices(
    tiles: int, edge: int, depth: int, multiprocessors: int, scratch_bytes: int
) -> tuple[int, int]:
    """Into how many parts the inner dimension is cut so that few tiles keep a device busy, and their depth.

    There are no more tiles than multiprocessors where there is more than one part: each finds a ticket.
    """
    wanted = min(
        2 * multiprocessors // max(tiles, 1),
        depth // 128,
        LARGEST_SLICES,
        scratch_bytes // max(tiles * edge**2 * 4, 1),
    )
    if wanted < 2:
        return 1, max(depth, 1)
    slice_depth = -(-depth // (wanted * 32)) * 32
    return -(-depth // slice_depth), slice_depth
