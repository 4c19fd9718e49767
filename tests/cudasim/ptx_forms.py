"""Instruction forms: one line of a table says what a family of PTX instructions computes.

A line is (pattern, signature, expression)::

    ("mul.wide.<T:u16,s16,u32,s32>", "W = T T", "mul_wide_$T({a}, {b})")

``<NAME:x,y>`` in the pattern stands for each of its alternatives (one may be empty), ``$NAME`` in the expression for
the one taken. The signature gives the PTX types of the result and of the operands; W is T at double width. ``{a}``,
``{b}`` ... become the operands, read as C values of their types. Names with a fixed meaning:

    F  .ftz: subnormal operands and results become zero      S  .sat     U  .relu
    R  rounding; ``$R`` is "" for none and .rn, else "_rz", "_rm", "_rp"

The opcodes of all forms make one dictionary; what is not in it is refused. So no modifier is ever ignored.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    opcode: str
    result: str
    operands: tuple[str, ...]
    expression: str
    flush: tuple[str, ...] = ()  # .ftz: operands and results of these types
    clamp: tuple[str, ...] = ()  # of "sat", "relu", applied to the result


FLUSHABLE = ("f32", "f32x2", "f16", "f16x2")
WIDER = {"u16": "u32", "s16": "s32", "u32": "u64", "s32": "s64"}


def alternatives(pattern: str) -> Iterator[tuple[str, dict[str, str]]]:
    """``"a.<T:x,y>"`` -> ("a.x", {"T": "x"}), ("a.y", {"T": "y"})."""
    pieces = re.split(r"<(\w+):([^>]*)>", pattern)
    fixed, names, choices = pieces[0::3], pieces[1::3], [c.split(",") for c in pieces[2::3]]
    for taken in itertools.product(*choices):
        opcode = fixed[0] + "".join(t + f for t, f in zip(taken, fixed[1:], strict=True))
        yield opcode, dict(zip(names, taken, strict=True))


def _substitute(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$(\w)", lambda m: values[m[1]], text)


def expand(table: Iterable[tuple[str, str, str]]) -> Iterator[Form]:
    for pattern, signature, expression in table:
        for opcode, names in alternatives(pattern):
            values = {k: v.lstrip(".") for k, v in names.items()}
            if "R" in values:
                values["R"] = "" if values["R"] in ("", "rn") else "_" + values["R"]
            if values.get("T") in WIDER:
                values["W"] = WIDER[values["T"]]
            if "T" in values:
                values["N"] = re.sub(r"\D", "", values["T"])
            result, operands = (
                [values.get(t, t) for t in side.split()] for side in signature.split("=")
            )
            clamp = tuple(c for c, name in (("sat", "S"), ("relu", "U")) if values.get(name))
            yield Form(
                opcode,
                result[0],
                tuple(operands),
                _substitute(expression, values),
                flush=FLUSHABLE if values.get("F") else (),
                clamp=clamp,
            )


def index(*tables: Iterable[tuple[str, str, str]]) -> dict[tuple[str, int], Form]:
    """(opcode, number of source operands) -> Form. A form given twice is an error in the tables."""
    forms: dict[tuple[str, int], Form] = {}
    for form in itertools.chain.from_iterable(expand(t) for t in tables):
        key = form.opcode, len(form.operands)
        if key in forms:
            raise ValueError(f"two forms for {form.opcode}")
        forms[key] = form
    return forms
