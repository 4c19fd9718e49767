"""Files that list plugins, as ``Core(xml_config_file)`` takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat


def read_plugin_config(path: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield name, location (``module:object``) and properties of each plugin of the file.

    Raises RuntimeError when the file cannot be read or parsed, or declares entities.
    """
    found: list[tuple[str, str, dict[str, str]]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "plugin":
            if "name" not in attributes or "location" not in attributes:
                raise RuntimeError(f"{path}: a plugin needs the attributes name and location")
            found.append((attributes["name"], attributes["location"], {}))
        elif tag == "property" and found:
            found[-1][2][attributes.get("key", "")] = attributes.get("value", "")

    def refuse_entities(*_: object) -> None:
        raise RuntimeError(f"{path}: entities are not allowed")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse_entities
    try:
        parser.Parse(path.read_bytes(), True)
    except (OSError, expat.ExpatError) as error:
        raise RuntimeError(f"Cannot read the plugin list {path}: {error}") from error
    yield from found
