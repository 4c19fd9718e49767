"""PTX text -> a tree of functions, blocks and instructions (PTX ISA 8.x, as NVRTC emits it).

Only the structure is understood here. What an instruction means is said in the ptx_*.py tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


class PtxError(Exception):
    """The PTX holds something that the simulation does not know; the text names it and its line."""


@dataclass
class Instruction:
    """``@!%p1 add.s32 %r1, %r2, 3;`` with its line in the PTX text."""

    opcode: str
    operands: list[str]
    line: int
    guard: str | None = None
    guard_negated: bool = False

    def __str__(self) -> str:
        return f"{self.opcode} {', '.join(self.operands)}"


@dataclass
class Label:
    name: str
    line: int


@dataclass
class Variable:
    """A declaration in .param, .shared, .local, .global or .const space."""

    name: str
    space: str
    type: str
    alignment: int
    count: int | None  # None: ``name[]``, sized by the launch; 1 for a scalar
    initial: str | None = None
    is_extern: bool = False


@dataclass
class Block:
    """``{ ... }``: registers and .param variables are local to it, labels too."""

    items: list[Instruction | Label | Block] = field(default_factory=list)
    registers: dict[str, str] = field(default_factory=dict)  # name -> type
    variables: list[Variable] = field(default_factory=list)
    branch_targets: dict[str, list[str]] = field(default_factory=dict)
    prototypes: dict[str, str] = field(default_factory=dict)


@dataclass
class Function:
    name: str
    is_entry: bool
    params: list[Variable]
    returns: list[Variable]
    max_threads: int = 0
    min_blocks: int = 0
    body: Block | None = None  # None: a declaration


@dataclass
class Module:
    target: int = 0
    functions: list[Function] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)


_VECTOR_LENGTH = {".v2": 2, ".v4": 4}
_TYPE_BYTES = {"8": 1, "16": 2, "32": 4, "64": 8, "128": 16}
_IDENTIFIER = r"[A-Za-z_$%][\w$]*"
_VARIABLE = re.compile(
    r"(?P<linkage>(?:\.(?:visible|extern|weak|common)\s+)*)"
    r"\.(?P<space>param|shared|local|global|const)\s+"
    r"(?:\.attribute\([^)]*\)\s*)?"
    r"(?:\.align\s+(?P<align>\d+)\s+)?"
    r"(?P<vector>\.v[24]\s+)?\.(?P<type>\w+)\s+"
    r"(?:\.ptr(?:\s+\.(?:global|shared|const|local))?(?:\s+\.align\s+\d+)?\s+)?"
    rf"(?P<name>{_IDENTIFIER})\s*(?P<dims>(?:\[\s*\d*\s*\])*)"
    r"\s*(?:=\s*(?P<init>.*))?$",
    re.S,
)


def type_bytes(ptx_type: str) -> int:
    """Bytes of a scalar or packed type: s32 -> 4, f16x2 -> 4, pred -> 1."""
    if ptx_type == "pred":
        return 1
    match = re.match(r"[a-z]+(\d+)(?:x(\d))?$", ptx_type)
    if not match or match[1] not in _TYPE_BYTES:
        raise PtxError(f"unknown PTX type .{ptx_type}")
    return _TYPE_BYTES[match[1]] * int(match[2] or 1)


def split_operands(text: str) -> list[str]:
    """Split at the commas outside of {}, [] and ()."""
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char in "{[(") - (char in "}])")
        if char == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    if current.strip():
        parts.append(current.strip())
    return parts


def parse_variable(text: str, line: int) -> Variable:
    match = _VARIABLE.match(text.strip())
    if not match:
        raise PtxError(f"PTX line {line}: declaration not understood: {text.strip()[:120]}")
    count: int | None = _VECTOR_LENGTH.get((match["vector"] or "").strip(), 1)
    for size in re.findall(r"\[\s*(\d*)\s*\]", match["dims"]):
        count = None if size == "" or count is None else count * int(size)
    natural = type_bytes(match["type"])
    return Variable(
        match["name"],
        match["space"],
        match["type"],
        int(match["align"] or natural),
        count,
        (match["init"] or "").strip() or None,
        "extern" in match["linkage"],
    )


class Parser:
    """Reads the text once, keeping the line number; ``parse()`` below is the way in."""

    def __init__(self, text: str):
        # comments go, line ends stay
        text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
        self.text = re.sub(r"//[^\n]*", "", text)
        self.position = 0
        self._counted_to, self._line = 0, 1

    @property
    def line(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.position)
        self._counted_to = self.position
        return self._line

    def skip_space(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def at(self, pattern: str) -> re.Match[str] | None:
        return re.compile(pattern, re.S).match(self.text, self.position)

    def take_until(self, end: str) -> str:
        stop = self.text.find(end, self.position)
        if stop < 0:
            raise PtxError(f"PTX line {self.line}: '{end}' missing")
        taken = self.text[self.position : stop]
        self.position = stop + len(end)
        return taken

    def take_parenthesis(self) -> str:
        assert self.text[self.position] == "("
        self.position += 1
        return self.take_until(")")

    # ------------------------------------------------------------------ module level
    def module(self) -> Module:
        module = Module()
        self.skip_space()
        while self.position < len(self.text):
            if match := self.at(r"\.(version|address_size|file)\b[^\n]*"):
                self.position = match.end()
            elif match := self.at(r"\.target\s+sm_(\d+)[^\n]*"):
                module.target = int(match[1])
                self.position = match.end()
            elif match := self.at(r"\.section\s+\S+\s*\{"):  # debug information
                self.position = match.end()
                self.take_until("}")
            elif match := self.at(r"(?:\.(?:visible|extern|weak)\s+)*\.(entry|func)\b"):
                module.functions.append(self.function(match))
            else:
                line = self.line
                text = self.take_until(";")
                if not re.match(r"\.(alias|pragma)\b", text):
                    module.variables.append(parse_variable(text, line))
            self.skip_space()
        return module

    def function(self, match: re.Match[str]) -> Function:
        line = self.line
        self.position = match.end()
        self.skip_space()
        returns = ""
        if attribute := self.at(r"\.attribute\([^)]*\)\s*"):
            self.position = attribute.end()
        if self.text[self.position] == "(":
            returns = self.take_parenthesis()
            self.skip_space()
        name = self.at(_IDENTIFIER)
        if not name:
            raise PtxError(f"PTX line {line}: function name missing")
        self.position = name.end()
        self.skip_space()
        params = self.take_parenthesis() if self.text[self.position] == "(" else ""
        function = Function(
            name[0],
            match[1] == "entry",
            [parse_variable(p, line) for p in split_operands(params)],
            [parse_variable(p, line) for p in split_operands(returns)],
        )
        self.skip_space()
        while self.text[self.position] not in "{;":  # performance directives
            directive = self.at(r"\.(\w+)([^.{;]*)")
            if not directive:
                raise PtxError(f"PTX line {self.line}: directive expected after {function.name}")
            numbers = [int(n) for n in re.findall(r"\d+", directive[2])]
            if directive[1] in ("maxntid", "reqntid"):
                function.max_threads = 1
                for n in numbers:
                    function.max_threads *= n
            elif directive[1] == "minnctapersm":
                function.min_blocks = numbers[0]
            elif directive[1] not in ("maxnreg", "noreturn", "pragma", "blocksareclusters"):
                raise PtxError(f"PTX line {self.line}: directive .{directive[1]} not supported")
            self.position = directive.end()
        opening = self.text[self.position]
        self.position += 1
        if opening == "{":
            function.body = self.block()
        return function

    # ------------------------------------------------------------------ function bodies
    def block(self) -> Block:
        """After '{', up to and with the matching '}'."""
        block = Block()
        while True:
            self.skip_space()
            if self.position >= len(self.text):
                raise PtxError("PTX ends inside a block")
            char = self.text[self.position]
            if char == "}":
                self.position += 1
                return block
            if char == "{":
                self.position += 1
                block.items.append(self.block())
            elif char == ";":
                self.position += 1
            elif match := self.at(rf"({_IDENTIFIER})\s*:(?!:)"):
                self.label(block, match)
            elif match := self.at(r"\.(loc|file)\b[^\n]*"):
                self.position = match.end()
            else:
                line = self.line
                self.statement(block, self.take_until(";").strip(), line)

    def label(self, block: Block, match: re.Match[str]) -> None:
        line = self.line
        self.position = match.end()
        self.skip_space()
        if self.at(r"\.branchtargets\b"):
            targets = self.take_until(";").split(None, 1)[1]
            block.branch_targets[match[1]] = split_operands(targets)
        elif self.at(r"\.callprototype\b"):
            block.prototypes[match[1]] = self.take_until(";")
        else:
            block.items.append(Label(match[1], line))

    def statement(self, block: Block, text: str, line: int) -> None:
        if text.startswith(".reg"):
            match = re.match(r"\.reg\s+\.(\w+)\s+(.*)$", text, re.S)
            if not match:
                raise PtxError(f"PTX line {line}: {text}")
            for name in split_operands(match[2]):
                many = re.match(r"(.*)<(\d+)>$", name)
                if many:
                    for i in range(int(many[2])):
                        block.registers[f"{many[1]}{i}"] = match[1]
                else:
                    block.registers[name] = match[1]
        elif text.startswith("."):
            if not text.startswith(".pragma"):
                block.variables.append(parse_variable(text, line))
        else:
            match = re.match(r"(?:@(!?)([%\w$]+)\s+)?([\w.:]+)\s*(.*)$", text, re.S)
            if not match:
                raise PtxError(f"PTX line {line}: not understood: {text[:120]}")
            block.items.append(
                Instruction(match[3], split_operands(match[4]), line, match[2], match[1] == "!")
            )


def parse(text: str) -> Module:
    """Parse the PTX of one module. PtxError if its structure is not understood."""
    return Parser(text).module()
