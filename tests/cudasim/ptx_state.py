"""What the translation of one function knows: registers, symbols, and how operands become C expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cudasim.ptx_parser import Block, Instruction, PtxError, type_bytes

C_TYPES = {
    "u8": "uint8_t",
    "s8": "int8_t",
    "b8": "uint8_t",
    "u16": "uint16_t",
    "s16": "int16_t",
    "b16": "uint16_t",
    "f16": "uint16_t",
    "bf16": "uint16_t",
    "u32": "uint32_t",
    "s32": "int32_t",
    "b32": "uint32_t",
    "f16x2": "uint32_t",
    "bf16x2": "uint32_t",
    "u16x2": "uint32_t",
    "s16x2": "uint32_t",
    "u64": "uint64_t",
    "s64": "int64_t",
    "b64": "uint64_t",
    "f32x2": "uint64_t",
    "b128": "uint128_t",
    "f32": "float",
    "f64": "double",
    "pred": "uint8_t",
}
DIMENSIONS = {"%tid": "tid", "%ntid": "ntid", "%ctaid": "ctaid", "%nctaid": "nctaid"}
SPECIAL_REGISTERS = {
    "%laneid": "(thread->linear & 31)",
    "%warpid": "(thread->linear >> 5)",
    "%nwarpid": "((thread->ntid.x * thread->ntid.y * thread->ntid.z + 31) >> 5)",
    "%lanemask_eq": "(1u << (thread->linear & 31))",
    "%lanemask_lt": "((1u << (thread->linear & 31)) - 1)",
    "%lanemask_le": "((2u << (thread->linear & 31)) - 1)",
    "%lanemask_gt": "(~((2u << (thread->linear & 31)) - 1))",
    "%lanemask_ge": "(~((1u << (thread->linear & 31)) - 1))",
    "%smid": "0u",
    "%nsmid": "1u",
    "%gridid": "0ull",
    "%dynamic_smem_size": "thread->dynamic_bytes",
    "%total_smem_size": "thread->shared_bytes",
    "%clock": "((uint32_t)__builtin_ia32_rdtsc())",
    "%clock64": "((uint64_t)__builtin_ia32_rdtsc())",
    "%globaltimer": "((uint64_t)__builtin_ia32_rdtsc())",
    "WARP_SZ": "32u",
}


def register_type(ptx_type: str) -> str:
    """Registers have no sign: s32 and u32 are both b32. f32 and f64 stay what they are."""
    if ptx_type in ("pred", "f32", "f64"):
        return ptx_type
    return f"b{8 * type_bytes(ptx_type)}"


def c_name(name: str) -> str:
    return re.sub(r"\W", "_", name.replace("$", "_S_").replace("%", "_P_"))


@dataclass
class Scope:
    """A PTX block: names declared inside hide outer ones."""

    number: int
    registers: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (C name, type)
    params: dict[str, str] = field(default_factory=dict)  # .param variable -> C pointer
    labels: dict[str, str] = field(default_factory=dict)
    block: Block | None = None


@dataclass
class State:
    """Symbols in reach of the function that is being translated."""

    checked: bool
    shared: dict[str, int]  # array -> offset in the block's shared memory
    variables: dict[str, int]  # module variable -> index in the image's table
    functions: set[str]
    local: dict[str, tuple[str, int]] = field(default_factory=dict)  # array -> (C name, bytes)
    scopes: list[Scope] = field(default_factory=list)
    uses_carry: bool = False

    # ------------------------------------------------------------------ look-up
    def register(self, name: str) -> tuple[str, str] | None:
        for scope in reversed(self.scopes):
            if name in scope.registers:
                return scope.registers[name]
        return None

    def param(self, name: str) -> str | None:
        for scope in reversed(self.scopes):
            if name in scope.params:
                return scope.params[name]
        return None

    def label(self, name: str) -> str:
        for scope in reversed(self.scopes):
            if name in scope.labels:
                return scope.labels[name]
        raise PtxError(f"branch to unknown label {name}")

    # ------------------------------------------------------------------ operands
    def raw(self, operand: str) -> tuple[str, str]:
        """(C expression, type): a register's type, or "imm" for an integer constant or address."""
        if found := self.register(operand):
            return found
        if operand in SPECIAL_REGISTERS:
            return SPECIAL_REGISTERS[operand], "imm"
        match = re.match(r"(%\w+)\.([xyz])$", operand)
        if match and match[1] in DIMENSIONS:
            return f"thread->{DIMENSIONS[match[1]]}.{match[2]}", "b32"
        if re.match(r"0[fF][0-9A-Fa-f]{8}$", operand):
            return f"f32_of(0x{operand[2:]}u)", "f32"
        if re.match(r"0[dD][0-9A-Fa-f]{16}$", operand):
            return f"f64_of(0x{operand[2:]}ull)", "f64"
        if re.match(r"0[xX][0-9A-Fa-f]+U?$", operand):
            return operand.rstrip("U") + "ull", "imm"
        if re.match(r"-?\d+U?$", operand):
            value = int(operand.rstrip("U"))
            return f"((int64_t){value & 0xFFFFFFFFFFFFFFFF:#x}ull)", "imm"
        if match := re.match(r"([%\w$.]+)\s*([+-])\s*(\d+)$", operand):
            expression, _ = self.raw(match[1])
            return f"({expression} {match[2]} {match[3]})", "imm"
        return self.address_of(operand), "imm"

    def address_of(self, name: str) -> str:
        """The value of ``mov.u64 %rd, name``: an address in the name's own state space."""
        if name in self.shared:
            return f"{self.shared[name]}ull"
        if name in self.local:
            return f"((uint64_t){self.local[name][0]} - DISTANCE)"
        if name in self.variables:
            return f"thread->variables[{self.variables[name]}]"
        if (pointer := self.param(name)) is not None:
            return f"((uint64_t){pointer})"
        if name in self.functions:
            return f"((uint64_t)function_{c_name(name)})"
        raise PtxError(f"unknown operand {name}")

    def read(self, operand: str, ptx_type: str) -> str:
        """The operand as a C value of the PTX type."""
        if ptx_type == "pred":
            if operand.startswith("!"):
                return f"(!{self.read(operand[1:], 'pred')})"
            expression, kind = self.raw(operand)
            return expression if kind == "pred" else f"(({expression}) != 0)"
        if operand.startswith("{"):
            return self.packed(operand, ptx_type)
        expression, kind = self.raw(operand)
        if ptx_type in ("f32", "f64"):
            if kind == ptx_type:
                return expression
            if kind in (
                "f32",
                "f64",
            ):  # an f32 constant where f64 is wanted: the assembler converts
                return f"(({C_TYPES[ptx_type]}){expression})"
            return f"{ptx_type}_of({expression})"
        if kind in ("f32", "f64"):
            expression = f"{kind}_bits({expression})"
        return f"(({C_TYPES[ptx_type]}){expression})"

    def packed(self, operand: str, ptx_type: str) -> str:
        """``{%rs1, %rs2}`` as one wider value, first element lowest."""
        parts = [p.strip() for p in operand.strip("{}").split(",")]
        bits = 8 * type_bytes(ptx_type) // len(parts)
        unsigned = C_TYPES[f"b{8 * type_bytes(ptx_type)}"]
        terms = [
            f"({unsigned}){self.read(part, f'b{bits}')} << {bits * i}"
            for i, part in enumerate(parts)
        ]
        value = " | ".join(f"({t})" for t in terms)
        if ptx_type in ("f32", "f64"):
            return f"{ptx_type}_of({value})"
        return f"(({C_TYPES[ptx_type]})({value}))"

    def write(self, operand: str, ptx_type: str, value: str) -> str:
        """A C statement that assigns a value of the PTX type to the destination."""
        if operand == "_":
            return f"(void)({value});"
        if operand.startswith("{"):
            parts = [p.strip() for p in operand.strip("{}").split(",")]
            total = type_bytes(ptx_type)
            bits = 8 * total // len(parts)
            if ptx_type in ("f32", "f64"):
                value = f"{ptx_type}_bits({value})"
            stores = [
                self.write(part, f"b{bits}", f"whole >> {bits * i}") for i, part in enumerate(parts)
            ]
            return f"{{ {C_TYPES[f'b{8 * total}']} whole = {value}; {' '.join(stores)} }}"
        found = self.register(operand)
        if not found:
            raise PtxError(f"destination {operand} is no register")
        name, kind = found
        if kind == "pred" or ptx_type == "pred":
            return f"{name} = ({value}) != 0;" if ptx_type != "pred" else f"{name} = {value};"
        if kind == ptx_type:
            return f"{name} = {value};"
        if kind in ("f32", "f64"):
            return f"{name} = {kind}_of({value});"
        if ptx_type in ("f32", "f64"):
            return f"{name} = {ptx_type}_bits({value});"
        # narrower values are extended by their own sign
        return f"{name} = ({C_TYPES[kind]})({C_TYPES[ptx_type]})({value});"


def refuse(instruction: Instruction, why: str = "not supported") -> PtxError:
    return PtxError(f"PTX line {instruction.line}: {why}: {instruction}")
