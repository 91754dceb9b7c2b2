"""The results as a table (Markdown) and a plot (SVG)."""

from html import escape

from rows import LOAD_GOALS, MEMORY_SLACK

NAMES = {"thaw": "Thaw", "tf": "TensorFlow", "ort": "ONNX Runtime", "openvino": "OpenVINO", "litert": "LiteRT"}


def time_text(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.0f} ns"


def floors(results):
    """(engine, threads) -> median of the model of one multiplication"""
    return {(engine, row["threads"]): said["median_ns"] for row in results["rows"] if row["name"] == "floor"
            for engine, said in row["engines"].items() if "median_ns" in said}


def judge(row, floor):
    """Ratios best peer / Thaw: of the medians, of the least times, and of what is left of the peers' medians
    without the cost of a call, which holds their Python binding (and more). None without both sides."""
    thaw = row["engines"].get("thaw", {})
    peers = {engine: said for engine, said in row["engines"].items() if engine != "thaw" and "median_ns" in said}
    if "median_ns" not in thaw or not peers:
        return None
    best = min(peers, key=lambda engine: peers[engine]["median_ns"])
    net = min(max(said["median_ns"] - floor.get((engine, row["threads"]), 0), 1) for engine, said in peers.items())
    least = min(said["min_ns"] for said in peers.values())
    ratio, net_ratio = peers[best]["median_ns"] / thaw["median_ns"], net / thaw["median_ns"]
    verdict = "yes" if net_ratio >= row["goal"] else "with the call" if ratio >= row["goal"] else "no"
    return {"best": best, "ratio": ratio, "net": net_ratio, "least": least / thaw["min_ns"], "verdict": verdict}


def line(row):
    said = "  ".join(f"{engine} {time_text(what['median_ns'])}" if "median_ns" in what else f"{engine} -"
                     for engine, what in row["engines"].items())
    judged = judge(row, {})
    ratio = f"  {judged['best']} / thaw {judged['ratio']:.2f}, goal {row['goal']}" if judged else ""
    return f"{row['name']} t{row['threads']}: {said}{ratio}"


def ordered(results):
    """[(row, judgement)]: those without a ratio, then the furthest from its goal first."""
    floor = floors(results)
    rows = [(row, judge(row, floor)) for row in results["rows"] if row["name"] != "floor"]
    return sorted(rows, key=lambda pair: pair[1]["ratio"] / pair[0]["goal"] if pair[1] else 0)


def cell(said):
    if "median_ns" not in said:
        return "-"
    median, p10, p90, p99 = (time_text(said[f"{name}_ns"]) for name in ("median", "p10", "p90", "p99"))
    return f"{median} ({p10}-{p90}, p99 {p99})"


def latency_table(results):
    engines = [engine for engine in NAMES if any(engine in row["engines"] for row in results["rows"])]
    text = ["| row | threads | " + " | ".join(NAMES[engine] for engine in engines)
            + " | best peer / Thaw | of the least times | without the call | goal | met | others' CPUs |",
            "|---" * (len(engines) + 8) + "|"]
    for row, judged in ordered(results):
        cells = [cell(row["engines"].get(engine, {})) for engine in engines]
        ratios = ["-"] * 3 + [f"{row['goal']:g}x", "no"] if judged is None else [
            f"**{judged['ratio']:.2f}x** ({NAMES[judged['best']]})", f"{judged['least']:.2f}x", f"{judged['net']:.2f}x",
            f"{row['goal']:g}x", judged["verdict"]]
        text.append("| " + " | ".join([row["title"], str(row["threads"]), *cells, *ratios,
                                       str(row.get("others_cpus", "-"))]) + " |")
    return text


def failures_list(results):
    text = []
    for row in results["rows"]:
        for engine, said in row["engines"].items():
            for source, failure in said.get("failures", {}).items():
                words = " ".join(failure.split())[:400].replace("|", "/")
                used = "" if "median_ns" not in said else f" ({said['source']} is used)"
                text.append(f"- {row['name']}, {row['threads']} threads, {NAMES[engine]} {source}{used}: {words}")
    return text


def slower_forms(results):
    """What an engine takes that was given another form of the model than the quickest."""
    text = []
    for row in results["rows"]:
        for engine, said in row["engines"].items():
            probes = {source: probe for source, probe in said.get("probes_ns", {}).items() if source != said["source"]}
            text += [f"- {row['name']}, {row['threads']} threads, {NAMES[engine]}: {source} {time_text(probe)}, "
                     f"{said['source']} {time_text(said['median_ns'])}" for source, probe in probes.items()]
    return text


def load_table(results):
    text = ["| model | engine | file to first output | process start to first output | engine / Thaw | goal | resident "
            "| peak |",
            "|---|---|---|---|---|---|---|---|"]
    for row in results["load"]:
        thaw = row["engines"].get("thaw")
        for engine, said in row["engines"].items():
            ratio = f"{said['load_ns'] / thaw['load_ns']:.2f}x" if thaw and engine != "thaw" else ""
            goal = f"{LOAD_GOALS[engine]:g}x" if engine in LOAD_GOALS else ""
            resident = f"{said['resident'] / 1e6:.1f} MB"
            if engine == "thaw":
                allowed = said["weight_bytes"] + said["arena_bytes"] + MEMORY_SLACK
                resident += f" (goal {allowed / 1e6:.1f}: {'met' if said['resident'] <= allowed else 'not met'})"
            text.append("| " + " | ".join([
                row["title"], f"{NAMES[engine]} ({said['source']})", time_text(said["load_ns"]),
                time_text(said["process_ns"]), ratio, goal, resident, f"{said['peak'] / 1e6:.1f} MB"]) + " |")
    return text


def versions(results):
    found = {}
    for row in results["rows"]:
        for engine, said in row["engines"].items():
            if "version" in said:
                found[NAMES[engine]] = said["version"]
    return ", ".join(f"{name} {version}" for name, version in found.items())


def markdown(results):
    cpu = results["cpu"]
    commits = ", ".join(sorted({row["commit"] for row in results["rows"] + results["load"]}))
    call = ", ".join(f"{NAMES[engine]} {time_text(value)}" for (engine, threads), value in floors(results).items()
                     if threads == 1)
    return "\n".join([
        f"# Thaw and its peers, {results['date']}", "",
        f"{cpu['name']} (model {cpu['model']}), {cpu['processors']} processors, {' '.join(cpu['extensions'])}; "
        f"{results['system']}; Thaw at {commits}; {versions(results)}; float32.", "",
        "Medians of interleaved rounds (p10-p90, p99); rows furthest from their goals first. *Best peer / Thaw* above "
        "1: Thaw is quicker. *Without the call* takes from each peer the time of a model of one multiplication, called "
        f"the same way ({call or 'not measured'}), and nothing from Thaw. *Others' CPUs*: processors that other "
        "processes kept busy meanwhile; rows with more than 0.1 are noisy.", "",
        *([results["note"], ""] if "note" in results else []), *latency_table(results), "", "![ratios](RATIOS)", "",
        "## Load and memory", "",
        "Fresh process, files in the page cache, one thread. *File to first output* begins after the engine's "
        "libraries are in memory; resident and peak are of the whole process, Python included where there is one.", "",
        *load_table(results), "", "## Slower forms of the same model", "",
        "One short round each, to choose the form that is timed.", "", *(slower_forms(results) or ["None."]), "",
        "## What could not be compared", "", *(failures_list(results) or ["Nothing."]), ""])


def svg(results):
    """One bar per row over a logarithmic axis; the stroke is the goal."""
    rows = [(row, judged) for row, judged in ordered(results) if judged]
    left, width, step, low, high = 420, 560, 20, 0.1, 20.0
    from math import log

    def x(ratio):
        return left + width * (log(min(max(ratio, low), high) / low) / log(high / low))

    height = 60 + step * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{height}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20):
        out.append(f'<line x1="{x(tick):.1f}" y1="30" x2="{x(tick):.1f}" y2="{height - 10}" '
                   f'stroke="{"#444" if tick == 1 else "#ddd"}"/>'
                   f'<text x="{x(tick):.1f}" y="24" text-anchor="middle">{tick:g}x</text>')
    for i, (row, judged) in enumerate(rows):
        y = 36 + i * step
        colour = "#2a7" if judged["ratio"] >= row["goal"] else "#c53"
        begin, end = sorted((x(1), x(judged["ratio"])))
        name = f"{escape(row['title'])} ({row['threads']}t)"
        out.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{name}</text>'
                   f'<rect x="{begin:.1f}" y="{y}" width="{max(end - begin, 1):.1f}" height="{step - 6}" '
                   f'fill="{colour}"/>'
                   f'<line x1="{x(row["goal"]):.1f}" y1="{y - 2}" x2="{x(row["goal"]):.1f}" y2="{y + step - 4}" '
                   f'stroke="black" stroke-width="2"/>'
                   f'<text x="{left + width + 8}" y="{y + 12}">{judged["ratio"]:.2f}x / {row["goal"]:g}x</text>')
    return "\n".join([*out, "</svg>", ""])


def write(results, out):
    with open(f"{out}.svg", "w") as file:
        file.write(svg(results))
    with open(f"{out}.md", "w") as file:
        file.write(markdown(results).replace("RATIOS", out.rsplit("/", 1)[-1] + ".svg"))
