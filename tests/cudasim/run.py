"""Runs a Python script with simulated CUDA devices present.

::

    python tests/cudasim/run.py [--policy lazy|eager|random:SEED] [--arch 90] [--check] SCRIPT ARGS...

Inside, ``cupy.cuda.is_available()`` is True. At the end checker reports, untranslatable kernels and a lost device are
printed, and make the exit status 1 if it was 0.
"""

from __future__ import annotations

import argparse
import pathlib
import runpy
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a script with simulated CUDA devices.")
    parser.add_argument("--policy", default="lazy", help="lazy, eager, random or random:SEED")
    parser.add_argument(
        "--arch", type=int, default=86, help="compute capability: 75 80 86 89 90 100 120"
    )
    parser.add_argument("--check", action="store_true", help="build kernels with checkers")
    parser.add_argument(
        "--preempt", type=int, default=0, help="with --check: switch threads at 1 of N accesses"
    )
    parser.add_argument("--memory", type=int, default=1 << 30, help="bytes of each device")
    parser.add_argument("--counters", action="store_true", help="print the counters at the end")
    parser.add_argument("script", help="Python script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def findings(lost_at_end: bool) -> list[str]:
    """What a script must not leave behind."""
    from cudasim import device, images, install

    if not install.installed:
        return []
    found = [f"checker: {line}" for line in device.reports().splitlines()]
    found += [f"kernel not translated: {message}" for message in images.failures]
    if lost_at_end:
        found += [f"device {i} lost: {r}" for i in range(2) if (r := device.sticky_reason(i))]
    return found


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    sys.path[0] = str(
        pathlib.Path(options.script).resolve().parent
    )  # as python SCRIPT would have it
    sys.path.append(str(TESTS))
    from cudasim import device, install

    install.install_on_import(
        policy=options.policy,
        arch=options.arch,
        check=options.check,
        preempt=options.preempt,
        memory_limit=options.memory,
    )
    sys.argv = [options.script, *options.arguments]
    status = 0
    try:
        runpy.run_path(options.script, run_name="__main__")
    except SystemExit as exit_:
        if isinstance(exit_.code, str):
            print(exit_.code, file=sys.stderr)
        status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    found = findings(lost_at_end=True)
    for line in found:
        print(f"cudasim: {line}", file=sys.stderr)
    if options.counters and install.installed:
        print("".join(f"{n} {v}\n" for n, v in device.counters().items()), end="", file=sys.stderr)
    return status or int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
