"""Peers on the GPU: the models of gpu_models.py in PyTorch (eager, CUDA graph, compiled), JAX (jit of a scan), and cuDNN
with the quickest of its algorithms for recurrent layers, each in a CUDA graph.

python3 bench/peers/gpu.py --json FILE [--seconds 0.5] [--rows lstm64,mlp]: medians in microseconds, host to host and on the
device, of what is installed. float32 without TF32 (the encoder in bfloat16), weights of one seed; what an engine refuses
stands in its row with the reason. What FILE holds already is not measured again: a run that was cut off goes on where it
was. scripts/gpu-check puts the figures beside Thaw's.
"""

import argparse
import json
import os
import statistics
import time

STEPS, FEATURES, WORDS = 100, 128, 1_000_000
RECURRENT = {"lstm64": ("lstm", 64, (1,)), "lstm128": ("lstm", 128, (1, 32)), "lstm512": ("lstm", 512, (1, 32, 256)),
             "lstm1024": ("lstm", 1024, (1, 32, 256)), "gru128": ("gru", 128, (1, 32))}
# Only XLA has a form for these but Thaw: what differs from the cell above.
SPECIAL = {"lstm_hard128": ("lstm", 128, (1, 32)), "gru_before128": ("gru", 128, (1, 32)),
           "lstm_masked128": ("lstm", 128, (1, 32))}
OTHERS = {"mlp": (1, 32, 256), "bilstm": (1, 32), "cnn": (1, 32, 256), "resnet50": (1, 32), "bert": (1, 32)}


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


def attempt(row, name, measure):
    try:
        row[name] = measure()
    except Exception as error:  # noqa: BLE001: what an engine refuses is a result too
        row[name + " failed"] = (str(error) or type(error).__name__).splitlines()[0][:200]


def torch_setup():
    import torch

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(20261121)
    return torch


def torch_models(torch):
    """name -> (model, input of a batch); a recurrent model gives its last state, as Thaw's does."""
    nn = torch.nn

    class Last(nn.Module):
        def __init__(self, layer, first=None):
            super().__init__()
            self.first, self.layer = first, layer

        def forward(self, x):
            states = self.layer(x if self.first is None else self.first(x))[1]
            states = states[0] if isinstance(states, tuple) else states
            return states[-1] if not self.layer.bidirectional else torch.cat((states[-2], states[-1]), 1)

    def numbers(*shape, dtype=torch.float32):
        return lambda batch: torch.randn(batch, *shape).to(dtype)

    def resnet50():
        import torchvision

        return nn.Sequential(torchvision.models.resnet50(), nn.Softmax(-1)).to(memory_format=torch.channels_last)

    def bert():
        layer = nn.TransformerEncoderLayer(768, 12, 3072, 0.0, "gelu", batch_first=True)
        return nn.TransformerEncoder(layer, 12, enable_nested_tensor=False).bfloat16()

    models = {name: (lambda cell=cell, units=units: Last({"lstm": nn.LSTM, "gru": nn.GRU}[cell](
        FEATURES, units, batch_first=True)), numbers(STEPS, FEATURES)) for name, (cell, units, _) in RECURRENT.items()}
    models["mlp"] = (lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10), nn.Softmax(-1)),
                     numbers(784))
    models["bilstm"] = (lambda: Last(nn.LSTM(FEATURES, 128, 2, batch_first=True, bidirectional=True),
                                     nn.Embedding(WORDS, FEATURES)),
                        lambda batch: torch.randint(0, WORDS, (batch, STEPS), dtype=torch.int32))
    models["cnn"] = (lambda: nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 7 * 64, 10), nn.Softmax(-1)), numbers(1, 28, 28))
    models["resnet50"] = (resnet50, numbers(3, 224, 224))
    models["bert"] = (bert, numbers(128, 768, dtype=torch.bfloat16))
    return models


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


def measure_torch(torch, row, model, x, seconds):
    host, device = x.pin_memory(), x.cuda()

    def waited(call):
        def run():
            device.copy_(host, non_blocking=True)
            call().cpu()
        return lambda: median_us(run, seconds)

    def replayed():
        graph, held = captured(torch, lambda: model(device))
        row["torch graph, device"] = device_us(torch, graph)

        def replay():
            graph.replay()
            return held
        return waited(replay)()

    def compiled():
        quick = torch.compile(model, mode="max-autotune")
        return waited(lambda: quick(device))()

    with torch.inference_mode():
        attempt(row, "torch eager", waited(lambda: model(device)))
        attempt(row, "torch graph", replayed)
        attempt(row, "torch compile", compiled)


def torch_rows(seconds, wanted):
    torch = torch_setup()
    batches = {**{name: row[2] for name, row in RECURRENT.items()}, **OTHERS}
    for name, (make, numbers) in torch_models(torch).items():
        for batch in batches[name]:
            if not wanted(name, batch):
                continue
            row = {}
            try:
                measure_torch(torch, row, make().cuda().eval(), numbers(batch), seconds)
            except Exception as error:  # noqa: BLE001
                row["torch failed"] = str(error).splitlines()[0][:200]
            yield f"{name}_b{batch}", row
            torch.cuda.empty_cache()


# The settings under which PyTorch 2.x hands a recurrent layer to another algorithm of cuDNN: in its own order it takes
# PERSIST_STATIC_SMALL_H up to 192 units, PERSIST_STATIC for some of 16 bits, else STANDARD, and STANDARD always where
# sequences are packed (of one length here, so that the arithmetic is the same).
def cudnn_rows(seconds, wanted):
    torch = torch_setup()
    for name, (cell, units, batches) in RECURRENT.items():
        for batch in batches:
            if not wanted(name, batch):
                continue
            layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](FEATURES, units, batch_first=True).cuda().eval()
            host = torch.randn(batch, STEPS, FEATURES).pin_memory()
            device = host.cuda()
            packed = torch.nn.utils.rnn.pack_padded_sequence(device, [STEPS] * batch, batch_first=True)
            row = {}

            def measure(x):
                graph, held = captured(torch, lambda: layer(x))
                last = (held[1][0] if isinstance(held[1], tuple) else held[1])[-1]

                def run():
                    device.copy_(host, non_blocking=True)
                    graph.replay()
                    last.cpu()
                return median_us(run, seconds)

            with torch.inference_mode():
                attempt(row, "cudnn preferred", lambda: measure(device))
                attempt(row, "cudnn standard", lambda: measure(packed))
            times = [row[key] for key in ("cudnn preferred", "cudnn standard") if key in row]
            if times:
                row["cudnn best"] = min(times)
            yield f"{name}_b{batch}", row


def jax_cells(jax, jnp, name):
    """(gates, step): step(state, z, product with the state) -> state; the state is (h, c)."""
    hard = name == "lstm_hard128"

    def gate(x):
        return jnp.clip(0.2 * x + 0.5, 0, 1) if hard else jax.nn.sigmoid(x)

    def lstm(state, z, recurrent):
        h, c = state
        i, f, g, o = jnp.split(z + h @ recurrent, 4, axis=-1)
        c = gate(f) * c + gate(i) * jnp.tanh(g)
        return gate(o) * jnp.tanh(c), c

    def gru(state, z, recurrent):
        h, c = state
        units = h.shape[-1]
        if name == "gru_before128":
            update, reset = jnp.split(gate(z[..., :2 * units] + h @ recurrent[:, :2 * units]), 2, axis=-1)
            new = jnp.tanh(z[..., 2 * units:] + (reset * h) @ recurrent[:, 2 * units:])
        else:
            product = h @ recurrent
            update, reset = jnp.split(gate(z[..., :2 * units] + product[..., :2 * units]), 2, axis=-1)
            new = jnp.tanh(z[..., 2 * units:] + reset * product[..., 2 * units:])
        return update * h + (1 - update) * new, c

    return (4, lstm) if name.startswith("lstm") else (3, gru)


def jax_rows(seconds, wanted):
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch has some of the memory
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_default_matmul_precision", "highest")
    random = np.random.default_rng(20261121)
    for name, (_, units, batches) in {**RECURRENT, **SPECIAL}.items():
        for batch in batches:
            if not wanted(name, batch):
                continue
            gates, cell = jax_cells(jax, jnp, name)
            kernel, recurrent = (jnp.asarray(random.standard_normal((n, gates * units)) / n**0.5, jnp.float32)
                                 for n in (FEATURES, units))
            x = random.standard_normal((batch, STEPS, FEATURES)).astype("float32")
            if name == "lstm_masked128":
                x[:, :STEPS // 4] = 0  # in front, where cuDNN cannot skip
            masked = name == "lstm_masked128"

            @jax.jit
            def model(x, kernel=kernel, recurrent=recurrent, cell=cell, batch=batch, units=units, masked=masked):
                projected = jnp.swapaxes(x @ kernel, 0, 1)
                mask = jnp.swapaxes(jnp.any(x != 0, axis=-1, keepdims=True), 0, 1)

                def step(state, now):
                    z, taken = now
                    new = cell(state, z, recurrent)
                    return tuple(jnp.where(taken, a, b) for a, b in zip(new, state)) if masked else new, None

                zero = jnp.zeros((batch, units), jnp.float32)
                return jax.lax.scan(step, (zero, zero), (projected, mask))[0][0]

            row = {}
            attempt(row, "jax scan", lambda: median_us(lambda: np.asarray(model(x)), seconds))
            yield f"{name}_b{batch}", row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", required=True)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rows", default="", help="models, separated by commas (default: all)")
    options = parser.parse_args()
    names = set(filter(None, options.rows.split(",")))
    figures, missing = {}, []
    if os.path.exists(options.json):
        with open(options.json, encoding="utf-8") as file:
            figures = json.load(file).get("rows", {})
    # The one whose compiler takes minutes for a model comes last.
    for name, rows in (("cudnn", cudnn_rows), ("jax", jax_rows), ("torch", torch_rows)):
        def wanted(model, batch, name=name):
            done = any(form.startswith(name) for form in figures.get(f"{model}_b{batch}", {}))
            return not done and (not names or model in names)

        try:
            for row, values in rows(options.seconds, wanted):
                figures.setdefault(row, {}).update(values)
                print(row, {key: round(value, 1) if isinstance(value, float) else value for key, value in values.items()},
                      flush=True)
                # After each row: what is measured stays where the time runs out.
                with open(options.json, "w", encoding="utf-8") as file:
                    json.dump({"rows": figures, "missing": missing}, file, indent=1)
        except Exception as error:  # noqa: BLE001: without one engine the others are still measured
            missing.append(f"{name}: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}")
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump({"rows": figures, "missing": missing}, file, indent=1)
    for line in missing:
        print("not measured:", line)


if __name__ == "__main__":
    main()
