"""What Thaw answers on the GPU, what memory it takes there and how soon it answers, for the models of gpu_models.py.

python3 bench/peers/gpu_thaw.py THAW FOLDER --json FILE [--rows lstm64_b1,mlp_b1] [--device cuda] [--libraries PATH]: for each
model and batch in FOLDER
- what the CPU answers in float32, kept beside the input: what every engine's output is compared with;
- how far the GPU's answer lies from it, in parts of its greatest number;
- the most memory of the GPU that the process took in that run, next to that of a process with a bare context, both as
  another process sees them (so nothing else may use the GPU), and what the plan's memory and the weights come to;
and for the LSTM with 128 units the time from starting a process to its first output, next to what making a context takes
in a fresh process. What FILE holds already stays. Needs numpy and the driver; without a driver only the answers are compared. Exits with 1
where Thaw did not answer.
"""

import argparse
import ctypes
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import numpy as np

from gpu_models import difference, write

STARTED, STARTS = "lstm128_b1", 7
CONTEXT = [sys.executable, __file__, "context"]


class Driver:
    """A context of this process: through it the driver says how much memory of the GPU is free."""

    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so.1")
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        if code != 0:
            raise OSError(f"{name} answers {code}")

    def free(self):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def taken_by(self, process):
        """The most that the process takes until it ends."""
        before = least = self.free()
        process = process()
        while process.poll() is None:
            least = min(least, self.free())
        return before - least


def bare_context():
    """In a process of its own: milliseconds on stdout, and time to look."""
    begin = time.perf_counter()
    Driver()
    print((time.perf_counter() - begin) * 1e3, flush=True)
    time.sleep(0.1)


class Thaw:
    def __init__(self, options):
        self.options = options
        libraries = {"LD_LIBRARY_PATH": options.libraries} if options.libraries else {}
        self.environment = {**os.environ, **libraries}

    def start(self, command, place, *arguments, **more):
        return subprocess.Popen([self.options.thaw, command, str(place / "model.json"), *arguments], env=self.environment,
                                text=True, **more)

    def says(self, command, place, *arguments):
        process = self.start(command, place, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = process.communicate()
        if process.returncode != 0:
            raise RuntimeError((errors.strip().splitlines() or [f"exit status {process.returncode}"])[0][:200])
        return output

    def on_gpu(self, place):
        return ["--device", self.options.device, *(place / "bench.txt").read_text().split()]


def output_in(path):
    with np.load(path) as file:
        return file[file.files[0]]


def compare(thaw, place, batch, row, driver):
    given, expected, answer = (place / f"{name}_b{batch}.{kind}" for name, kind in
                               (("input", "npy"), ("expected", "npz"), ("answer", "npz")))
    if not expected.exists():
        new = place / "new.npz"
        thaw.says("run", place, "--inputs", str(given), "--outputs", str(new))
        new.replace(expected)
    run = ("run", place, *thaw.on_gpu(place), "--inputs", str(given), "--outputs", str(answer))
    thaw.says(*run)  # also measures which kernels are the quickest, where that is kept
    row["difference"] = difference(output_in(answer), output_in(expected))
    plan = thaw.says("show", place, "--plan", "--batch", batch, *thaw.on_gpu(place))
    arena = re.search(r"^device memory\narena (\d+) bytes", plan, re.MULTILINE)
    with np.load(place / "model.npz") as file:
        row["weight_bytes"] = sum(file[key].nbytes for key in file.files)
    row["arena_bytes"] = int(arena[1]) if arena else 0
    if driver:
        row["taken_bytes"] = driver.taken_by(lambda: thaw.start(*run))


def starts(thaw, place):
    """Milliseconds of each, one after the other in turn; the first of both, unmeasured, brings files into memory."""
    given = str(place / f"input_b{STARTED.rpartition('_b')[2]}.npy")
    contexts, outputs = [], []
    for _ in range(STARTS + 1):
        contexts.append(float(subprocess.run(CONTEXT, check=True, stdout=subprocess.PIPE).stdout))
        begin = time.perf_counter()
        process = thaw.start("run", place, *thaw.on_gpu(place), "--inputs", given, stdout=subprocess.PIPE)
        first = process.stdout.read(1)  # written before anything is given back
        outputs.append((time.perf_counter() - begin) * 1e3)
        process.communicate()
        if process.returncode != 0 or not first:
            raise RuntimeError(f"exit status {process.returncode}")
    return {"context_ms": statistics.median(contexts[1:]), "first_output_ms": statistics.median(outputs[1:])}


def attempt(figures, name, measure):
    try:
        measure()
    except Exception as error:  # noqa: BLE001: the other rows are still measured
        figures["missing"][name] = (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("thaw")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--rows", default="")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--libraries", default="", help="LD_LIBRARY_PATH of the command")
    options = parser.parse_args()
    figures = json.loads(options.json.read_text()) if options.json.exists() else {"rows": {}}
    figures["missing"] = {}
    thaw, wanted, drivers = Thaw(options), set(filter(None, options.rows.split(","))), [None]
    attempt(figures, "memory", lambda: drivers.append(Driver()))
    driver = drivers[-1]

    def keep():
        write(options.json, json.dumps(figures, indent=1))

    if driver:
        attempt(figures, "context", lambda: figures.update(
            context_bytes=driver.taken_by(lambda: subprocess.Popen(CONTEXT, stdout=subprocess.DEVNULL))))
        if "start" not in figures and (not wanted or STARTED in wanted):
            place = options.folder / STARTED.rpartition("_b")[0]
            attempt(figures, "start", lambda: figures.update(start=starts(thaw, place)))
    failed = False
    for given in sorted(options.folder.glob("*/input_b*.npy")):
        name, batch = given.parent.name, given.stem.removeprefix("input_b")
        if f"{name}_b{batch}" in figures["rows"] or wanted and f"{name}_b{batch}" not in wanted:
            continue
        row = {}
        attempt(figures, f"{name}_b{batch}", lambda: compare(thaw, given.parent, batch, row, driver))
        if "difference" in row:
            figures["rows"][f"{name}_b{batch}"] = row
        else:
            failed = True
        print(f"{name}_b{batch}", row, flush=True)
        keep()
    keep()
    for name, why in figures["missing"].items():
        print(f"not measured: {name}: {why}")
    return failed


if __name__ == "__main__":
    if sys.argv[1:] == ["context"]:
        bare_context()
    else:
        sys.exit(main())
