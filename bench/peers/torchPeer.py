"""PyTorch on the CPU as a peer of `npm run bench -- --peers torch`: reads requests as JSON lines, answers each with one.

Usage: python3 torchPeer.py lstm-cell|hand-written THREADS    (protocol: bench/peers/protocol.ts)
       python3 torchPeer.py probe THREADS                     (how fast the BLAS is, and whether it is MKL's)
"""

import json
import math
import struct
import sys
import time

import torch

DTYPES = {"F32": torch.float32, "I32": torch.int32}


def read_safetensors(path):
    """The metadata and the tensors of a safetensors file of float32 and int32."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=DTYPES[entry["dtype"]], offset=begin, count=(end - begin) // 4)
        tensors[name] = flat.reshape(entry["shape"]).clone()
    return metadata, tensors


def probe(seconds=0.3):
    """Milliseconds of the products of one step of W1, the faster of two passes of `seconds`."""
    weights, states, gates = torch.randn(80, 41), torch.randn(41, 16000), torch.randn(80, 16000)
    best = math.inf
    for _ in range(2):
        runs, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            torch.mm(weights, states)
            torch.mm(gates, states.t())
            runs += 1
        best = min(best, (time.perf_counter() - start) / runs)
    return {"torch": torch.__version__, "mkl": torch.backends.mkl.is_available(), "ms": 1000 * best}


def serve(create):
    """Loads and runs workloads as the lines of stdin ask; `create(metadata, tensors)` gives a workload."""
    workloads = {}

    def answer(request):
        name = request["workload"]
        if request["request"] == "load":
            workloads[name] = create(*read_safetensors(request["file"]))
            return {"loaded": name}
        start, cpu = time.perf_counter(), time.process_time()
        result = workloads[name].run()
        ms, cpu_ms = 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu)
        return {"numbers": workloads[name].numbers(result), "ms": ms, "cpuMs": cpu_ms}

    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # whatever it is, the bench reports it and goes on without this workload
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


def main():
    variant, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    if variant == "probe":
        print(json.dumps(probe()), flush=True)
        return
    if variant == "lstm-cell":
        from torchAutograd import create
    elif variant == "hand-written":
        from torchByHand import create
    else:
        sys.exit(f"torchPeer.py: there is no variant {variant!r}; choose lstm-cell or hand-written")
    print(json.dumps({"ready": True, "versions": {"torch": torch.__version__}}), flush=True)
    serve(create)


if __name__ == "__main__":
    main()
