"""Loads, stores, atomics, cp.async and address conversion (PTX ISA 9.7.9, 9.7.13).

Each entry of HANDLERS is (regular expression for the whole opcode, function). The expression spells out every
modifier that is understood; anything else does not match and is refused.
"""

from __future__ import annotations

import re

from cudasim.ptx_parser import Instruction, type_bytes
from cudasim.ptx_state import C_TYPES, State, refuse

_ORDER = r"(?:\.(?P<order>weak|volatile|relaxed|acquire|release))?(?:\.(?:cta|cluster|gpu|sys))?"
_SPACE = r"(?:\.(?P<space>const|global|local|param|shared)(?:::(?:cta|entry|func))?)?"
_CACHE = r"(?:\.(?:ca|cg|cs|lu|cv|wb|wt))?(?:\.L1::\w+)?(?:\.L2::evict_\w+)?(?P<hint>\.L2::cache_hint)?(?:\.L2::\d+B)?"
_VECTOR = r"(?:\.v(?P<vector>[248]))?\.(?P<type>[busf]\d+)"

LD = rf"ld{_ORDER}{_SPACE}(?:\.nc)?{_CACHE}{_VECTOR}"
LDU = rf"ldu{_SPACE}{_VECTOR}"
ST = rf"st{_ORDER}{_SPACE}{_CACHE}{_VECTOR}"


def split_address(state: State, operand: str) -> tuple[str, int]:
    """``[%rd1+-8]`` -> (C expression of the base, -8)."""
    inner = operand.strip()[1:-1].strip()
    match = re.match(r"(.+?)\s*([+-])\s*(-?\d+|-?0[xX][0-9a-fA-F]+)$", inner)
    if match:
        offset = int(match[3], 0) * (-1 if match[2] == "-" else 1)
        return state.raw(match[1])[0], offset
    return state.raw(inner)[0], 0


def address(state: State, operand: str, space: str) -> str:
    """C expression of the address in its own space; shared: the offset in the block's shared memory."""
    base, offset = split_address(state, operand)
    total = f"({base} + ({offset}))" if offset else base
    return f"(uint32_t)({total})" if space == "shared" else f"((uint64_t){total})"


def host_address(space: str) -> str:
    """Where the bytes of address A lie in this process."""
    return {"shared": "SHARED_BYTES_AT(A)", "param": "A"}.get(space, "A + DISTANCE")


def _access_bits(order: str | None, writes: bool) -> str:
    bits = ["CUDASIM_WRITE"] if writes else []
    if order == "volatile":
        bits.append("CUDASIM_VOLATILE")
    elif order in ("relaxed", "acquire", "release"):
        bits.append("CUDASIM_RELAXED")
    if order == "release":
        bits.append("CUDASIM_RELEASE")
    return " | ".join(bits) or "0"


def _check(state: State, space: str, size: int, access: str, line: int) -> str:
    """Statements before an access at A: the checker's call, and the count of bytes moved."""
    counter = "written_bytes" if "CUDASIM_WRITE" in access else "read_bytes"
    if space == "shared":
        return f"CHECK_SHARED(A, {size}, {access}, {line});"
    if space == "global":
        return f"CHECK_GLOBAL(A, {size}, {access}, {line}); {counter} += {size};"
    if space == "const":
        return f"CHECK_GLOBAL(A, {size}, {access}, {line});"
    if space == "generic":
        return f"CHECK_GENERIC(A, {size}, {access}, {line}); if (is_global_address(A)) {counter} += {size};"
    if space == "local" and state.checked and len(state.local) == 1:
        (name, size_of_array) = next(iter(state.local.values()))
        return (
            f"cudasim_check_local((void*)(A + DISTANCE), {size}, {name}, {size_of_array}, {line});"
        )
    return ""


def _vector(operand: str) -> list[str]:
    return [p.strip() for p in operand.strip("{}").split(",")] if operand[0] == "{" else [operand]


def load(state: State, ins: Instruction, match: re.Match[str]) -> str:
    fields = match.groupdict()
    space = fields["space"] or "generic"
    ptx_type, count = fields["type"], int(fields["vector"] or 1)
    order = fields.get("order")
    targets = _vector(ins.operands[0]) if count > 1 else [ins.operands[0]]
    if len(targets) != count or len(ins.operands) != 2 + bool(fields.get("hint")):
        raise refuse(ins, "operands not understood")
    size = type_bytes(ptx_type)
    code = f"uint64_t A = {address(state, ins.operands[1], space)}; "
    code += _check(state, space, size * count, _access_bits(order, False), ins.line)
    code += f" uint64_t H = {host_address(space)};"
    for i, target in enumerate(targets):
        code += " " + state.write(target, ptx_type, f"load_{C_TYPES[ptx_type]}(H + {i * size})")
    if order in ("volatile", "relaxed", "acquire"):
        code += f" cudasim_atomic_yield({ins.line});"
    return f"{{ {code} }}"


def store(state: State, ins: Instruction, match: re.Match[str]) -> str:
    space = match["space"] or "generic"
    ptx_type, count = match["type"], int(match["vector"] or 1)
    sources = _vector(ins.operands[1]) if count > 1 else [ins.operands[1]]
    if len(sources) != count or space == "const":
        raise refuse(ins, "operands not understood")
    size = type_bytes(ptx_type)
    code = f"uint64_t A = {address(state, ins.operands[0], space)}; "
    code += _check(state, space, size * count, _access_bits(match["order"], True), ins.line)
    code += f" uint64_t H = {host_address(space)};"
    for i, source in enumerate(sources):
        code += f" store_{C_TYPES[ptx_type]}(H + {i * size}, {state.read(source, ptx_type)});"
    return f"{{ {code} }}"


# ---------------------------------------------------------------------------------------- atomics
_INTEGER_ATOMICS = {
    "add": "O + X",
    "min": "O < X ? O : X",
    "max": "O > X ? O : X",
    "and": "O & X",
    "or": "O | X",
    "xor": "O ^ X",
    "exch": "X",
    "cas": "O == X ? Y : O",
    "inc": "O >= X ? 0 : O + 1",
    "dec": "O == 0 || O > X ? X : O - 1",
}
_ATOMIC_TYPES = {
    "add": "u32 s32 u64 s64 f32 f64 f16 f16x2 bf16 bf16x2",
    "min": "u32 s32 u64 s64 f16 f16x2 bf16 bf16x2",
    "max": "u32 s32 u64 s64 f16 f16x2 bf16 bf16x2",
    "and": "b32 b64",
    "or": "b32 b64",
    "xor": "b32 b64",
    "exch": "b32 b64 u32 s32 f32 u64 s64 f64 b128",
    "cas": "b16 b32 b64 u32 s32 u64 s64 b128",
    "inc": "u32",
    "dec": "u32",
}
ATOM = (
    r"(?P<base>atom|red)(?:\.(?P<order>relaxed|acquire|release|acq_rel))?(?:\.(?:cta|cluster|gpu|sys))?"
    r"(?:\.(?P<space>global|shared)(?:::cta)?)?"
    r"\.(?P<op>add|min|max|and|or|xor|exch|cas|inc|dec)(?:\.noftz)?(?:\.L2::cache_hint)?"
    r"(?:\.v(?P<vector>[248]))?\.(?P<type>\w+)"
)


def atomic(state: State, ins: Instruction, match: re.Match[str]) -> str:
    op, ptx_type, space = match["op"], match["type"], match["space"] or "generic"
    if ptx_type not in _ATOMIC_TYPES[op].split():
        raise refuse(ins)
    operands = ins.operands if match["base"] == "atom" else ["_", *ins.operands]
    count = int(match["vector"] or 1)
    targets = _vector(operands[0]) if operands[0] != "_" else ["_"] * count
    sources = _vector(operands[2]) if count > 1 else [operands[2]]
    c_type, size = C_TYPES[ptx_type], type_bytes(ptx_type)
    half = ptx_type in ("f16", "f16x2", "bf16", "bf16x2")
    result = f"{op}_{ptx_type}(O, X)" if half else _INTEGER_ATOMICS[op]
    access = "CUDASIM_WRITE | CUDASIM_ATOMIC"
    if match["order"] in ("release", "acq_rel"):
        access += " | CUDASIM_RELEASE"
    code = f"uint64_t A = {address(state, operands[1], space)}; "
    code += _check(state, space, size * count, access, ins.line)
    if space == "global":
        code += f" read_bytes += {size * count};"
    code += f" uint64_t H = {host_address(space)};"
    for i, (target, source) in enumerate(zip(targets, sources, strict=True)):
        code += (
            f" {{ {c_type} O = load_{c_type}(H + {i * size}), X = {state.read(source, ptx_type)};"
        )
        if op == "cas":
            code += f" {c_type} Y = {state.read(operands[3], ptx_type)};"
        code += f" {c_type} N = {result}; store_{c_type}(H + {i * size}, N);"
        code += f" if (N == O) cudasim_atomic_yield({ins.line});"
        code += ("" if target == "_" else " " + state.write(target, ptx_type, "O")) + " }"
    return f"{{ {code} }}"


# ---------------------------------------------------------------------------------------- cp.async
CP_ASYNC = (
    r"cp\.async\.(?:ca|cg)\.shared(?:::cta)?\.global(?P<hint>\.L2::cache_hint)?(?:\.L2::\d+B)?"
)


def cp_async(state: State, ins: Instruction, match: re.Match[str]) -> str:
    operands = ins.operands[:-1] if match["hint"] else ins.operands
    to, source = address(state, operands[0], "shared"), address(state, operands[1], "global")
    size = operands[2]
    if size not in ("4", "8", "16") or (".cg." in ins.opcode and size != "16"):
        raise refuse(ins)
    source_bytes = state.read(operands[3], "u32") if len(operands) > 3 else size
    arguments = f"S, G, {size}, N, {ins.line}"
    return (
        f"{{ uint32_t S = {to}; uint64_t G = {source}; uint32_t N = {source_bytes};"
        f" CHECK_ASYNC({arguments}); cudasim_cp_async({arguments}); }}"
    )


def cp_async_commit(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return "cudasim_cp_async_commit();"


def cp_async_wait(state: State, ins: Instruction, match: re.Match[str]) -> str:
    if ins.operands:
        return f"cudasim_cp_async_wait({state.read(ins.operands[0], 'u32')}, 0);"
    return "cudasim_cp_async_wait(0, 1);"


# ---------------------------------------------------------------------------------------- addresses
def cvta(state: State, ins: Instruction, match: re.Match[str]) -> str:
    value = state.read(ins.operands[1], "u64")
    distance = {"shared": "CUDASIM_SHARED_BASE", "param": "-DISTANCE"}.get(match["space"], "0")
    sign = "-" if match["to"] else "+"
    return state.write(ins.operands[0], match["type"], f"{value} {sign} ({distance})")


def isspacep(state: State, ins: Instruction, match: re.Match[str]) -> str:
    a = state.read(ins.operands[1], "u64")
    test = {
        "shared": f"is_shared_address({a})",
        "global": f"is_global_address({a})",
        "local": f"!is_shared_address({a}) && !is_global_address({a})",
        "const": "0",
    }[match["space"]]
    return state.write(ins.operands[0], "pred", test)


def mov(state: State, ins: Instruction, match: re.Match[str]) -> str:
    ptx_type = match["type"]
    return state.write(ins.operands[0], ptx_type, state.read(ins.operands[1], ptx_type))


def nothing(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return ";"


def create_policy(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return state.write(ins.operands[0], "b64", "0ull")  # caches are not simulated


HANDLERS = (
    (LD, load),
    (LDU, load),
    (ST, store),
    (ATOM, atomic),
    (CP_ASYNC, cp_async),
    (r"cp\.async\.commit_group", cp_async_commit),
    (r"cp\.async\.wait_group|cp\.async\.wait_all", cp_async_wait),
    (
        r"cvta(?:\.(?P<to>to))?\.(?P<space>const|global|local|shared|param)(?:::(?:cta|entry))?\.(?P<type>u32|u64)",
        cvta,
    ),
    (r"isspacep\.(?P<space>const|global|local|shared)(?:::cta)?", isspacep),
    (r"mov\.(?P<type>b16|b32|b64|b128|u16|s16|u32|s32|u64|s64|f32|f64)", mov),
    (r"prefetchu?(?:\.(?:global|local))?\.L[12](?:::evict_\w+)?", nothing),
    (r"createpolicy\.fractional\.L2::\w+(?:\.L2::\w+)?\.b64", create_policy),
)
