"""python -m tests.bench.kernels: which kernel multiplies our weights fastest here.

Each product of a step of the shipped `talk` model, at 1, 8, 64 and 256 rows: float32 (MKL), bfloat16
(oneDNN), whole numbers by FBGEMM and oneDNN, PyTorch's own dynamic int8, ONNX Runtime's dynamic int8 where
it is installed, and torch.compile where there is a C++ compiler. One JSON line for each product and count of
rows: microseconds of processor time, the least of ROUNDS, so that what else runs counts little. `exact`:
whether whole numbers give the same bits in all kernels. One thread. `ours` is what engine/kernels holds,
where there is a C compiler.

Then whole steps of `talk`, attention, softmax and draw included: by torch's calls in float32 and in whole
numbers, and by our own one call.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from engine import checkpoint, decode, native, products
from engine.batching import TorchBatch
from engine.decode import Decoder
from engine.native_batch import NativeBatch
from engine.rows import Batch, Sampling
from engine.speed_bench import Endless
from engine.weights import folder_of

SHAPES = {"after": (3072, 640), "words": (2560, 256), "context": (256, 320), "output": (9024, 256)}
ROWS = (1, 8, 64, 256)
ROUNDS = 30
_WORDS = "今天下班路上看到一只橘猫，蹲在便利店门口等人。"


def least(work: Callable[[], Any]) -> float:
    """Microseconds."""
    spent = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        work()
        spent.append(time.thread_time_ns() - began)
    return min(spent) / 1000


def dynamic(weight: Tensor) -> nn.Module:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight.data = weight
    torch.backends.quantized.engine = "x86"
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(linear), {nn.Linear}, torch.qint8)


def onnx(weight: Tensor) -> Callable[[Tensor], Any]:
    """MatMulInteger behind DynamicQuantizeLinear, written by hand: no exporter is needed."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    whole, scale = products.whole_numbers(weight)
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["s", "c"], ["k"]),
        helper.make_node("Mul", ["f", "k"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, weight.shape[1]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, weight.shape[0]])]
    held = [
        numpy_helper.from_array(whole.T.contiguous().numpy(), "w"),
        numpy_helper.from_array(scale.numpy(), "c"),
    ]
    model = helper.make_model(helper.make_graph(nodes, "product", inputs, outputs, held))
    model.ir_version = 9
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    buffer = io.BytesIO(model.SerializeToString())
    session = onnxruntime.InferenceSession(buffer.getvalue(), settings, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.numpy()})


def kernels(weight: Tensor, compiled: bool) -> dict[str, Callable[[Tensor], Any]]:
    whole, scale = products.whole_numbers(weight)
    found: dict[str, Callable[[Tensor], Any]] = {
        "float32": lambda x: x @ weight.T,
        "float32 in blocks": products.Blocks(weight),
    }
    half = weight.bfloat16()
    found["bfloat16"] = lambda x: nn.functional.linear(x.bfloat16(), half).float()
    for name in products.able():
        found[name] = products.KERNELS[name](whole, scale / products.UNIT)
    found["torch dynamic int8"] = dynamic(weight)
    library = native.load()
    if library is not None:
        packed = native.Packed(whole.numpy(), (scale / products.UNIT).numpy())

        def ours(x: Tensor) -> Tensor:
            rounded = (x * products.UNIT).round().to(torch.int8)
            return torch.from_numpy(packed.multiply(library, rounded.numpy()))[:, : len(weight)]

        found["ours"] = ours
    with contextlib.suppress(ImportError):
        found["ONNX Runtime int8"] = onnx(weight)
    if compiled:
        found["torch.compile float32"] = torch.compile(lambda x: x @ weight.T, dynamic=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--compile", action="store_true", help="torch.compile as well; needs a C++ compiler")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with torch.inference_mode():
        for name, shape in SHAPES.items():
            weight = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
            found = kernels(weight, options.compile)
            for rows in ROWS:
                x = torch.rand(rows, shape[1]) * 2 - 1
                spent = {}
                for kernel, work in found.items():
                    work(x)
                    spent[kernel] = round(least(functools.partial(work, x)), 1)
                exacts = [kernel for kernel in (*products.able(), "ours") if kernel in found]
                whole = [found[kernel](x) for kernel in exacts]
                exact = all(torch.equal(one, whole[0]) for one in whole)
                print(
                    json.dumps({"name": name, "rows": rows, "microseconds": spent, "exact": exact}),
                    flush=True,
                )
    for rows in ROWS:
        print(json.dumps({"name": "step", "rows": rows, "microseconds": steps(rows)}), flush=True)


def steps(rows: int) -> dict[str, float]:
    """Whole steps of the shipped `talk`."""
    writer = Decoder(checkpoint.load(folder_of("talk")))
    batches: dict[str, Batch] = {
        "torch float32": TorchBatch(writer.model, writer.banned, ["float32"]),
        "torch whole numbers": TorchBatch(writer.model, writer.banned, products.able()),
    }
    library = native.load()
    if library is not None:
        batches["ours"] = NativeBatch(writer.model, writer.banned, library)
    spent = {}
    for name, batch in batches.items():
        sampling = Sampling(max_tokens=ROUNDS + 10)
        for number in range(rows):
            encoded = writer.encode(writer.condition(["chat", "zh"], [_WORDS]), 1)
            z = decode.latents(number, 1, writer.latent_size)
            batch.join(batch.ask(encoded, z, number, sampling, pulls=[Endless()]))
        for _ in range(5):
            batch.step()
        spent[name] = round(least(batch.step), 1)
        while len(batch):
            batch.step()
    return spent


if __name__ == "__main__":
    main()
