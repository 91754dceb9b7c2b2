"""One peer, one model, resident: loads, answers for its outputs, then times rounds on request.

    worker.py ENGINE MODEL --threads N --cpus 0,1 --outputs FILE INPUT.npz...

Speaks lines on stdin/stdout, as thaw_peer does: says one JSON object when it has loaded, on `prepare` another
when it is ready, and for each line `round SECONDS LIMIT` one line of nanoseconds, a number per call; `quit` ends
it. With --once it says how long the way from the file to the first output took in this process, and the memory
it then holds.

A call is what a caller with its data in hand pays: the input goes in, the output is there to be read. Engines
offer several ways to call them; the quickest, found by trying each, is the one that is timed.
"""

import argparse
import functools
import gc
import json
import os
import sys
import time

PROBE_SECONDS = 0.15  # to find the quickest way to call
WARM_UP_SECONDS = 0.2
LEAST_CALLS = 3  # of a round, however long they take


class TensorFlow:
    def __init__(self, threads):
        os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
        import tensorflow

        self.tf = tensorflow
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self.version = tensorflow.__version__

    def load(self, path):
        self.model = self.tf.saved_model.load(path)
        self.function = self.model.signatures["serving_default"]
        self.name = next(iter(self.function.structured_input_signature[1]))
        return lambda values: next(iter(self.function(**{self.name: self.tf.constant(values)}).values())).numpy()

    def ways(self, inputs):
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        tensors = [self.tf.constant(values) for values in inputs]
        served = self.model.serve  # the function as it was exported: one tensor in, one out
        frozen = convert_variables_to_constants_v2(self.function)
        return {
            "concrete function": [functools.partial(served, tensor) for tensor in tensors],
            "frozen concrete function": [functools.partial(frozen, tensor) for tensor in tensors],
        }


class OnnxRuntime:
    def __init__(self, threads):
        import onnxruntime

        self.ort, self.threads, self.version = onnxruntime, threads, onnxruntime.__version__
        onnxruntime.set_default_logger_severity(3)

    def load(self, path):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = self.ort.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name
        return lambda values: self.session.run([self.output], {self.input: values})[0]

    def ways(self, inputs):
        native = self.session._sess  # without the checks that the Python class adds to each call
        bindings = []
        for values in inputs:
            result = self.session.run([self.output], {self.input: values})[0]
            binding = self.session.io_binding()
            binding.bind_ortvalue_input(self.input, self.ort.OrtValue.ortvalue_from_numpy(values))
            binding.bind_ortvalue_output(self.output, self.ort.OrtValue.ortvalue_from_numpy(result.copy()))
            bindings.append(binding)
        self.keep = bindings
        return {
            "IOBinding": [functools.partial(native.run_with_iobinding, b._iobinding, None) for b in bindings],
            "run": [functools.partial(native.run, [self.output], {self.input: values}, None) for values in inputs],
        }


class OpenVino:
    def __init__(self, threads):
        import openvino

        self.ov, self.threads, self.version = openvino, threads, openvino.__version__.split("-")[0]

    def load(self, path):
        # float32 throughout: on processors with bfloat16 OpenVINO would otherwise compute in that.
        options = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": self.threads,
                   "INFERENCE_PRECISION_HINT": "f32"}
        self.compiled = self.ov.Core().compile_model(path, "CPU", options)
        request = self.compiled.create_infer_request()
        return lambda values: request.infer([values], share_inputs=True)[0]

    def ways(self, inputs):
        plain, asynchronous = [], []
        for values in inputs:
            request = self.compiled.create_infer_request()
            request.set_input_tensor(self.ov.Tensor(values, shared_memory=True))
            native = super(type(request), request)  # without the dictionary of copies
            empty = {}
            plain.append(functools.partial(native.infer, empty, True, False))
            asynchronous.append(functools.partial(self._start_and_wait, request.start_async, request.wait))
        return {"infer": plain, "start_async": asynchronous}

    @staticmethod
    def _start_and_wait(start, wait):
        start()
        wait()


class LiteRt:
    def __init__(self, threads):
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        self.Interpreter, self.threads, self.version = Interpreter, threads, version("ai-edge-litert")

    def load(self, path):
        self.interpreter = self.Interpreter(path, num_threads=self.threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]
        return functools.partial(self._call, self.interpreter._interpreter)

    def ways(self, inputs):
        return {"interpreter": [functools.partial(self._call, self.interpreter._interpreter, x) for x in inputs]}

    def _call(self, native, values):
        native.SetTensor(self.input, values)
        native.Invoke()
        return native.GetTensor(self.output)


ENGINES = {"tf": TensorFlow, "ort": OnnxRuntime, "openvino": OpenVino, "litert": LiteRt}


def measure(calls, seconds, limit):
    clock, samples, n = time.perf_counter_ns, [], 0
    end = clock() + int(seconds * 1e9)
    while len(samples) < limit:
        call = calls[n % len(calls)]
        n += 1
        start = clock()
        call()
        stop = clock()
        samples.append(stop - start)
        if stop >= end and len(samples) >= LEAST_CALLS:
            break
    return samples


def median(samples):
    return sorted(samples)[len(samples) // 2]


def quickest(ways):
    """Names of the ways that work with their medians, and the calls of the quickest."""
    medians, best = {}, None
    for name, calls in ways.items():
        try:
            for call in calls:
                call()
            medians[name] = median(measure(calls, PROBE_SECONDS, 10_000))
        except Exception as error:
            medians[name] = str(error)[:200]
            continue
        if best is None or medians[name] < medians[best]:
            best = name
    if best is None:
        raise RuntimeError(f"no way to call works: {medians}")
    return best, medians, ways[best]


def memory():
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {key: int(lines[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM", "RssAnon", "RssFile")}


def say(**what):
    print(json.dumps(what), flush=True)


def serve(calls):
    measure(calls, WARM_UP_SECONDS, 1000)
    gc.collect()
    gc.disable()
    for line in sys.stdin:
        words = line.split()
        if words[0] == "quit":
            return
        print(*measure(calls, float(words[1]), int(words[2])), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("model")
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cpus", default="")
    parser.add_argument("--outputs")
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    if options.cpus:
        os.sched_setaffinity(0, [int(cpu) for cpu in options.cpus.split(",")])
    import numpy as np

    inputs = [np.ascontiguousarray(np.load(path)["input_0"]) for path in options.inputs]
    engine = ENGINES[options.engine](options.threads)
    before, start = memory(), time.monotonic_ns()
    call = engine.load(options.model)
    first = call(inputs[0])
    done = time.monotonic_ns()
    if options.once:
        for _ in range(10):
            call(inputs[0])
        say(load_ns=done - start, first_output_at=done, before=before, after=memory())
        return
    if options.outputs:
        np.savez(options.outputs, **{f"output_{i}": call(values) for i, values in enumerate(inputs)})
    del first
    say(loaded=True)
    sys.stdin.readline()  # prepare: from here on it has the processors to itself
    best, medians, calls = quickest(engine.ways(inputs))
    say(version=engine.version, way=best, ways=medians)
    serve(calls)


if __name__ == "__main__":
    main()
