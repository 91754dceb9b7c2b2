"""Peers on the GPU: recurrent layers and an MLP in PyTorch (eager, CUDA graph, compiled), JAX (jit of a scan), and cuDNN
with the quickest of its algorithms for recurrent layers, each in a CUDA graph.

python3 bench/peers/gpu.py --json FILE [--seconds 0.5]: medians in microseconds, host to host and on the device, of
what is installed. float32 without TF32, weights of one seed; scripts/gpu-check puts the figures beside Thaw's.
"""

import argparse
import json
import statistics
import time

STEPS, FEATURES = 100, 128
ROWS = [(f"{cell}{units}_b{batch}", cell, units, batch)
        for cell, units, batch in [("lstm", 64, 1), ("lstm", 128, 1), ("lstm", 512, 1), ("lstm", 1024, 1),
                                   ("lstm", 128, 32), ("lstm", 512, 32), ("lstm", 512, 256), ("lstm", 1024, 256),
                                   ("gru", 128, 1), ("gru", 128, 32)]]
MLP_ROWS = [("mlp_b1", 1), ("mlp_b256", 256)]


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


def torch_rows(seconds):
    import torch

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(20261121)
    figures = {}

    def measure(name, model, x):
        model = model.cuda().eval()
        host, device = x.pin_memory(), x.cuda()

        def waited(call):
            def run():
                device.copy_(host, non_blocking=True)
                result = call()
                (result[0] if isinstance(result, tuple) else result).cpu()
            return run

        row = figures.setdefault(name, {})
        with torch.inference_mode():
            row["torch eager"] = median_us(waited(lambda: model(device)), seconds)
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    model(device)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                held = model(device)

            def replay():
                graph.replay()
                return held

            row["torch graph"] = median_us(waited(replay), seconds)
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            for _ in range(50):
                graph.replay()
            end.record()
            end.synchronize()
            row["torch graph, device"] = begin.elapsed_time(end) * 1e3 / 50
            try:
                compiled = torch.compile(model, mode="max-autotune")
                row["torch compile"] = median_us(waited(lambda: compiled(device)), seconds)
            except Exception as error:  # noqa: BLE001: a row that the compiler refuses is a result too
                row["torch compile failed"] = str(error).splitlines()[0][:200]

    for name, cell, units, batch in ROWS:
        layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](FEATURES, units, batch_first=True)
        measure(name, layer, torch.randn(batch, STEPS, FEATURES))
    for name, batch in MLP_ROWS:
        mlp = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10),
                                  torch.nn.Softmax(dim=-1))
        measure(name, mlp, torch.randn(batch, 784))
    return figures


# The settings under which PyTorch 2.x hands a recurrent layer to another algorithm of cuDNN: in its own order it takes
# PERSIST_STATIC_SMALL_H up to 192 units, PERSIST_STATIC for some of 16 bits, else STANDARD, and STANDARD always where
# sequences are packed (of one length here, so that the arithmetic is the same).
def cudnn_rows(seconds):
    import torch

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(20261121)
    figures = {}
    for name, cell, units, batch in ROWS:
        layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](FEATURES, units, batch_first=True).cuda().eval()
        host = torch.randn(batch, STEPS, FEATURES).pin_memory()
        device = host.cuda()
        packed = torch.nn.utils.rnn.pack_padded_sequence(device, [STEPS] * batch, batch_first=True)
        row = figures.setdefault(name, {})
        for algorithm, x, back in (("preferred", device, lambda out: out[0]), ("standard", packed, lambda out: out[0].data)):
            try:
                with torch.inference_mode():
                    side = torch.cuda.Stream()
                    side.wait_stream(torch.cuda.current_stream())
                    with torch.cuda.stream(side):
                        for _ in range(3):
                            layer(x)
                    torch.cuda.current_stream().wait_stream(side)
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph):
                        held = layer(x)

                    def run(graph=graph, held=held, back=back):
                        device.copy_(host, non_blocking=True)
                        graph.replay()
                        back(held).cpu()

                    row["cudnn " + algorithm] = median_us(run, seconds)
            except Exception as error:  # noqa: BLE001: an algorithm that does not capture is a result too
                row["cudnn " + algorithm + " failed"] = str(error).splitlines()[0][:200]
        times = [row[key] for key in ("cudnn preferred", "cudnn standard") if key in row]
        if times:
            row["cudnn best"] = min(times)
    return figures


def jax_rows(seconds):
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_default_matmul_precision", "highest")
    random = np.random.default_rng(20261121)
    figures = {}
    for name, cell, units, batch in ROWS:
        if cell != "lstm":
            continue
        kernel, recurrent = (jnp.asarray(random.standard_normal((n, 4 * units)) / n**0.5, jnp.float32)
                             for n in (FEATURES, units))
        x = random.standard_normal((batch, STEPS, FEATURES)).astype("float32")

        @jax.jit
        def model(x, kernel=kernel, recurrent=recurrent, batch=batch, units=units):
            projected = jnp.swapaxes(x @ kernel, 0, 1)

            def step(state, z):
                h, c = state
                i, f, g, o = jnp.split(z + h @ recurrent, 4, axis=-1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
                h = jax.nn.sigmoid(o) * jnp.tanh(c)
                return (h, c), None

            zero = jnp.zeros((batch, units), jnp.float32)
            return jax.lax.scan(step, (zero, zero), projected)[0][0]

        figures[name] = {"jax scan": median_us(lambda: np.asarray(model(x)), seconds)}
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", required=True)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    figures, missing = {}, []
    for name, rows in (("torch", torch_rows), ("cudnn", cudnn_rows), ("jax", jax_rows)):
        try:
            for row, values in rows(options.seconds).items():
                figures.setdefault(row, {}).update(values)
        except ImportError as error:
            missing.append(f"{name}: {error}")
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump({"rows": figures, "missing": missing}, file, indent=1)
    for row, values in figures.items():
        print(row, {name: round(value, 1) if isinstance(value, float) else value for name, value in values.items()})
    for line in missing:
        print("not measured:", line)


if __name__ == "__main__":
    main()
