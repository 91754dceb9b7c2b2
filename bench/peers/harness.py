"""Files of a row, its resident workers, and their interleaved rounds."""

import hashlib
import json
import os
import select
import subprocess
import sys
import time

import numpy as np

from convert import groups_of, note
from rows import Row

HERE = os.path.dirname(os.path.abspath(__file__))
ROUND_LIMIT = 20_000  # calls of a round
PROBE_SECONDS = 0.1  # to find the quickest form of an engine
SETTLE_SECONDS = 0.03  # for the last engine's threads to stop spinning
START_SECONDS = 300
# Engine -> its ways from the Keras model, the file, the format in formats.json; the quickest that agrees is timed.
SOURCES = {
    "thaw": [(".keras", "model.keras", "keras")],
    "tf": [("SavedModel", "saved_model", "saved_model")],
    "ort": [("tf2onnx", "model.onnx", "onnx"), ("operator", "operator.onnx", "onnx_operator")],
    "openvino": [("of tf2onnx", "openvino_onnx.xml", "openvino_onnx"),
                 ("of the ONNX operator", "openvino_operator.xml", "openvino_operator"),
                 ("of SavedModel", "openvino_tf.xml", "openvino_tf")],
    "litert": [("frozen function", "model.tflite", "tflite")],
}
PEERS = [engine for engine in SOURCES if engine != "thaw"]


def sources_of(engine, folder):
    """[(how it was made, its path, what formats.json says)]"""
    notes = formats(folder)
    return [(source, os.path.join(folder, file), notes[form]) for source, file, form in SOURCES[engine]
            if form in notes]


class Failure(Exception):
    pass


def folder_of(row: Row, cache):
    """Where the row's files are, made if they are not there or were made by another version of the scripts."""
    scripts = ("models.py", "convert.py", "onnx_recurrent.py", "requirements.txt")
    sources = [open(os.path.join(HERE, name), "rb").read() for name in scripts]
    what = json.dumps([row.model, row.arguments]).encode()
    key = hashlib.sha256(b"\0".join([what, *sources])).hexdigest()[:12]
    folder = os.path.join(cache, "models", f"{row.name.replace('_f16', '')}-{key}")
    os.makedirs(folder, exist_ok=True)
    for group in groups_of(row):
        while missing := [form for form in group if form not in formats(folder)]:
            command = [sys.executable, "-B", os.path.join(HERE, "convert.py"), row.name, folder, *missing]
            with open(os.path.join(folder, "convert.log"), "ab") as log:
                status = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
            for form, said in formats(folder, all_marks=True).items():
                if "trying" in said:
                    note(folder, form, ok=False, error=f"the converter ended the process, status {status}")
            if missing == [form for form in group if form not in formats(folder)]:
                raise Failure(f"{row.name}: nothing was converted; see {folder}/convert.log")
    return folder


def formats(folder, all_marks=False):
    """What became of each format; one that was being tried when the harness was stopped is tried again."""
    path = os.path.join(folder, "formats.json")
    notes = json.load(open(path)) if os.path.exists(path) else {}
    return {form: said for form, said in notes.items() if all_marks or "trying" not in said}


def command_of(engine, path, thaw, threads, cpus):
    worker = [sys.executable, "-B", os.path.join(HERE, "worker.py"), engine]
    program = [thaw] if engine == "thaw" else worker
    return [*program, path, "--threads", str(threads), "--cpus", ",".join(map(str, cpus))]


def inputs_of(folder):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("input_"))


class Worker:
    """A resident process that answers lines; whatever it says beside them is in its log."""

    def __init__(self, command, log):
        self.log = log
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self.pending = b""
        self.failure = None

    def wait_loaded(self):
        try:
            self.said()
        except Failure as failure:
            self.failure = failure

    def line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not data:
                self.close()
                last = open(self.log, errors="replace").read().strip().splitlines()[-1:] or ["no message"]
                raise Failure(f"{'ended' if ready else 'no answer'}: {last[0][:500]}")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode()

    def said(self):
        """The next JSON object."""
        while True:
            line = self.line(START_SECONDS)
            if line.startswith("{"):
                return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def prepare(self):
        if self.failure:
            raise self.failure
        self.ask("prepare")
        return self.said()

    def round(self, seconds):
        self.ask(f"round {seconds} {ROUND_LIMIT}")
        samples = [int(word) for word in self.line(START_SECONDS).split()]
        return samples[2:] if len(samples) > 8 else samples[1:]  # the first calls meet the last engine's caches

    def close(self):
        self.process.kill()
        self.process.wait()


def disagreement(folder, outputs):
    """Greatest difference from Keras over all inputs, relative to Keras' greatest output."""
    worst, results = 0.0, np.load(outputs)
    for i in range(len(inputs_of(folder))):
        expected = np.load(f"{folder}/expected_{i}.npz")["output_0"].astype("float64")
        result = results[f"output_{i}"]
        if result.shape != expected.shape:
            raise Failure(f"output is {result.shape}, Keras' is {expected.shape}")
        error = np.max(np.abs(result - expected)) / np.max(np.abs(expected))
        worst = max(worst, float(error) if np.isfinite(error) else float("inf"))
    return worst


def start(engine, row, folder, thaw, threads, cpus):
    """Begins to load every form that the engine takes -> [(how it was made, its outputs, worker or failure)]"""
    candidates = []
    for source, path, note in sources_of(engine, folder):
        if not note["ok"]:
            candidates.append((source, None, f"conversion: {note['error']}"))
            continue
        outputs = f"{path}.{engine}.{threads}.npz"
        more = ["--weights", row.weights] if engine == "thaw" else []
        command = [*command_of(engine, path, thaw, threads, cpus), *more, "--outputs", outputs, *inputs_of(folder)]
        candidates.append((source, outputs, Worker(command, f"{outputs}.log")))
    return candidates


def choose(candidates, folder, tolerance):
    """-> (the quickest worker that agrees with Keras or None, what there is to say about the engine)"""
    best, said = None, {"failures": {}, "probes_ns": {}}
    for source, outputs, worker in candidates:
        try:
            if not isinstance(worker, Worker):
                raise Failure(worker)
            ready = worker.prepare()
            error = disagreement(folder, outputs)
            if error > tolerance:
                raise Failure(f"outputs differ from Keras' by {error:.2g}")
            probe = said["probes_ns"][source] = float(np.median(worker.round(PROBE_SECONDS)))
        except Failure as failure:
            said["failures"][source] = str(failure)
            continue
        if best is None or probe < best[1]:
            best = (worker, probe)
            said.update(source=source, way=ready["way"], version=ready["version"], error=error)
    return best and best[0], said


def busy_ticks(workers):
    """(of the whole machine, of this harness)"""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    own = 0
    for pid in [os.getpid(), *(worker.process.pid for worker in workers)]:
        words = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        own += int(words[11]) + int(words[12])
    return user + nice + system + irq + softirq + steal, own


def summary(rounds):
    medians = [float(np.median(samples)) for samples in rounds]
    everything = np.concatenate(rounds)
    p10, p90, p99 = (float(np.percentile(everything, q)) for q in (10, 90, 99))
    return {"median_ns": float(np.median(medians)), "min_ns": int(everything.min()), "p10_ns": p10, "p90_ns": p90,
            "p99_ns": p99, "calls": len(everything), "round_medians_ns": medians,
            "spread": (max(medians) - min(medians)) / float(np.median(medians))}


def measure(row, engines, threads, options):
    """One row with one number of threads -> a dictionary, as it stands in the results."""
    folder = folder_of(row, options.cache)
    cpus = options.cpus[-threads:]
    result = {"name": row.name, "title": row.title, "threads": threads, "goal": row.goals.get(threads, 1.0),
              "at": time.strftime("%Y-%m-%d %H:%M"), "engines": {}}
    workers, started = {}, []
    try:
        candidates = {engine: start(engine, row, folder, options.thaw, threads, cpus) for engine in engines}
        started = [one[2] for group in candidates.values() for one in group if isinstance(one[2], Worker)]
        for worker in started:
            worker.wait_loaded()
        for engine in engines:
            worker, result["engines"][engine] = choose(
                candidates[engine], folder, row.tolerance if engine == "thaw" else 1e-4)
            if worker:
                workers[engine] = worker
        for worker in started:
            if worker not in workers.values():
                worker.close()
        if "thaw" in engines and "thaw" not in workers:
            return result  # nothing to compare: the table says why
        order, rounds = list(workers), {engine: [] for engine in workers}
        total, own = busy_ticks(workers.values())
        result["load_average"], begin = os.getloadavg()[0], time.monotonic()
        for _ in range(options.rounds):
            for engine in order:
                time.sleep(SETTLE_SECONDS)
                rounds[engine].append(workers[engine].round(options.seconds))
            order = order[1:] + order[:1]
        total_after, own_after = busy_ticks(workers.values())
        ticks = (time.monotonic() - begin) * os.sysconf("SC_CLK_TCK")
        result["others_cpus"] = round(max(0, (total_after - total) - (own_after - own)) / ticks, 2)
        for engine in workers:
            result["engines"][engine].update(summary(rounds[engine]))
    finally:
        for worker in started:
            worker.close()
    return result
