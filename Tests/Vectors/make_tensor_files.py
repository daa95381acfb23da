"""Writes tensor-files/: files of tensors as PyTorch and NumPy write them, and what is in which of their bytes (index.txt: file,
name, type, shape, first byte, bytes).

    python Tests/Vectors/make_tensor_files.py        (with torch and numpy)

The places are those that Python's zipfile and the libraries themselves tell. The GGUF file is put together here.
"""
import io
import struct
import zipfile
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).parent / "tensor-files"
GGUF_ALIGNMENT = 64


def place(content: bytes, member: str) -> list[int]:
    """Where a stored member's bytes lie: beginning and length."""
    info = zipfile.ZipFile(io.BytesIO(content)).getinfo(member)
    name, extra = struct.unpack_from("<HH", content, info.header_offset + 26)
    return [info.header_offset + 30 + name + extra, info.file_size]


def saved(value: object, **options: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def checkpoint() -> tuple[bytes, list]:
    torch.manual_seed(1)
    wide = torch.randn(6, 80)
    flat = torch.randn(100)
    model = {
        "layer.weight": wide, "layer.turned": torch.randn(5, 70).t(), "tied": wide, "layer.bias": torch.randn(70).to(torch.bfloat16),
        "half": torch.randn(3, 4, 65).to(torch.float16), "parameter": torch.nn.Parameter(torch.randn(9, 9, dtype=torch.float64)),
        "part": flat[10:20], "eight": torch.randn(66).to(torch.float8_e4m3fn), "mask": torch.ones(7, dtype=torch.bool)}
    parameter = torch.nn.Parameter(torch.randn(65))
    optimizer = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    content = saved({"model": model, "optimizer": optimizer.state_dict(), "history": [1.5, None, "x"], "rows": [torch.arange(64)]})
    expected = [["model.layer.weight", "F32", [6, 80]], ["model.layer.turned", "F32", [5, 70]], ["model.layer.bias", "BF16", [70]],
                ["model.half", "F16", [3, 4, 65]], ["model.parameter", "F64", [9, 9]], ["model.part", "F32", [100]],
                ["model.eight", "F8_E4M3", [66]], ["model.mask", "BOOL", [7]], ["optimizer.state.0.step", "F32", []],
                ["optimizer.state.0.exp_avg", "F32", [65]], ["optimizer.state.0.exp_avg_sq", "F32", [65]], ["rows.0", "I64", [64]]]
    prefix = zipfile.ZipFile(io.BytesIO(content)).namelist()[0].split("/")[0]
    return content, [[*entry, *place(content, f"{prefix}/data/{key}")] for key, entry in enumerate(expected)]


def module() -> tuple[bytes, list]:
    content = saved(torch.nn.Linear(70, 3))
    prefix = zipfile.ZipFile(io.BytesIO(content)).namelist()[0].split("/")[0]
    return content, [["_parameters.weight", "F32", [3, 70], *place(content, f"{prefix}/data/0")],
                     ["_parameters.bias", "F32", [3], *place(content, f"{prefix}/data/1")]]


class Marked(torch.Tensor):
    """A kind of tensor of its own."""


def kinds() -> tuple[bytes, list]:
    """What is less common, by the oldest pickle that PyTorch reads."""
    content = saved({
        "complex": torch.ones(3, 33, dtype=torch.complex64), "wide": torch.ones(5, dtype=torch.complex128),
        "marked": torch.arange(70.0).as_subclass(Marked), "scale": torch.ones(66).to(torch.float8_e8m0fnu),
        "count": torch.ones(6, dtype=torch.uint16)}, pickle_protocol=1)
    prefix = zipfile.ZipFile(io.BytesIO(content)).namelist()[0].split("/")[0]
    expected = [["complex", "F32", [3, 33, 2]], ["wide", "F64", [5, 2]], ["marked", "F32", [70]], ["scale", "F8_E8M0", [66]],
                ["count", "U16", [6]]]
    return content, [[*entry, *place(content, f"{prefix}/data/{key}")] for key, entry in enumerate(expected)]


def arrays(compressed: bool) -> tuple[bytes, list]:
    stream = io.BytesIO()
    values = {"a": numpy.arange(70, dtype="<f4").reshape(7, 10), "turned": numpy.asfortranarray(numpy.ones((3, 65))),
              "mask": numpy.zeros(5, dtype=bool), "names": numpy.array(["one", "two"]), "foreign": numpy.ones(4, dtype=">f4")}
    (numpy.savez_compressed if compressed else numpy.savez)(stream, **values)
    content = stream.getvalue()
    found = []
    for name, kind, shape in [("a", "F32", [7, 10]), ("turned", "F64", [65, 3]), ("mask", "BOOL", [5])]:
        start, length = place(content, f"{name}.npy")
        size = values[name].nbytes
        found.append([name, kind, shape, start + length - size, size])
    return content, [] if compressed else found


def array(value: numpy.ndarray, kind: str, shape: list[int]) -> tuple[bytes, list]:
    stream = io.BytesIO()
    numpy.save(stream, value)
    content = stream.getvalue()
    return content, [["", kind, shape, len(content) - value.nbytes, value.nbytes]] if kind else []


def gguf() -> tuple[bytes, list]:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    tensors = [("token_embd.weight", 1, (70, 3), 420), ("norm.weight", 0, (70,), 280), ("quantized", 8, (64, 2), 136),
               ("output.weight", 30, (65, 2), 260)]
    values = [("general.alignment", struct.pack("<II", 4, GGUF_ALIGNMENT)), ("general.name", struct.pack("<I", 8) + text("tiny")),
              ("tokens", struct.pack("<IIQ", 9, 8, 2) + text("<s>") + text("ü")),
              ("scores", struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3)), ("big", struct.pack("<Id", 12, 0.5)),
              ("nested", struct.pack("<IIQIQ2B", 9, 9, 1, 0, 2, 7, 8)), ("flag", struct.pack("<I?", 7, True))]
    content = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for name, value in values:
        content += text(name) + value
    offset, found = 0, []
    for name, kind, shape, length in tensors:
        content += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, offset)
        # What a block is, is of no matter: a quantized tensor goes up to the next one.
        taken = length + (-length) % GGUF_ALIGNMENT if kind == 8 else length
        found.append([name, {0: "F32", 1: "F16", 8: "ggml-8", 30: "BF16"}[kind], list(reversed(shape)), offset, taken])
        offset += length + (-length) % GGUF_ALIGNMENT
    content += bytes(-len(content) % GGUF_ALIGNMENT)
    start = len(content)
    for _, _, _, length in tensors:
        content += bytes(range(1, 252)) * 2
        content = content[:len(content) - 502 + length] + bytes(-length % GGUF_ALIGNMENT)
    return content, [[name, kind, shape, start + place, length] for name, kind, shape, place, length in found]


def main() -> None:
    files = {
        "checkpoint.pt": checkpoint(), "module.pt": module(), "kinds.pt": kinds(), "arrays.npz": arrays(False), "compressed.npz": arrays(True),
        "turned.npy": array(numpy.asfortranarray(numpy.arange(130.0).reshape(2, 65)), "F64", [65, 2]),
        "complex.npy": array(numpy.ones((3, 33), dtype="<c8"), "F32", [3, 33, 2]),
        "foreign.npy": array(numpy.ones(9, dtype=">i4"), "", []),
        "records.npy": array(numpy.zeros(3, dtype=[("a", "<i4"), ("b", "<f4")]), "", []),
        "legacy.pt": (saved({"w": torch.ones(70)}, _use_new_zipfile_serialization=False), []), "tiny.gguf": gguf()}
    HERE.mkdir(exist_ok=True)
    lines = []
    for name, (content, tensors) in files.items():
        (HERE / name).write_bytes(content)
        for tensor, kind, shape, start, length in sorted(tensors, key=lambda tensor: tensor[3]):
            lines.append("\t".join([name, tensor, kind, ",".join(map(str, shape)), str(start), str(length)]))
    (HERE / "index.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
