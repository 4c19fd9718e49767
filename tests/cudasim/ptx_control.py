"""Comparison, control flow, barriers, warp collectives and tensor cores (PTX ISA 9.7.5, 9.7.12 to 9.7.15)."""

from __future__ import annotations

import re

from cudasim.ptx_parser import Instruction
from cudasim.ptx_state import State, c_name, refuse

_INTEGER_CMP = {
    "eq": "eq",
    "ne": "neu",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "lo": "lt",
    "ls": "le",
    "hi": "gt",
    "hs": "ge",
}
_CMP = r"(?P<cmp>eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan)"
_BOOL = r"(?:\.(?P<bool>and|or|xor))?(?P<ftz>\.ftz)?"
_TYPE = r"(?:b16|b32|b64|u16|s16|u32|s32|u64|s64|f32|f64|f16|bf16|f16x2|bf16x2)"
_BOOL_OPERATOR = {"and": "&", "or": "|", "xor": "^"}


def _compare(ins: Instruction, cmp: str, ptx_type: str, ftz: bool, a: str, b: str) -> str:
    """C truth value of a scalar comparison; a and b are C values of the type."""
    if ptx_type[0] in "fb" and ptx_type not in ("b16", "b32", "b64"):
        if cmp in ("lo", "ls", "hi", "hs"):
            raise refuse(ins)
        if ptx_type in ("f16", "bf16"):
            convert = f"{ptx_type}_to_f32"
            a, b = (f"{convert}({f'ftz_{ptx_type}({x})' if ftz else x})" for x in (a, b))
        elif ftz:
            a, b = f"ftz_f32({a})", f"ftz_f32({b})"
        return f"CMP_{cmp}({a}, {b})"
    if cmp not in _INTEGER_CMP or (ptx_type[0] == "b" and cmp not in ("eq", "ne")):
        raise refuse(ins)
    return f"CMP_{_INTEGER_CMP[cmp]}({a}, {b})"


def _tests(state: State, ins: Instruction, match: re.Match[str], ptx_type: str) -> list[str]:
    """The comparison, or both of a pair of halves."""
    a, b = (state.read(o, ptx_type) for o in ins.operands[1:3])
    ftz = bool(match["ftz"])
    if not ptx_type.endswith("x2"):
        return [_compare(ins, match["cmp"], ptx_type, ftz, a, b)]
    return [
        _compare(
            ins, match["cmp"], ptx_type[:-2], ftz, *(f"(uint16_t)({x} >> {s})" for x in (a, b))
        )
        for s in (0, 16)
    ]


def setp(state: State, ins: Instruction, match: re.Match[str]) -> str:
    tests = _tests(state, ins, match, match["type"])
    targets = [t.strip() for t in ins.operands[0].split("|")]
    values = ["P", "Q"] if len(tests) == 2 else ["P", "!P"]
    code = f"uint8_t P = {tests[0]};" + (f" uint8_t Q = {tests[1]};" if len(tests) == 2 else "")
    if match["bool"]:
        other = f"C {_BOOL_OPERATOR[match['bool']]} "
        code += f" uint8_t C = {state.read(ins.operands[3], 'pred')};"
        values = [other + v for v in values]
    for target, value in zip(targets, values):
        code += " " + state.write(target, "pred", value)
    return f"{{ {code} }}"


def set_(state: State, ins: Instruction, match: re.Match[str]) -> str:
    result, source = match["result"], match["type"]
    tests = _tests(state, ins, match, source)
    if match["bool"]:
        c = state.read(ins.operands[3], "pred")
        tests = [f"(({t}) {_BOOL_OPERATOR[match['bool']]} {c})" for t in tests]
    one = {"f32": "0x3f800000u", "f16": "0x3c00", "bf16": "0x3f80"}
    if len(tests) == 2:
        unit = one[result[:-2]] if result.endswith("x2") else "0xffff"
        value = f"pack_halves({tests[0]} ? {unit} : 0, {tests[1]} ? {unit} : 0)"
        return state.write(ins.operands[0], "b32", value)
    unit = one.get(result, "0xffffffffu")
    return state.write(
        ins.operands[0], "b16" if "16" in result else "b32", f"{tests[0]} ? {unit} : 0"
    )


# ---------------------------------------------------------------------------------------- control flow
def branch(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return f"goto {state.label(ins.operands[0])};"


def branch_indexed(state: State, ins: Instruction, match: re.Match[str]) -> str:
    for scope in reversed(state.scopes):
        if scope.block and ins.operands[1] in scope.block.branch_targets:
            targets = scope.block.branch_targets[ins.operands[1]]
            cases = " ".join(f"case {i}: goto {state.label(t)};" for i, t in enumerate(targets))
            return f"switch ({state.read(ins.operands[0], 'u32')}) {{ {cases} }}"
    raise refuse(ins, "branch targets not found")


def return_(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return "RETURN;"


def trap(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return f'cudasim_trap("{ins.opcode} executed", {ins.line});'


def call(state: State, ins: Instruction, match: re.Match[str]) -> str:
    operands = list(ins.operands)
    returns = operands.pop(0) if operands[0].startswith("(") else "()"
    callee = operands.pop(0)
    arguments = operands.pop(0) if operands and operands[0].startswith("(") else "()"
    names = [n.strip() for n in (returns[1:-1] + "," + arguments[1:-1]).split(",") if n.strip()]
    pointers = ["thread"]
    for name in names:
        pointer = state.param(name)
        if pointer is None:
            raise refuse(ins, f"argument {name} is no .param")
        pointers.append(pointer)
    if callee in state.functions:
        return f"function_{c_name(callee)}({', '.join(pointers)});"
    address = state.read(callee, "u64")  # through a pointer: virtual functions
    types = ", ".join(["const cudasim_thread*"] + ["unsigned char*"] * len(names))
    return f"((void (*)({types})){address})({', '.join(pointers)});"


# ---------------------------------------------------------------------------------------- synchronisation
def barrier(state: State, ins: Instruction, match: re.Match[str]) -> str:
    operands = list(ins.operands)
    operation = match["op"] or ""
    if operation == "arrive" and len(operands) != 2:
        raise refuse(ins)
    barrier_id = state.read(operands[0], "u32")
    threads = state.read(operands[1], "u32") if len(operands) > 1 else "0"
    kind = "ARRIVE" if operation == "arrive" else "SYNC"
    return f"cudasim_barrier(CUDASIM_BAR_{kind}, {barrier_id}, {threads}, 0, {ins.line});"


def barrier_reduce(state: State, ins: Instruction, match: re.Match[str]) -> str:
    target, barrier_id, *rest = ins.operands
    threads = state.read(rest[0], "u32") if len(rest) > 1 else "0"
    predicate = state.read(rest[-1], "pred")
    kind = match["op"].upper()
    result = f"cudasim_barrier(CUDASIM_BAR_{kind}, {state.read(barrier_id, 'u32')}, {threads}, {predicate}, {ins.line})"
    return state.write(target, "u32" if kind == "POPC" else "pred", result)


def warp_sync(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return (
        f"cudasim_warp(CUDASIM_WARP_SYNC, {state.read(ins.operands[0], 'u32')}, 0, 0, {ins.line});"
    )


def fence(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return f"cudasim_fence({int('cta' in ins.opcode)});"


def nanosleep(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return f"cudasim_yield({ins.line});"


def shfl(state: State, ins: Instruction, match: re.Match[str]) -> str:
    targets = [t.strip() for t in ins.operands[0].split("|")]
    mode = ("up", "down", "bfly", "idx").index(match["mode"])
    value, b, c, mask = (state.read(o, "u32") for o in ins.operands[1:5])
    code = f"uint8_t P; uint32_t V = shuffle({mode}, thread->linear, {value}, {b}, {c}, {mask}, &P, {ins.line}); "
    code += state.write(targets[0], "b32", "V")
    if len(targets) > 1:
        code += " " + state.write(targets[1], "pred", "P")
    return f"{{ {code} }}"


def _collective(operation: str, mask: str, value: str, line: int) -> str:
    return f"cudasim_warp(CUDASIM_WARP_{operation}, {mask}, {value}, 0, {line})"


def vote(state: State, ins: Instruction, match: re.Match[str]) -> str:
    target, source, mask = ins.operands
    result = _collective(
        match["mode"].upper(), state.read(mask, "u32"), state.read(source, "pred"), ins.line
    )
    return state.write(target, "b32" if match["mode"] == "ballot" else "pred", result)


def match_(state: State, ins: Instruction, match: re.Match[str]) -> str:
    targets = [t.strip() for t in ins.operands[0].split("|")]
    mask = state.read(ins.operands[2], "u32")
    value = state.read(ins.operands[1], match["type"])
    result = _collective("MATCH_" + match["mode"].upper(), mask, value, ins.line)
    code = f"uint32_t V = (uint32_t){result}; " + state.write(targets[0], "b32", "V")
    if len(targets) > 1:
        code += " " + state.write(targets[1], "pred", "V != 0")
    return f"{{ {code} }}"


def redux(state: State, ins: Instruction, match: re.Match[str]) -> str:
    op, ptx_type = match["op"], match["type"]
    bitwise = op in ("and", "or", "xor")
    if bitwise != (ptx_type == "b32"):
        raise refuse(ins)
    name = op.upper() + (f"_{ptx_type.upper()}" if op in ("min", "max") else "")
    target, source, mask = ins.operands
    result = _collective(name, state.read(mask, "u32"), state.read(source, "u32"), ins.line)
    return state.write(target, "b32", f"(uint32_t){result}")


def activemask(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return state.write(ins.operands[0], "b32", "cudasim_activemask()")


def elect(state: State, ins: Instruction, match: re.Match[str]) -> str:
    leader, predicate = (t.strip() for t in ins.operands[0].split("|"))
    result = _collective("ELECT", state.read(ins.operands[1], "u32"), "0", ins.line)
    code = f"uint32_t V = (uint32_t){result}; " + state.write(leader, "b32", "V")
    return f"{{ {code} {state.write(predicate, 'pred', 'V == (thread->linear & 31)')} }}"


# ---------------------------------------------------------------------------------------- tensor cores
# element type -> (legal shapes, legal accumulators)
_MMA = {
    "f16": ({"m16n8k8", "m16n8k16"}, {"f16", "f32"}),
    "bf16": ({"m16n8k8", "m16n8k16"}, {"f32"}),
    "tf32": ({"m16n8k4", "m16n8k8"}, {"f32"}),
    "s8": ({"m8n8k16", "m16n8k16", "m16n8k32"}, {"s32"}),
    "s4": ({"m8n8k32", "m16n8k32", "m16n8k64"}, {"s32"}),
    "f64": ({"m8n8k4"}, {"f64"}),
    "e4m3": ({"m16n8k16", "m16n8k32"}, {"f16", "f32"}),
}
_MMA["u8"], _MMA["u4"], _MMA["e5m2"] = _MMA["s8"], _MMA["s4"], _MMA["e4m3"]
_INTEGER_FAMILY = ({"s8", "u8"}, {"s4", "u4"}, {"e4m3", "e5m2"})
MMA = (
    r"mma\.sync\.aligned\.(?P<shape>m\d+n\d+k\d+)\.row\.col(?P<saturate>\.satfinite)?"
    r"\.(?P<d>\w+)\.(?P<a>\w+)\.(?P<b>\w+)\.(?P<c>\w+)"
)


def mma(state: State, ins: Instruction, match: re.Match[str]) -> str:
    a, b, c, d = (match[x] for x in "abcd")
    same_family = a == b or any({a, b} <= family for family in _INTEGER_FAMILY)
    shapes, accumulators = _MMA.get(a, (set(), set()))
    if match["shape"] not in shapes or c not in accumulators or d != c or not same_family:
        raise refuse(ins)
    m, n, k = re.findall(r"\d+", match["shape"])
    types = ", ".join(f"CUDASIM_{t.upper()}" for t in (a, b, c, d))
    saturate = int(bool(match["saturate"]))
    code = f"static const cudasim_mma_shape shape = {{{m}, {n}, {k}, {types}, {saturate}}};"
    code += " cudasim_mma_registers R; R.shape = &shape;"
    lists = {
        x: [o.strip() for o in text.strip("{}").split(",")]
        for x, text in zip("dabc", ins.operands, strict=True)
    }
    wide = a == "f64"
    for x in "abc":
        for i, operand in enumerate(lists[x]):
            if wide:
                code += f" store_double((uint64_t)(R.{x} + {2 * i}), {state.read(operand, 'f64')});"
            else:
                code += f" R.{x}[{i}] = {state.read(operand, 'b32')};"
    code += f" cudasim_mma(&R, {ins.line});"
    for i, operand in enumerate(lists["d"]):
        if wide:
            code += " " + state.write(operand, "f64", f"load_double((uint64_t)(R.d + {2 * i}))")
        else:
            code += " " + state.write(operand, "b32", f"R.d[{i}]")
    return f"{{ {code} }}"


def matrix(state: State, ins: Instruction, match: re.Match[str]) -> str:
    from cudasim.ptx_memory import address  # here, since only this needs it

    kind = match["kind"]
    count = int(match["count"] or 1)
    registers, where = (
        (ins.operands[1], ins.operands[0]) if kind == "st" else (ins.operands[0], ins.operands[1])
    )
    names = [o.strip() for o in registers.strip("{}").split(",")]
    if len(names) != count:
        raise refuse(ins, "operands not understood")
    transpose = int(bool(match["trans"]))
    code = f"cudasim_matrix_registers R = {{0, {count}, {transpose}, IS_CHECKED, {{0}}}};"
    if kind != "mov":
        code += f" R.address = {address(state, where, 'shared')};"
    sources = names if kind == "st" else [where] if kind == "mov" else []
    for i, operand in enumerate(sources):
        code += f" R.values[{i}] = {state.read(operand, 'b32')};"
    code += f" cudasim_matrix(CUDASIM_WARP_{kind.upper()}MATRIX, &R, {ins.line});"
    for i, operand in enumerate(names if kind != "st" else []):
        code += " " + state.write(operand, "b32", f"R.values[{i}]")
    return f"{{ {code} }}"


def nothing(state: State, ins: Instruction, match: re.Match[str]) -> str:
    return ";"


HANDLERS = (
    (rf"setp\.{_CMP}{_BOOL}\.(?P<type>{_TYPE})", setp),
    (
        rf"set\.{_CMP}{_BOOL}\.(?P<result>u16|s16|u32|s32|f32|f16|bf16|f16x2|bf16x2)\.(?P<type>{_TYPE})",
        set_,
    ),
    (r"bra(?:\.uni)?", branch),
    (r"brx\.idx(?:\.uni)?", branch_indexed),
    (r"ret(?:\.uni)?|exit", return_),
    (r"trap|brkpt", trap),
    (r"call(?:\.uni)?", call),
    (r"(?:bar|barrier)(?:\.cta)?\.(?P<op>sync|arrive)(?:\.aligned)?", barrier),
    (
        r"(?:bar|barrier)(?:\.cta)?\.red\.(?P<op>and|or|popc)(?:\.aligned)?\.(?:pred|u32)",
        barrier_reduce,
    ),
    (r"bar\.warp\.sync", warp_sync),
    (
        r"membar\.(?:cta|gl|sys)|fence(?:\.(?:sc|acq_rel|acquire|release))?\.(?:cta|cluster|gpu|sys)",
        fence,
    ),
    (r"nanosleep\.u32", nanosleep),
    (r"shfl\.sync\.(?P<mode>up|down|bfly|idx)\.b32", shfl),
    (r"vote\.sync\.(?P<mode>all|any|uni|ballot)\.(?:pred|b32)", vote),
    (r"match\.(?P<mode>any|all)\.sync\.(?P<type>b32|b64)", match_),
    (r"redux\.sync\.(?P<op>add|min|max|and|or|xor)\.(?P<type>u32|s32|b32)", redux),
    (r"activemask\.b32", activemask),
    (r"elect\.sync", elect),
    (MMA, mma),
    (
        r"(?P<kind>ld|st)matrix\.sync\.aligned\.m8n8\.x(?P<count>[124])(?P<trans>\.trans)?\.shared(?:::cta)?\.b16",
        matrix,
    ),
    (r"(?P<kind>mov)matrix\.sync\.aligned\.m8n8(?P<trans>\.trans)(?P<count>)?\.b16", matrix),
    (r"griddepcontrol\.(?:wait|launch_dependents)", nothing),
)
