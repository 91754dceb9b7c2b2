"""Peers on the GPU: the models of gpu_models.py in PyTorch (eager, CUDA graph, compiled), JAX (jit of a scan), and cuDNN
with the quickest of its algorithms for recurrent layers, each in a CUDA graph.

python3 bench/peers/gpu.py FOLDER --json FILE [--seconds 0.5] [--rows lstm64,mlp]: medians in microseconds, host to host and
on the device, of what is installed, for the models that gpu_models.py has put into FOLDER; and how far each output lies
from the one that gpu_thaw.py has put beside them. float32 without TF32 (the encoder in bfloat16); what an engine refuses
stands in its row with the reason. Each engine has a process of its own: where that dies, its row says so, and a new one goes
on behind it. What FILE holds already is not measured again: a run that was cut off goes on where it was. --cpu compares
outputs alone, on the CPU. scripts/gpu-check puts the figures beside Thaw's.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import gpu_jax
import gpu_torch
from gpu_models import BATCHES, RECURRENT, STEPS, difference, write


def median_us(run, seconds):
    """Of single calls, each waited for."""
    for _ in range(3):
        run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(times)


def reason(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


class Case:
    """One model at one batch size, and the row of its figures, which keep() writes."""

    def __init__(self, name, batch, options, row, keep):
        self.name, self.batch, self.options, self.row, self.keep = name, batch, options, row, keep
        place = pathlib.Path(options.folder) / name
        with np.load(place / "model.npz") as file:
            self.weights = [file[key] for key in file.files]
        self.x = np.load(place / f"input_b{batch}.npy")
        self.expected = None
        if (place / f"expected_b{batch}.npz").exists():
            with np.load(place / f"expected_b{batch}.npz") as file:
                self.expected = file[file.files[0]]

    def attempt(self, form, make):
        """make() gives a call, which gives the output on the host."""
        if form in self.row or form + " failed" in self.row:
            return  # before a run was cut off
        try:
            run = make()
            output = run()
            if self.expected is not None:
                output = output if isinstance(output, np.ndarray) else output.float().numpy()
                self.row[form + " difference"] = difference(output, self.expected)
            if not self.options.cpu:
                self.row[form] = median_us(run, self.options.seconds)
        except Exception as error:  # noqa: BLE001: what an engine refuses is a result too
            self.row[form + " failed"] = reason(error)
        self.keep()


def torch_setup(options):
    import torch

    if not options.cpu and not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return torch


def captured(torch, call):
    """A CUDA graph of the call, and what holds its result."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        held = call()
    return graph, held


def device_us(torch, graph, runs=50):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    graph.replay()
    begin.record()
    for _ in range(runs):
        graph.replay()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e3 / runs


def measure_torch(torch, case):
    model, host = gpu_torch.model_of(torch, case.name, case.weights), gpu_torch.input_of(torch, case.name, case.x)
    if case.options.cpu:
        with torch.inference_mode():
            case.attempt("torch eager", lambda: lambda: model(host))
        return
    model, host, device = model.cuda(), host.pin_memory(), host.cuda()

    def waited(call):
        def run():
            device.copy_(host, non_blocking=True)
            return call().cpu()
        return run

    def replayed():
        graph, held = captured(torch, lambda: model(device))
        case.row["torch graph, device"] = device_us(torch, graph)

        def replay():
            graph.replay()
            return held
        return waited(replay)

    def compiled():
        torch.compiler.reset()  # else the second batch size makes it compile for any
        quick = torch.compile(model, mode="max-autotune", dynamic=False)
        return waited(lambda: quick(device))

    with torch.inference_mode():
        case.attempt("torch eager", lambda: waited(lambda: model(device)))
        case.attempt("torch graph", replayed)
        case.attempt("torch compile", compiled)


# The settings under which PyTorch 2.x hands a recurrent layer to another algorithm of cuDNN: in its own order it takes
# PERSIST_STATIC_SMALL_H up to 192 units, PERSIST_STATIC for some of 16 bits, else STANDARD, and STANDARD always where
# sequences are packed (of one length here, so that the arithmetic is the same).
def measure_cudnn(torch, case):
    layer = gpu_torch.model_of(torch, case.name, case.weights).layer
    host = gpu_torch.input_of(torch, case.name, case.x)
    if not case.options.cpu:
        layer, host = layer.cuda(), host.pin_memory()
    device = host if case.options.cpu else host.cuda()
    packed = torch.nn.utils.rnn.pack_padded_sequence(device, [STEPS] * case.batch, batch_first=True)

    def last_of(result):
        return (result[1][0] if isinstance(result[1], tuple) else result[1])[-1]

    def replayed(x):
        if case.options.cpu:
            return lambda: last_of(layer(x))
        graph, held = captured(torch, lambda: layer(x))
        last = last_of(held)

        def run():
            device.copy_(host, non_blocking=True)
            graph.replay()
            return last.cpu()
        return run

    with torch.inference_mode():
        case.attempt("cudnn preferred", lambda: replayed(device))
        case.attempt("cudnn standard", lambda: replayed(packed))


def jax_setup(options):
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # what others hold is not known
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
    if not options.cpu and jax.default_backend() != "gpu":
        raise RuntimeError(f"JAX sees no GPU, only: {jax.default_backend()}")
    return jax


def measure_jax(jax, case):
    model = gpu_jax.model_of(jax, jax.numpy, case.name, case.weights)
    case.attempt("jax scan", lambda: lambda: np.asarray(model(case.x)))


# engine -> (what sets it up, what measures a row, its models); that whose compiler takes minutes for a model comes last.
ENGINES = {"cudnn": (torch_setup, measure_cudnn, [name for name in gpu_torch.NAMES if name in RECURRENT]),
           "jax": (jax_setup, measure_jax, gpu_jax.NAMES),
           "torch": (torch_setup, measure_torch, gpu_torch.NAMES)}


def read(path):
    if not os.path.exists(path):
        return {"rows": {}, "missing": {}}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def rows_of(engine, options):
    """Measures what is missing, and writes after each row: what is measured stays where the time runs out."""
    figures = read(options.json)
    figures["missing"].pop(engine, None)
    cut_off = figures.pop("now", None)
    setup, measure, names = ENGINES[engine]

    def keep():
        write(options.json, json.dumps(figures, indent=1))

    try:
        library = setup(options)
    except Exception as error:  # noqa: BLE001: without one engine the others are still measured
        figures["missing"][engine] = reason(error)
        names = []
    wanted = set(filter(None, options.rows.split(",")))
    for name in names:
        for batch in BATCHES[name]:
            now = f"{name}_b{batch}"
            row = figures["rows"].get(now, {})
            done = any(form.startswith(engine) for form in row) and now != cut_off
            if done or wanted and name not in wanted:
                continue
            figures["rows"][now], figures["now"] = row, now
            keep()
            try:
                measure(library, Case(name, batch, options, row, keep))
            except Exception as error:  # noqa: BLE001
                row[f"{engine} failed"] = reason(error)
            print(now, {form: figure for form, figure in row.items() if form.startswith(engine)}, flush=True)
            if engine != "jax":
                library.cuda.empty_cache()
            del figures["now"]
    keep()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--json", required=True)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rows", default="", help="models, separated by commas (default: all)")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        return rows_of(options.engine, options)
    for engine in ENGINES:
        code = None
        while code != 0:
            code = subprocess.run([sys.executable, *sys.argv, "--engine", engine], check=False).returncode
            figures = read(options.json)
            name = figures.pop("now", None)
            if code == 0:
                break
            if name is None:
                figures["missing"][engine] = f"its process ended with {code}"
                code = 0
            else:
                figures["rows"][name][f"{engine} failed"] = f"its process ended with {code}"
            write(options.json, json.dumps(figures, indent=1))
    for engine, why in read(options.json)["missing"].items():
        print(f"not measured: {engine}: {why}")


if __name__ == "__main__":
    main()
