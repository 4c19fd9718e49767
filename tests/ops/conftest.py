"""Says at the end of a run how much was compared with OpenVINO."""

from __future__ import annotations

from typing import Any

from tests.ops.differential import COMPARED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not COMPARED:
        return
    count = {
        kind: sum(n for (k, _), n in COMPARED.items() if k == kind)
        for kind in ("cases", "partial shapes", "values")
    }
    operations = sum(kind == "cases" for kind, _ in COMPARED)
    terminalreporter.write_line(
        f"Compared with OpenVINO: {operations} operations in {count['cases']} cases, "
        f"{count['values']} of them by value, and {count['partial shapes']} partial shapes"
    )
