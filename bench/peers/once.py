"""From a file to the first output in a fresh process, and the memory that the process then holds."""

import json
import os
import subprocess
import time

import numpy as np

from harness import command_of, folder_of, inputs_of, sources_of

RUNS = 5


def _one(engine, path, row_folder, options):
    command = command_of(engine, path, options.thaw, 1, options.cpus[-1:])
    begin = time.monotonic_ns()
    done = subprocess.run([*command, "--once", inputs_of(row_folder)[0]], capture_output=True, text=True, timeout=300,
                          check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        return None, last[0][:500]
    said = json.loads(lines[-1])
    said["process_ns"] = said.pop("first_output_at") - begin
    return said, None


def measure(row, engines, options):
    """Interleaved like the rounds. One unmeasured run warms the page cache: files are read from memory."""
    folder = folder_of(row, options.cache)
    # Every form that an engine takes; the quickest to load stands for it.
    tries = [(engine, source, path) for engine in engines for source, path, note in sources_of(engine, folder)
             if note["ok"]]
    samples = {one: [] for one in tries}
    failures = {}
    for number in range(RUNS + 1):
        for one in tries:
            said, error = _one(one[0], one[2], folder, options)
            if error:
                failures[f"{one[0]} {one[1]}"] = error
            elif number > 0:
                samples[one].append(said)
    result = {"name": row.name, "title": row.title, "at": time.strftime("%Y-%m-%d %H:%M"), "runs": RUNS,
              "load_average": os.getloadavg()[0], "engines": {}, "failures": failures}
    for (engine, source, _), runs in samples.items():
        if not runs:
            continue
        best = result["engines"].get(engine)
        summary = {"source": source, "load_ns": float(np.median([run["load_ns"] for run in runs])),
                   "process_ns": float(np.median([run["process_ns"] for run in runs])),
                   "resident": int(np.median([run["after"]["VmRSS"] for run in runs])),
                   "peak": int(np.median([run["after"]["VmHWM"] for run in runs])),
                   "resident_before": int(np.median([run["before"]["VmRSS"] for run in runs])),
                   **{key: runs[0][key] for key in ("weight_bytes", "arena_bytes") if key in runs[0]}}
        if best is None or summary["load_ns"] < best["load_ns"]:
            result["engines"][engine] = summary
    return result
