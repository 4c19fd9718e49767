"""pytest plugin: tests marked ``gpu_sim`` run on simulated CUDA devices, or on real ones if there are any.

Registered in the root ``conftest.py``. A marked test just imports CuPy, at the top of its module or inside. It
runs once per combination of what its marker, else the command line, names::

    @pytest.mark.gpu_sim                     # --cudasim-policy, --cudasim-arch, --cudasim-check
    @pytest.mark.gpu_sim(policy=["lazy", "random:7"], arch=[80, 90], check=[False, True])

After each test its pending work is finished; a checker's report, a kernel that could not be translated or a
lost device fails it. Fixtures: ``gpu_policy``, ``gpu_arch``, ``gpu_check`` say what the running test got,
``cudasim`` is the module ``cudasim.device`` (counters, faults, traces), ``gpu_problems`` the same for tests that
cause problems on purpose. On real hardware marked tests run unchanged, once each; those that ask for ``cudasim``
control the simulation itself and are deselected, as pytest's summary then says.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from cudasim import device, images, install


@dataclasses.dataclass(frozen=True)
class Mode:
    """How one marked test runs; on hardware only as a name."""

    policy: str
    arch: int
    check: bool
    simulated: bool = True

    def __str__(self) -> str:
        if not self.simulated:
            return "hardware"
        return f"{self.policy}-sm_{self.arch}" + ("-check" if self.check else "")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cudasim", "simulated CUDA devices")
    group.addoption(
        "--cudasim",
        choices=("auto", "always"),
        default="auto",
        help="auto: real devices where there are some; always: simulated ones",
    )
    group.addoption(
        "--cudasim-policy", default="lazy", help="lazy, eager, random:SEED; several with commas"
    )
    group.addoption("--cudasim-arch", default="86", help="compute capabilities, with commas")
    group.addoption(
        "--cudasim-check", default="no", choices=("no", "yes", "both"), help="build with checkers"
    )


_hardware = False


def pytest_configure(config: pytest.Config) -> None:
    global _hardware
    config.addinivalue_line(
        "markers", "gpu_sim(policy, arch, check): runs GPU code, on simulated devices if need be"
    )
    _hardware = config.getoption("--cudasim") == "auto" and install.real_gpu_count() > 0
    if not _hardware and "cupy" not in sys.modules:
        install.install_on_import()


def pytest_report_header(config: pytest.Config) -> str:
    if _hardware:
        return f"cudasim: {install.real_gpu_count()} real CUDA devices, nothing is simulated"
    return "cudasim: no CUDA device, gpu_sim tests run on simulated ones"


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, range)) else [value]


def _modes(marker: pytest.Mark, config: pytest.Config) -> list[Mode]:
    if _hardware:
        return [Mode("", 0, False, simulated=False)]
    check = {"no": [False], "yes": [True], "both": [False, True]}[
        config.getoption("--cudasim-check")
    ]
    policies = config.getoption("--cudasim-policy").split(",")
    arches = [int(a) for a in config.getoption("--cudasim-arch").split(",")]
    chosen = (
        _as_list(marker.kwargs.get("policy", policies)),
        _as_list(marker.kwargs.get("arch", arches)),
        _as_list(marker.kwargs.get("check", check)),
    )
    unknown = marker.kwargs.keys() - {"policy", "arch", "check"}
    if unknown or marker.args:
        raise pytest.UsageError(
            f"gpu_sim takes policy, arch and check, not {sorted(unknown)} {marker.args}"
        )
    return [Mode(*combination) for combination in itertools.product(*chosen)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("gpu_sim")
    if marker:
        metafunc.parametrize("gpu_mode", _modes(marker, metafunc.config), indirect=True, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _hardware:
        return
    simulated_only = [i for i in items if "cudasim" in getattr(i, "fixturenames", ())]
    if simulated_only:
        config.hook.pytest_deselected(items=simulated_only)
        items[:] = [i for i in items if i not in simulated_only]


@pytest.fixture(autouse=True)
def gpu_mode(request: pytest.FixtureRequest) -> Iterator[Mode | None]:
    """The mode of the running test; None if it is not marked."""
    mode: Mode | None = getattr(request, "param", None)
    if mode is None or not mode.simulated:
        yield mode
        return
    try:
        import cupy  # installs the simulation at the first time
    except ModuleNotFoundError as error:
        pytest.fail(f"{error}: gpu_sim tests need the packages of ovgpu[test-gpu]", pytrace=False)

    if not install.installed:
        raise RuntimeError("cupy was imported before the plugin cudasim.plugin was loaded")
    install.configure(mode.policy, mode.arch, mode.check)
    device.reset()
    images.failures.clear()
    with cupy.cuda.Device(0):
        yield mode
    device.finish()  # what the test has left pending may still go wrong
    lost = [reason for i in range(2) if (reason := device.sticky_reason(i))]
    problems = device.reports().splitlines() or lost  # reports say why a device was lost
    problems += images.failures
    device.reset()
    if problems and not request.node.stash.get(expects_problems, False):
        pytest.fail(
            "on the simulated device:\n" + "\n".join(dict.fromkeys(problems)), pytrace=False
        )


expects_problems = pytest.StashKey[bool]()


@pytest.fixture
def gpu_policy(gpu_mode: Mode | None) -> str:
    """Stream policy of the running test; empty on hardware."""
    return gpu_mode.policy if gpu_mode else ""


@pytest.fixture
def gpu_arch(gpu_mode: Mode | None) -> int:
    """Compute capability that the running test's kernels are compiled for."""
    if gpu_mode and gpu_mode.simulated:
        return gpu_mode.arch
    import cupy

    return int(cupy.cuda.Device().compute_capability)


@pytest.fixture
def gpu_check(gpu_mode: Mode | None) -> bool:
    """Are kernels of the running test built with checkers?"""
    return bool(gpu_mode and gpu_mode.check)


@pytest.fixture
def cudasim(gpu_mode: Mode | None) -> types.ModuleType:
    """The controls of the simulated device (cudasim.device)."""
    if gpu_mode is None:
        raise RuntimeError("the fixture cudasim is for tests marked gpu_sim")
    return device


@pytest.fixture
def gpu_problems(request: pytest.FixtureRequest, cudasim: types.ModuleType) -> types.ModuleType:
    """As cudasim, for tests that provoke reports and lost devices on purpose: they are not failures."""
    request.node.stash[expects_problems] = True
    return cudasim
