"""One run of the harness: which rows, in which order, and the file that keeps the results."""

import json
import os
import platform
import subprocess
import sys
import time

import once
import report
from harness import Failure, folder_of, formats, measure
from rows import FLOOR, LOAD_ROWS, ROWS


def processor():
    with open("/proc/cpuinfo") as info:
        fields = dict(line.split(":", 1) for line in info.read().split("\n\n")[0].splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = set(fields.get("flags", "").split())
    wide = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile") if flag in flags]
    return {"name": fields.get("model name", platform.machine()), "model": fields.get("model", ""),
            "processors": os.cpu_count(), "cache": fields.get("cache size", ""), "extensions": wide}


def commit_of(repository):
    done = subprocess.run(["git", "-C", repository, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


class Results:
    """The JSON file; a row measured again takes the place of the old one."""

    def __init__(self, path, repository):
        self.path = path
        self.commit = commit_of(repository)
        self.data = json.load(open(path)) if os.path.exists(path) else {"rows": [], "load": []}

    def put(self, table, row, key):
        self.data.update(date=time.strftime("%Y-%m-%d"), cpu=processor(), system=platform.platform(),
                         python=platform.python_version())
        row["commit"] = self.commit
        rows = self.data[table]
        for i, old in enumerate(rows):
            if all(old[name] == row[name] for name in key):
                rows[i] = row
                break
        else:
            rows.append(row)
        self.save()

    def save(self):
        with open(self.path + ".new", "w") as file:
            json.dump(self.data, file, indent=1)
        os.replace(self.path + ".new", self.path)


def default_out(repository):
    slug = "".join(c if c.isalnum() else "-" for c in processor()["name"].lower())
    words = [word for word in slug.split("-") if word][:4]
    folder = os.path.join(repository, "bench", "results")
    return os.path.join(folder, f"{time.strftime('%Y-%m-%d')}-{'-'.join(words)}-{os.cpu_count()}")


def wanted_rows(options):
    if not options.rows:
        return ROWS
    by_name = {row.name: row for row in [*ROWS, FLOOR]}
    unknown = [name for name in options.rows.split(",") if name not in by_name]
    if unknown:
        sys.exit(f"no such rows: {', '.join(unknown)}")
    return [by_name[name] for name in options.rows.split(",")]


def convert(rows, options):
    for row in rows:
        folder = folder_of(row, options.cache)
        for form, note in formats(folder).items():
            if not note["ok"]:
                words = " ".join(note["error"].split())[:200]
                print(f"{row.name}: {form}: {words}", file=sys.stderr, flush=True)


def run(options, repository):
    out = options.out or default_out(repository)
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    options.cpus = sorted(os.sched_getaffinity(0))
    rows, engines = wanted_rows(options), options.engines.split(",")
    results = Results(f"{out}.json", repository)
    if options.note:
        results.data["note"] = options.note
    only = options.only
    if only in (None, "convert", "latency"):
        convert([FLOOR, *rows], options)
    if only in (None, "latency"):
        latency([*([] if options.rows else [FLOOR]), *rows], engines, options, results)
    if only in (None, "load"):
        for row in rows:
            if row.name in LOAD_ROWS:
                results.put("load", once.measure(row, engines, options), ["name"])
    if only != "convert" and results.data["rows"]:
        results.save()
        report.write(results.data, out)
        print(f"{out}.md", file=sys.stderr)


def latency(rows, engines, options, results):
    threads = [int(word) for word in options.threads.split(",")]
    for row in rows:
        for count in threads:
            if count > len(options.cpus):
                print(f"{row.name}: {count} threads: the machine has {len(options.cpus)}", file=sys.stderr)
                continue
            try:
                result = measure(row, engines, count, options)
            except Failure as failure:
                print(f"{row.name}: {failure}", file=sys.stderr)
                continue
            results.put("rows", result, ["name", "threads"])
            print(report.line(result), file=sys.stderr, flush=True)
