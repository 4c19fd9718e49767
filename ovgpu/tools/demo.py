"""Read a line of text from an image with PP-OCRv4, which the package rapidocr-onnxruntime carries."""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path
from typing import Any

import numpy as np

import ovgpu as ov

#: Height that the recogniser was trained with, in pixels.
LINE_HEIGHT = 48
PACKAGE = "rapidocr_onnxruntime"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "image", nargs="?", help="image of one line of text (default: one is drawn)"
    )
    parser.add_argument(
        "--text", default="Hello OpenVINO 2026", help="text to draw when no image is given"
    )
    parser.add_argument("--device", "-d", default="AUTO", help="CPU, GPU, AUTO (default AUTO)")


def find_model() -> Path:
    """The recogniser's file. Raises RuntimeError that says how to get it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "the demo needs its model: pip install --no-deps rapidocr-onnxruntime==1.4.4"
        )
    return (
        Path(next(iter(spec.submodule_search_locations))) / "models" / "ch_PP-OCRv4_rec_infer.onnx"
    )


def characters(model_path: Path) -> list[str]:
    """The recogniser's alphabet, from the model's own metadata: index 0 is "no character", the last a blank."""
    import onnx

    proto = onnx.load(str(model_path), load_external_data=False)
    listed = next(p.value for p in proto.metadata_props if p.key == "character")
    return ["", *listed.splitlines(), " "]


def check_pillow() -> None:
    """Raise RuntimeError that says how to get Pillow when it is missing."""
    if importlib.util.find_spec("PIL") is None:
        raise RuntimeError(
            "the demo draws and reads images with Pillow: pip install 'ovgpu[image]'"
        )


def draw(text: str) -> Any:
    """Black text on white, as a Pillow image."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=32)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (int(right - left) + 24, int(bottom - top) + 24), "white")
    ImageDraw.Draw(image).text((12 - left, 12 - top), text, fill="black", font=font)
    return image


def prepare(image: Any) -> np.ndarray:
    """The line as f32 [1, 3, 48, width], BGR, in [-1, 1]."""
    image = image.convert("RGB")
    width = max(LINE_HEIGHT, round(image.width * LINE_HEIGHT / image.height))
    pixels = np.asarray(image.resize((width, LINE_HEIGHT)), np.float32)[:, :, ::-1]
    return ((pixels / 127.5) - 1).transpose(2, 0, 1)[None]


def decode(scores: np.ndarray, alphabet: list[str]) -> tuple[str, float]:
    """Text and mean confidence from scores [time, characters]: repeats collapse, "no character" separates (CTC)."""
    best = scores.argmax(axis=1)
    keep = (best != 0) & (best != np.concatenate(([0], best[:-1])))
    if not keep.any():
        return "", 0.0
    return "".join(alphabet[i] for i in best[keep]), float(scores.max(axis=1)[keep].mean())


def run(arguments: argparse.Namespace) -> int:
    path = find_model()
    check_pillow()
    from PIL import Image

    core = ov.Core()
    compiled = core.compile_model(core.read_model(path), arguments.device)
    image = Image.open(arguments.image) if arguments.image else draw(arguments.text)
    data = prepare(image)
    start = time.perf_counter()
    scores = compiled(data)[0][0]
    took = (time.perf_counter() - start) * 1000
    text, confidence = decode(scores, characters(path))
    devices = compiled.get_property("EXECUTION_DEVICES")
    print(f"{path.name} on {', '.join(devices)}: input {list(data.shape)}, {took:.0f} ms")
    print(f"recognised: {text!r} (confidence {confidence:.2f})")
    return 0
