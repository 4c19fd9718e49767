"""``ovgpu`` itself: help, version, errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ovgpu as ov
from ovgpu.tools.command_line import COMMANDS, main
from tests.tools.conftest import Command


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"ovgpu {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run"], ["benchmark", "m.xml", "-hint", "speed"]]
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: ovgpu" in capsys.readouterr().err


def test_version_of_the_installed_command() -> None:
    command = [str(Path(sys.executable).with_name("ovgpu")), "--version"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, f"ovgpu {ov.get_version()}\n")


@pytest.mark.parametrize("command", ["benchmark", "run", "query", "convert"])
def test_missing_model(command: str, ovgpu: Command) -> None:
    status, out, err = ovgpu(command, "nowhere.xml")
    assert (status, out) == (1, "")
    assert err.startswith(f"ovgpu {command}: ")
    assert "nowhere.xml" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["benchmark", "run", "query"])
def test_unknown_device(command: str, ovgpu: Command, single_path: Path) -> None:
    status, _, err = ovgpu(command, single_path, "-d", "TPU")
    assert status == 1
    assert "TPU" in err
