"""Writes tests/golden/<writer>/<case>/: small models in every saved form with the answers their writer gives.

    python tests/golden/make_goldens.py [--only pattern] [--writer keras3|tfkeras] [--out folder] [--savedmodel]

The pattern is a shell pattern matched against <writer>/<case>. With --savedmodel the other files stay as they are: cases
without a SavedModel get one, of the same model, whose answers must be the stored ones.
"""
import argparse
import fnmatch
import glob
import importlib
import json
import os
import shutil
import sys
import traceback
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
warnings.filterwarnings("ignore")

import golden_lib as g
import numpy as np


def reset(w, model):
    for layer in model.layers:
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_states" if w.k2 else "reset_state"):
            (layer.reset_states if w.k2 else layer.reset_state)()


def run_case(w, name, fn, options, out):
    gap64 = None
    if options.get("check64", True):
        try:
            w.begin(name, "float64")
            spec = fn(w)
            if spec.calls:
                reset(w, spec.model)
            exact = g.call(spec.expected_model or spec.model, spec.inputs, "float64")
        except Exception as e:
            print("    no float64 run: %s" % str(e).strip().split("\n")[0][:150])
            exact = None
    w.begin(name, "float32")
    spec = fn(w)
    oracle_model = spec.expected_model or spec.model
    if spec.calls:
        reset(w, oracle_model)
    expected = g.call(oracle_model, spec.inputs, "float32")
    for i, e in enumerate(expected):
        assert np.isfinite(e).all() or i in spec.flat_outputs, "output %d is not finite" % i
        assert e.size and (np.std(e.astype("float64")) > 1e-3 or i in spec.flat_outputs), "output %d says nothing: std %g" % (i, np.std(e))
        assert i in spec.flat_outputs or np.abs(e.astype("float64")).max() < 1e4, "output %d is huge" % i
    if options.get("check64", True) and exact is not None:
        gap64 = max(g.excess(x, y, spec) for x, y in zip(expected, exact))
        assert gap64 < 0.5, "float32 is %.3g tolerances away from float64" % gap64
    extra = dict(float64_gap=None if gap64 is None else round(gap64, 4))
    arrays_in, arrays_out = {}, {}
    for k, xs in enumerate(spec.calls, 1):
        got = g.call(oracle_model, xs, "float32")
        arrays_in.update({"call%d_input_%d" % (k, i): x for i, x in enumerate(xs)})
        arrays_out.update({"call%d_output_%d" % (k, i): x for i, x in enumerate(got)})
        extra.setdefault("then", []).append(dict(inputs=["call%d_input_%d" % (k, i) for i in range(len(xs))],
                                                 outputs=["call%d_output_%d" % (k, i) for i in range(len(got))]))

    def more(ins, outs):
        ins.update(arrays_in)
        outs.update(arrays_out)
        return extra
    if spec.calls:
        reset(w, oracle_model)
    folder = os.path.join(out, w.name, name)
    forms, failed = g.write_case(w, folder, spec, expected, options, more)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs)
    print("  %d outputs, %d forms, %d KB, float64 gap %s%s" % (
        len(expected), len(forms), size // 1024, "-" if gap64 is None else "%.3f" % gap64,
        ", not saved: " + ", ".join(failed) if failed else ""), flush=True)


def add_savedmodel(w, name, fn, options, out):
    """The SavedModel twin of a case that has none."""
    folder = os.path.join(out, w.name, name)
    with open(os.path.join(folder, "case.json")) as f:
        case = json.load(f)
    if any(form["kind"] == "savedmodel" for form in case["forms"]) or "savedmodel" in case.get("not_saved", {}):
        return
    print(w.name + "/" + name, flush=True)
    refused = options.get("no_savedmodel")
    if not refused:
        w.begin(name, "float32")
        spec = fn(w)
        oracle_model = spec.expected_model or spec.model
        reset(w, oracle_model)
        expected = g.call(oracle_model, spec.inputs, "float32")
        reset(w, oracle_model)
        with np.load(os.path.join(folder, "expected.npz")) as stored:
            for key, got in zip(case["outputs"], expected):
                gap = g.excess(got, stored[key], spec)
                assert gap <= 1, "the model has changed: %s is %.3g tolerances away from the stored one" % (key, gap)
        try:
            case["forms"].append(g.save_savedmodel(w, spec.model, folder, spec, expected, options))
        except Exception as e:
            refused = g.one_line(e)
            print("    cannot be saved: %s" % refused)
    if refused:
        case.setdefault("not_saved", {})["savedmodel"] = refused
        shutil.rmtree(os.path.join(folder, "saved_model"), ignore_errors=True)
    case["forms"] = case.pop("forms")  # the last key
    g.write_json(os.path.join(folder, "case.json"), case)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="*")
    ap.add_argument("--writer", default=None)
    ap.add_argument("--out", default=HERE)
    ap.add_argument("--savedmodel", action="store_true")
    args = ap.parse_args()
    for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
        importlib.import_module(os.path.basename(path)[:-3])
    bad = []
    for name in ("keras3", "tfkeras"):
        if args.writer not in (None, name):
            continue
        w = g.Writer(name)
        for case_name, writers, fn, options in g.CASES:
            label = name + "/" + case_name
            if name not in writers or not (fnmatch.fnmatch(label, args.only) or fnmatch.fnmatch(case_name, args.only)):
                continue
            options = {**options, **options.get(name, {})}
            try:
                if args.savedmodel:
                    add_savedmodel(w, case_name, fn, options, args.out)
                else:
                    print(label, flush=True)
                    run_case(w, case_name, fn, options, args.out)
            except Exception:
                traceback.print_exc(limit=-3)
                bad.append(label)
    if bad:
        sys.exit("failed: " + ", ".join(bad))


if __name__ == "__main__":
    main()
