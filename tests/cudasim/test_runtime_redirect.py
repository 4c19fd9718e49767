"""CuPy's function table: redirected as a whole or not at all."""

from __future__ import annotations

import hashlib
import pathlib
import subprocess
import sys
import types

import pytest
from cudasim import install, redirect

HERE = pathlib.Path(__file__).resolve().parent
RUN = [sys.executable, str(HERE / "run.py")]

pytestmark = pytest.mark.gpu_sim


def test_every_function_of_the_table_is_redirected(cudasim):
    done = install.installed
    assert done["found"] == len(redirect.expected_table()) == 98
    assert done["redirected"] == done["found"] - len(redirect.KEPT)


def test_table_of_a_newer_cupy_is_refused(cudasim):
    expected = redirect.expected_table()
    newer = {**expected, "memcpyBatchAsync": "PyObject *(intptr_t, int __pyx_skip_dispatch)"}
    newer["malloc"] = "intptr_t (size_t, int, int __pyx_skip_dispatch)"
    with pytest.raises(
        redirect.RedirectError, match=r"99 runtime functions found, 97 of.*malloc, memcpyBatchAsync"
    ):
        redirect.check_table(newer, expected, "15.0")


def test_stripped_table_is_refused(cudasim):
    stripped = types.SimpleNamespace(__pyx_capi__={})
    with pytest.raises(redirect.RedirectError, match="0 runtime functions found"):
        redirect.redirect(stripped, None, "14.2.0")
    short = dict(list(redirect.expected_table().items())[:-1])
    with pytest.raises(
        redirect.RedirectError, match="97 runtime functions found, 97 of the expected 98"
    ):
        redirect.check_table(short, redirect.expected_table(), "14.2.0")


def test_nothing_on_disk_changes(cudasim):
    import cupy
    import cupy_backends.cuda.api.runtime as table

    files = [pathlib.Path(table.__file__), *pathlib.Path(cupy.__file__).parent.glob("cuda/*.so")]
    record = (
        next(pathlib.Path(cupy.__file__).parent.parent.glob("cupy_cuda1*.dist-info")) / "RECORD"
    )
    root = record.parent.parent
    recorded = dict(
        line.split(",")[:2] for line in record.read_text().splitlines() if "sha256=" in line
    )
    import base64

    for path in files:
        digest = (
            base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest())
            .decode()
            .rstrip("=")
        )
        assert recorded[str(path.relative_to(root))] == f"sha256={digest}"


def test_call_that_is_not_simulated_is_named_loud_and_sticky(gpu_problems, capfd):
    import cupy

    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="NotSupported"):
        cupy.cuda.runtime.mallocManaged(64)
    assert "runtime.mallocManaged is not simulated" in capfd.readouterr().err
    assert gpu_problems.sticky_reason() == "runtime.mallocManaged is not simulated"
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="NotSupported"):
        cupy.cuda.Device().synchronize()
    gpu_problems.reset()
    cupy.cuda.Device().synchronize()


def test_precompiled_kernels_refuse_every_time(gpu_problems):
    import cupy

    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"cub_reduction is not simulated"):
            cupy.cuda.cub.cub_reduction(cupy.ones(4), cupy.cuda.cub.CUPY_CUB_SUM)
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError):
            cupy.cuda.Device().synchronize()
        gpu_problems.reset()


def test_random_generators_and_jitify_refuse(gpu_problems):
    import cupy

    with pytest.raises(RuntimeError, match=r"cupy.random.default_rng is not simulated"):
        cupy.random.default_rng(0)
    with pytest.raises(RuntimeError, match=r"cupy.random.XORWOW is not simulated"):
        cupy.random.XORWOW(1)
    with pytest.raises(RuntimeError, match=r"jitify is not simulated"):
        cupy.cuda.jitify.jitify("", {})
    gpu_problems.reset()
    with pytest.raises(Exception, match=r"(?i)curand"):  # the host library is not there either
        cupy.random.rand(4)


def test_every_module_with_a_cuda_runtime_of_its_own_is_known(cudasim):
    import cupy

    root = pathlib.Path(cupy.__file__).parent.parent
    found = set()
    for package in ("cupy", "cupy_backends", "cupyx"):
        for path in (root / package).rglob("*.so"):
            if b"cudaLaunchKernelExC" in path.read_bytes():
                found.add(path.name.split(".")[0])
    assert found == {"runtime", "cub", "thrust", "jitify", "_generator_api"}


def test_python_functions_take_keywords_and_defaults(cudasim):
    import cupy

    runtime = cupy.cuda.runtime
    p = runtime.malloc(size=1024)
    assert runtime.pointerGetAttributes(ptr=p).device == 0
    assert cudasim.peek(p, 4) == b"\xff" * 4
    runtime.memset(p, value=7, size=1024)
    runtime.deviceSynchronize()
    assert cudasim.peek(p, 4) == b"\x07" * 4
    with pytest.raises(TypeError, match="unexpected keyword"):
        runtime.malloc(nbytes=1)
    runtime.free(p)


@pytest.mark.gpu_sim(arch=[86, 75, 120])
def test_properties_and_attributes_agree(cudasim, gpu_arch):
    import cupy

    assert cupy.cuda.Device().compute_capability == str(gpu_arch)
    assert cupy.zeros(1).device == cupy.cuda.Device(0)

    runtime = cupy.cuda.runtime
    assert runtime.getDeviceCount() == 2
    for device in range(2):
        p = runtime.getDeviceProperties(device)
        assert p["name"] == b"simulated CUDA device %d" % device
        assert p["major"] * 10 + p["minor"] == gpu_arch
        for key, attribute in (
            ("multiProcessorCount", 16),
            ("sharedMemPerBlockOptin", 97),
            ("warpSize", 10),
        ):
            assert p[key] == runtime.deviceGetAttribute(attribute, device)
        assert runtime.deviceGetByPCIBusId(runtime.deviceGetPCIBusId(device)) == device
    with pytest.raises(runtime.CUDARuntimeError, match="InvalidDevice"):
        runtime.setDevice(2)


def run_script(tmp_path, text, *options):
    script = tmp_path / "script.py"
    script.write_text(text)
    return subprocess.run(
        [*RUN, *options, str(script), "a", "b"], capture_output=True, text=True, timeout=300
    )


def test_runner_gives_a_script_devices(cudasim, tmp_path):
    text = """
import sys
import cupy
assert sys.argv[1:] == ["a", "b"] and __name__ == "__main__"
print(cupy.cuda.is_available(), cupy.cuda.Device().compute_capability, int(cupy.arange(5).sum()))
"""
    done = run_script(tmp_path, text, "--arch", "90", "--policy", "random:3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "90", "10"]


def test_runner_fails_on_checker_reports_and_passes_exit_codes(cudasim, tmp_path):
    text = """
import cupy, numpy
k = cupy.RawKernel('extern "C" __global__ void k(float* p) { p[threadIdx.x] = 1; }', "k")
k((1,), (33,), (cupy.empty(32, "f"),))
"""
    done = run_script(tmp_path, text + "cupy.cuda.runtime.deviceSynchronize()", "--check")
    assert done.returncode == 1
    assert "out of bounds" in done.stderr.lower() or "out-of-bounds" in done.stderr.lower()
    assert run_script(tmp_path, "import sys; sys.exit(3)").returncode == 3


def test_host_access_to_device_memory_faults_with_a_report(cudasim, tmp_path):
    text = """
import ctypes, cupy
a = cupy.zeros(1000, "f")
ctypes.string_at(a.data.ptr + 40, 4)
"""
    done = run_script(tmp_path, text)
    assert done.returncode == -11
    assert "offset 40 of the" in done.stderr


def test_missing_compiler_gives_a_clear_message(cudasim, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import cupy")
    done = subprocess.run(
        [*RUN, str(script)],
        capture_output=True,
        text=True,
        env={
            "PATH": "/nowhere",
            "CXX": "g++-none",
            "CUDASIM_CACHE": str(tmp_path / "cache"),
            "HOME": str(tmp_path),
        },
    )
    assert done.returncode
    assert "no C++ compiler 'g++-none': install g++" in done.stderr
