"""Parsing XML that may come from strangers."""

from __future__ import annotations

import re
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

_CHUNK = 1 << 16
#: White space between elements, and the dimensions of ports, which the reader infers anew: two thirds of a file.
#: Neither can occur within a tag, since a "<" must be written as an entity there.
_UNREAD = re.compile(rb">\s+(?:<dim>-?\d+</dim>\s+)*<")


class _RootReached(Exception):
    """The prolog is over."""


def parse_xml(data: bytes) -> ElementTree.Element:
    """The root element of an XML document without a document type.

    Entities can only be declared in a document type, which must stand before the root element, and IR files have none.
    Refusing it there excludes entity bombs and external entities, and leaves the document itself to the C parser.

    Raises RuntimeError when ``data`` is not well-formed XML or declares a document type.
    """
    try:
        _check_prolog(data)
        return ElementTree.fromstring(_UNREAD.sub(b"><", data))
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise RuntimeError(f"The model's XML is malformed: {error}") from error


def _check_prolog(data: bytes) -> None:
    """Read until the root element starts."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = _stop
    try:
        for start in range(0, len(data), _CHUNK):
            parser.Parse(data[start : start + _CHUNK], False)
    except _RootReached:
        pass


def _refuse_document_type(*_: object) -> NoReturn:
    raise RuntimeError(
        "The model's XML declares a document type (DOCTYPE), which IR files never have; it is not read"
    )


def _stop(*_: object) -> NoReturn:
    raise _RootReached
