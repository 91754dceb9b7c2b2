"""One table from the JSON of scripts/gpu-check: python3 bench/peers/gpu_table.py FILE.

A line per model and batch with the medians of Thaw on both devices and of every peer, in microseconds, host to host; and
the quickest peer over Thaw on the GPU where both were measured.
"""

import json
import sys

FORMS = {"torch eager": "eager", "torch graph": "graph", "torch compile": "compile", "jax scan": "jax",
         "cudnn best": "cudnn"}


def lines_of(report):
    """(model, batch) -> {column: microseconds}; a peer's row `lstm128_b1` is the model lstm128 at batch 1."""
    lines = {}
    for name, bench in report.get("rows", {}).items():
        model, device = name.rsplit(".", 1)
        for row in bench.get("rows", []):
            lines.setdefault((model, row["batch"]), {})[device] = row["p50_us"]
    for name, figures in report.get("peers", {}).get("rows", {}).items():
        model, _, batch = name.rpartition("_b")
        line = lines.setdefault((model, int(batch)), {})
        for form, column in FORMS.items():
            if isinstance(figures.get(form), (int, float)):
                line[column] = figures[form]
    return lines


def table(report):
    columns = ["cpu", "cuda", *FORMS.values()]
    lines = lines_of(report)
    width = max([len(model) for model, _ in lines] + [5])
    text = [f"{'model':{width}} {'batch':>5} " + " ".join(f"{column:>9}" for column in columns) + "  peer/cuda"]
    for (model, batch), line in sorted(lines.items()):
        cells = " ".join(f"{line[column]:9.1f}" if column in line else f"{'-':>9}" for column in columns)
        peers = [line[column] for column in FORMS.values() if column in line]
        ratio = f"{min(peers) / line['cuda']:9.2f}x" if peers and line.get("cuda") else f"{'-':>10}"
        text.append(f"{model:{width}} {batch:5} {cells} {ratio}")
    for name, figures in report.get("peers", {}).get("rows", {}).items():
        text += [f"{name}: {form}: {why}" for form, why in figures.items() if form.endswith(" failed")]
    text += [f"not measured: {missing}" for missing in report.get("peers", {}).get("missing", [])]
    return "\n".join(text)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(table(json.load(file)))
