"""The code in README.md runs as it is written, from top to bottom."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def blocks() -> list[tuple[int, str]]:
    """Python blocks with the line each starts at."""
    text = README.read_text(encoding="utf-8")
    found = re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
    return [(text[: m.start()].count("\n") + 2, m.group(1)) for m in found]


def test_code_runs():
    namespace: dict[str, object] = {}
    assert len(blocks()) >= 7
    for line, code in blocks():
        exec(compile("\n" * (line - 1) + code, str(README), "exec"), namespace)


def test_first_operation_takes_at_most_60_lines():
    code = next(code for _, code in blocks() if '@op("Sinc"' in code)
    assert code.count("\n") <= 60
