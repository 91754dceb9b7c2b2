"""What every golden case needs: the two writers, seeded weights and inputs, and the saving of one model in all its forms.

A case is a function that takes a Writer and returns a Spec. It is called twice with the same random numbers: once
under a float64 policy, to measure how far the writer's float32 answers are from exact ones, and once for the files.
"""
import contextlib
import io
import json
import os
import re
import shutil
import zipfile
import zlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

try:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
except RuntimeError:
    pass

CASES = []


def case(name, writers=("keras3", "tfkeras"), **options):
    """Registers a case. A case is saved as .keras and SavedModel. Options: full (every form, the .keras as written; others are
    packed again with DEFLATE to keep the folder small), saved_model_folder (SavedModels are zip archives without it), h5 (.h5 as well, or the one writer it is for), only / without (form kinds
    but the SavedModel), no_savedmodel (why the writer cannot export the model), run=False (this machine cannot run the model), save_tf (tf-keras model.save for the
    SavedModel instead of model.export), check64=False (no float64 run), extra_forms (a function of writer, model and path that saves further forms and returns them); keras3=dict(...), tfkeras=dict(...) for one writer."""
    def register(fn):
        CASES.append((name, tuple(writers), fn, options))
        return fn
    return register


class Spec:
    def __init__(self, model, inputs, rtol=1e-4, atol=1e-5, note=None, oracle=None, expected_model=None, calls=None, flat_outputs=()):
        self.model = model
        self.inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        self.rtol, self.atol = rtol, atol
        self.note, self.oracle = note, oracle
        self.expected_model = expected_model  # another model with the same weights that computes the answers
        self.calls = calls or []              # further calls without a reset between: lists of inputs
        self.flat_outputs = set(flat_outputs)  # outputs that may be constant


class Writer:
    """One of the two code lines, with the names a case uses."""

    def __init__(self, name):
        self.name = name
        self.k2 = name == "tfkeras"
        if self.k2:
            import tf_keras as keras
            self.describe = "tf-keras %s, tensorflow" % keras.__version__
            self.oracle = "tf-keras %s" % keras.__version__
        else:
            import keras
            self.describe = "Keras %s, %s" % (keras.__version__, keras.backend.backend())
            self.oracle = "Keras %s on tensorflow %s" % (keras.__version__, tf.__version__)
        self.keras = keras
        self.L = keras.layers
        self.Input = keras.Input
        self.Model = keras.Model
        self.Sequential = keras.Sequential
        self.rng = None
        self.policy = None

    def begin(self, case_name, floatx):
        self.keras.backend.clear_session()
        self.rng = np.random.default_rng(zlib.crc32(case_name.encode()))
        self.floatx = floatx
        self.set_policy(floatx)

    def set_policy(self, policy):
        if self.k2:
            self.keras.backend.set_floatx("float64" if self.floatx == "float64" else "float32")
            self.keras.mixed_precision.set_global_policy(policy)
        else:
            self.keras.config.set_floatx("float64" if self.floatx == "float64" else "float32")
            self.keras.config.set_dtype_policy(policy)

    # seeded values
    def normal(self, *shape, scale=1.0):
        return (self.rng.standard_normal(shape) * scale).astype("float32")

    def uniform(self, *shape, low=0.0, high=1.0):
        return self.rng.uniform(low, high, shape).astype("float32")

    def ints(self, *shape, low=1, high=10):
        return self.rng.integers(low, high, shape).astype("int32")

    def bank(self, inputs, outputs):
        return self.Model(inputs, outputs)

    def randomise(self, model):
        """Every weight gets a value that is visible in the answers, zero-initialised ones too."""
        values = []
        for v in model.weights:
            name = (v.path if not self.k2 else v.name).split(":")[0].split("/")[-1]
            shape = tuple(v.shape)
            values.append(self._value(name, shape).astype("float32"))
        model.set_weights(values)
        return model

    def _value(self, name, shape):
        r = self.rng
        if "variance" in name:
            return r.uniform(0.5, 2.0, shape)
        if "gamma" in name:
            return r.uniform(0.5, 1.5, shape) * np.where(r.random(shape) < 0.2, -1.0, 1.0)
        if "alpha" in name:
            return r.uniform(0.05, 0.5, shape)
        if "embeddings" in name:
            return r.standard_normal(shape) * 0.7
        if "kernel" in name:
            fan = max(1.0, np.prod(shape[:-1]))
            if "depthwise" in name:
                fan = max(1.0, np.prod(shape[:-2]))
            return r.standard_normal(shape) / np.sqrt(fan)
        if "seed" in name or "count" in name:
            return np.zeros(shape)
        return r.standard_normal(shape) * 0.3


def storable(a):
    """numpy files have no bfloat16: kept as float32."""
    a = np.asarray(a)
    return a.astype("float32") if a.dtype.name == "bfloat16" else a


def flat(outputs):
    return [storable(o) for o in tf.nest.flatten(outputs)]


def call(model, inputs, floatx):
    xs = [tf.constant(x.tolist(), tf.string) if x.dtype.kind == "S" else tf.constant(x if x.dtype.kind in "iub" else x.astype("float64" if floatx == "float64" else x.dtype)) for x in inputs]
    struct = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None))
    if isinstance(struct, dict):
        xs = dict(zip(sorted(struct), xs))
    elif len(xs) == 1:
        xs = xs[0]
    return flat(model(xs, training=False))


def layer_classes(model, found=None):
    found = set() if found is None else found
    for layer in getattr(model, "layers", None) or []:
        found.add(type(layer).__name__)
        for inner in ("layer", "forward_layer", "backward_layer", "cell"):
            sub = getattr(layer, inner, None)
            if sub is not None and hasattr(sub, "get_config"):
                found.add(type(sub).__name__)
                layer_classes(sub, found)
                for c in getattr(sub, "cells", []):
                    found.add(type(c).__name__)
        layer_classes(layer, found)
    return found


def _signature(path, w, model, inputs, expected, spec, run=True):
    """Names of the signature's inputs and outputs in the model's order, proved by calling it, and its own answers."""
    loaded = tf.saved_model.load(path)
    fn = loaded.signatures["serving_default"]
    have = fn.structured_input_signature[1]
    names = [t.name.split(":")[0] for t in model.inputs]
    if set(names) != set(have):
        names = [getattr(t, "_keras_history", t)[0].name if hasattr(t, "_keras_history") else t.name for t in model.inputs]
    if set(names) != set(have):
        names = sorted(have, key=lambda s: (len(s), s))
    if not run:
        return names, sorted(fn.structured_outputs, key=lambda s: (len(s), s)), 0.0, None
    got = fn(**{n: tf.cast(tf.constant(x), have[n].dtype) for n, x in zip(names, inputs)})
    outs = list(fn.structured_outputs)
    wanted = list(getattr(model, "output_names", []) or [])
    order = wanted if set(wanted) == set(outs) and len(wanted) == len(expected) else sorted(outs, key=lambda s: (len(s), s))
    if len(order) != len(expected):
        raise RuntimeError("signature has outputs %s for %d outputs" % (outs, len(expected)))
    gap = 0.0
    for n, e in zip(order, expected):
        gap = max(gap, excess(storable(got[n]), e, spec))
    return names, order, gap, [storable(got[n]) for n in order]


def one_line(error):
    return " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())[:250]


def excess(got, want, spec):
    """How much of the allowed difference is used up: above 1 is a failure."""
    if got.shape != want.shape:
        return float("inf")
    got, want = got.astype("float64"), want.astype("float64")
    ok = np.isfinite(want)
    if not np.array_equal(got[~ok], want[~ok], equal_nan=True):
        return float("inf")
    return float(np.max(np.abs(got - want)[ok] / (spec.atol + spec.rtol * np.abs(want[ok])), initial=0.0))


def form_kinds(w, options):
    full, h5 = options.get("full"), options.get("h5") in (True, w.name)
    kinds = ["keras_v3"] + ["keras_h5"] * bool(full or h5) + ["keras_json_weights"] * bool(full)
    kinds = [k for k in options.get("only") or kinds if k not in options.get("without", ())]
    return kinds + ["savedmodel"] * ("savedmodel" not in kinds and not options.get("no_savedmodel"))


def pack_folder(folder, archive):
    """Moves a SavedModel into a zip archive whose bytes depend on its files alone."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for root, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(root, name)
                with open(path, "rb") as f:
                    z.writestr(zipfile.ZipInfo(os.path.relpath(path, folder)), f.read(), zipfile.ZIP_DEFLATED, 9)
    shutil.rmtree(folder)


def save_savedmodel(w, model, folder, spec, expected, options, log=print):
    """The form of a SavedModel, saved as a folder or packed. Raises what the writer raises."""
    path = os.path.join(folder, "saved_model")
    shutil.rmtree(path, ignore_errors=True)
    if w.k2 and options.get("save_tf"):
        model.save(path, save_format="tf", **({} if options.get("optimizer") else {"include_optimizer": False}))
    elif w.k2:
        with contextlib.redirect_stdout(io.StringIO()):
            model.export(path)
    else:
        model.export(path, format="tf_saved_model", verbose=False)
    shutil.rmtree(os.path.join(path, "debug"), ignore_errors=True)
    if os.path.isdir(os.path.join(path, "assets")) and not os.listdir(os.path.join(path, "assets")):
        os.rmdir(os.path.join(path, "assets"))
    ins, outs, gap, answers = _signature(path, w, model, spec.inputs, expected, spec, options.get("run", True))
    form = dict(kind="savedmodel", model="saved_model", signature="serving_default", inputs=ins, outputs=outs)
    if gap > 1:
        log("    saved_model: the signature answers differently (%.3g times the tolerance)" % gap)
        form["writer_reload"] = "the graph that the writer exported answers differently: `expected` names what it gives"
        form["expected"] = "expected_saved_model.npz"
        np.savez_compressed(os.path.join(folder, form["expected"]), **{"output_%d" % i: a for i, a in enumerate(answers)})
    if not options.get("saved_model_folder"):
        form["model"] = "saved_model.zip"
        pack_folder(path, os.path.join(folder, form["model"]))
    return form


def save_forms(w, model, folder, spec, expected, options, log=print):
    """Saves the model in every form and loads each again with the writer itself. Returns (forms, what failed)."""
    kinds, full = form_kinds(w, options), options.get("full")
    forms, failed = [], {}
    if options.get("no_savedmodel"):
        failed["savedmodel"] = options["no_savedmodel"]
    p = lambda n: os.path.join(folder, n)
    K = w.keras
    optimizer = {"include_optimizer": False} if w.k2 and not options.get("optimizer") else {}

    def check(load, label):
        if not options.get("run", True):
            return {}
        try:
            again = load()
            got = call(again, spec.inputs, "float32")
        except Exception as e:
            log("    %s: the writer cannot load it again: %s" % (label, str(e).strip().split("\n")[0][:150]))
            return {"writer_reload": "fails: %s" % str(e).strip().split("\n")[0][:200]}
        gap = max(excess(g, e, spec) for g, e in zip(got, expected)) if len(got) == len(expected) else float("inf")
        if gap > 1:
            log("    %s: loaded again by the writer it answers differently (%.3g times the tolerance)" % (label, gap))
            return {"writer_reload": "answers differently (%.3g times the tolerance)" % gap}
        return {}

    custom = options.get("custom_objects")

    def attempt(kind, fn):
        try:
            forms.extend(fn())
        except Exception as e:
            failed[kind] = one_line(e)
            log("    %s: cannot be saved: %s" % (kind, failed[kind]))

    def as_keras():
        model.save(p("model.keras"))
        extra = check(lambda: K.models.load_model(p("model.keras"), custom_objects=custom, compile=False), "model.keras")
        if options.get("directory"):
            with zipfile.ZipFile(p("model.keras")) as z:
                z.extractall(p("model_dir"))
            os.remove(p("model.keras"))
            return [dict(kind="keras_v3", model="model_dir", **extra)]
        if options.get("deflate", not full):
            with zipfile.ZipFile(p("model.keras")) as z:
                members = [(n, z.read(n)) for n in z.namelist()]
            with zipfile.ZipFile(p("model.keras"), "w", zipfile.ZIP_DEFLATED) as z:
                for n, data in members:
                    z.writestr(zipfile.ZipInfo(n), data, zipfile.ZIP_DEFLATED)
        return [dict(kind="keras_v3", model="model.keras", **extra)]

    def as_h5():
        model.save(p("model.h5"), **optimizer)
        extra = check(lambda: K.models.load_model(p("model.h5"), custom_objects=custom, compile=False), "model.h5")
        if options.get("h5_named_keras"):
            os.rename(p("model.h5"), p("model.keras"))
            return [dict(kind="keras_h5", model="model.keras", **extra)]
        return [dict(kind="keras_h5", model="model.h5", **extra)]

    def as_json():
        out = []
        with open(p("model.json"), "w") as f:
            f.write(model.to_json())
        names = ["model_weights.h5"] if w.k2 else ["model.weights.h5"]
        if w.k2:
            names.append("model.weights.h5")
        for n in names:
            model.save_weights(p(n))

            def load(n=n):
                again = K.models.model_from_json(open(p("model.json")).read(), custom_objects=custom)
                again.load_weights(p(n))
                return again
            out.append(dict(kind="keras_json_weights", model="model.json", weights=n, **check(load, "model.json + " + n)))
        return out

    def as_savedmodel():
        return [save_savedmodel(w, model, folder, spec, expected, options, log)]

    if "keras_v3" in kinds and not options.get("h5_named_keras"):
        attempt("keras_v3", as_keras)
    if "keras_h5" in kinds:
        attempt("keras_h5", as_h5)
    if "keras_json_weights" in kinds:
        attempt("keras_json_weights", as_json)
    if "savedmodel" in kinds:
        attempt("savedmodel", as_savedmodel)
    if "savedmodel" in failed:
        shutil.rmtree(p("saved_model"), ignore_errors=True)
    if options.get("extra_forms"):
        attempt("extra_forms", lambda: options["extra_forms"](w, model, p))
    return forms, failed


def write_json(path, data):
    with open(path, "w") as f:
        json.dump(data, f, indent=1, ensure_ascii=False)
        f.write("\n")


def write_case(w, folder, spec, expected, options, case_extra=None, log=print):
    """The folder of one case: arrays, all forms, case.json."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    forms, failed = save_forms(w, spec.model, folder, spec, expected, options, log)
    ins = {"input_%d" % i: x for i, x in enumerate(spec.inputs)}
    outs = {"output_%d" % i: x for i, x in enumerate(expected)}
    data = dict(writer=w.describe, inputs=list(ins), outputs=list(outs), rtol=spec.rtol, atol=spec.atol, expect="match",
                oracle=spec.oracle or w.oracle, layers=sorted(layer_classes(spec.model)))
    names = getattr(spec.model, "outputs", None)
    if names:
        data["output_layers"] = [t._keras_history[0].name for t in names]
    if spec.note:
        data["note"] = spec.note
    if failed:
        data["not_saved"] = failed
    if case_extra:
        data.update(case_extra(ins, outs) if callable(case_extra) else case_extra)
    data["forms"] = forms
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **ins)
    np.savez_compressed(os.path.join(folder, "expected.npz"), **outs)
    write_json(os.path.join(folder, "case.json"), data)
    return forms, failed
