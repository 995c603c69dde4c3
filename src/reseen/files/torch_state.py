"""Turns the inert values of a torch pickle into tensors by name.

In go what `pickles.load` gave and a function that says where a storage lies; out come `TensorInfo`s
with the names that a state dict would have. What a trainer's own classes hold is walked like dicts
and lists; what is no tensor is left out. Bounds are checked here: a tensor never reaches beyond its
storage, and one that repeats values, so that it claims more than are there, is left out.

Sources: torch/_utils.py, torch/storage.py, torch/serialization.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reseen.errors import Malformed, TooLarge
from reseen.files import limits
from reseen.files.pickles import Dict, Node, Persistent, Symbol
from reseen.files.tensors import DTYPE_BITS, TensorInfo


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as a pickle refers to it."""

    key: str
    dtype: str
    """What its class says; "U8" for an untyped one."""
    numel: int
    """Elements of that dtype."""

    @property
    def length(self) -> int:
        """Bytes."""
        return self.numel * DTYPE_BITS[self.dtype] // 8


Locate = Callable[[Storage], tuple[int, int]]
"""Start and length in bytes of a storage in the file. Raises Malformed if it is not there."""

_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
    "QInt8Storage": "I8",
    "QUInt8Storage": "U8",
    "QInt32Storage": "I32",
    "UntypedStorage": "U8",
}
_DTYPES = {
    "float64": "F64",
    "double": "F64",
    "float32": "F32",
    "float": "F32",
    "float16": "F16",
    "half": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "int64": "I64",
    "long": "I64",
    "int32": "I32",
    "int": "I32",
    "int16": "I16",
    "short": "I16",
    "int8": "I8",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bool": "BOOL",
    "complex64": "C64",
    "complex128": "C128",
}
_STORAGE_MODULES = ("torch.", "torch.storage.", "torch.cuda.")

_WRAPPERS = ("state_dict", "model", "module", "params_ema", "lora", "weights")
"""Keys under which trainers put what they mean to save, in the order in which they are tried."""
_LOOSE = 8
"""More tensors than these beside a wrapper are what is meant: loaders differ on which they take, so
all of them are listed. Trainers leave a step count or two there."""
_TRANSPARENT = ("_parameters", "_buffers", "_modules")
"""A module's own dicts, which no state dict's name shows."""


def tensors(
    value: Any, symbols: frozenset[str], locate: Locate, byteorder: str = "little"
) -> tuple[list[TensorInfo], Mapping[str, int]]:
    """The tensors of a loaded pickle by name, in the order of their bytes, and how many things
    that hold numbers were left out, by reason. `symbols`: all that it names; where there are no
    tensors, what it calls could make some.

    Raises Malformed or TooLarge.
    """
    found: dict[str, TensorInfo] = {}
    left_out: Counter[str] = Counter()
    for name, node in _walk(_unwrapped(value)):
        if node.symbol in _ARRAYS:
            left_out[ARRAYS] += 1
            continue
        limits.check_name(name)
        info = _tensor(name, node, locate, byteorder)
        if info is None:
            left_out[OTHER_KINDS] += 1
            continue
        if name in found and found[name] != info:
            raise Malformed("the file holds a tensor's name twice")
        found[name] = info
        if len(found) > limits.TENSORS:
            raise TooLarge(f"the file holds more than {limits.TENSORS} tensors")
    if not found and (odd := symbols - _EXPECTED):
        left_out[MADE_BY_CALLS] = len(odd)
    return sorted(found.values(), key=lambda t: (t.start, t.length)), left_out


def _unwrapped(value: Any) -> Any:
    """What a trainer meant to save, without the step counts and optimizers around it."""
    for _ in range(4):
        inner = _inner(value)
        if inner is None:
            return value
        value = inner
    return value


def _inner(value: Any) -> Any:
    pairs = _pairs(value)
    if sum(_is_tensor(item) for _, item in pairs) > _LOOSE:
        return None
    by_key = {key: item for key, item in pairs if isinstance(key, str)}
    for key in _WRAPPERS:
        if key in by_key and _holds_something(by_key[key]):
            return by_key[key]
    if len(pairs) == 1 and _holds_something(pairs[0][1]) and not _is_transparent(pairs[0][0]):
        return pairs[0][1]
    return None


def _holds_something(value: Any) -> bool:
    return not _is_tensor(value) and any(
        _is_tensor(item) or _pairs(item) for _, item in _pairs(value)
    )


def _walk(value: Any) -> Iterator[tuple[str, Node]]:
    """Every tensor and array below, with its dotted name; each dict and list is entered once: one
    that holds another twice, and so on, costs no more than it is long."""
    entered: set[int] = set()
    places = 0
    todo: list[tuple[str, Any, int]] = [("", value, 0)]
    while todo:
        name, value, depth = todo.pop()
        if isinstance(value, Node) and (_is_tensor(value) or value.symbol in _ARRAYS):
            yield name, value
            continue
        if id(value) in entered:
            continue
        entered.add(id(value))
        children = _pairs(value)
        places += len(children)
        if places > limits.PLACES:
            raise TooLarge(f"the pickle holds more than {limits.PLACES} values")
        if children and depth >= limits.DEPTH:
            raise TooLarge(f"the pickle is nested deeper than {limits.DEPTH}")
        for place, (key, item) in reversed(list(enumerate(children))):
            if _is_transparent(key):
                todo.append((name, item, depth + 1))
            elif isinstance(key, str | int) and isinstance(item, Node | Dict | list | tuple):
                text = key if isinstance(key, str) else _number_name(key, place)
                if len(text) + len(name) > limits.NAME_LENGTH:
                    raise TooLarge(f"a tensor's name is longer than {limits.NAME_LENGTH}")
                todo.append((f"{name}.{text}" if name else text, item, depth + 1))


def _number_name(key: int, place: int) -> str:
    """A whole number as part of a name. One beyond 64 bits is no layer's, and to write out its
    digits can take for ever, or be refused: its place stands for it."""
    return str(int(key)) if abs(key) <= limits.NUMBER else f"#{place}"  # int(): True is one, too


def _is_transparent(key: Any) -> bool:
    return isinstance(key, str) and key in _TRANSPARENT


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    """The children of a dict, list, tuple or object, by key, position or attribute."""
    if isinstance(value, Dict):
        return value.pairs
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if not isinstance(value, Node) or _is_tensor(value):
        return []
    children = list(value.pairs)
    if value.symbol == "collections.OrderedDict" and isinstance(value.args, tuple):
        # Python 2 gave the items to the constructor.
        for argument in value.args[:1]:
            if isinstance(argument, list):
                children += [(p[0], p[1]) for p in argument if _is_pair(p)]
    children += enumerate(value.items)
    if value.state is not None:
        state = value.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], Dict):
            children += _pairs(state[1])  # (__dict__, slots)
            state = state[0]
        if isinstance(state, Dict):
            children += state.pairs
    return children


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


_REBUILD = {
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
}
_AROUND = {
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
    "torch.nn.parameter.Buffer",
    "torch.Tensor",
}
_ARRAYS = {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"}
ARRAYS = "numpy arrays: not read"
MADE_BY_CALLS = "what the file would call when it is loaded: nothing of it is run"
OTHER_KINDS = "tensors of a kind that is not read (quantised, sparse, repeated, on no device)"
_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Node) and (
        value.symbol in _REBUILD
        or value.symbol in _AROUND
        or value.symbol == _FROM_TYPE
        or value.symbol.startswith("torch._utils._rebuild")
    )


def _tensor(name: str, node: Node, locate: Locate, byteorder: str) -> TensorInfo | None:
    """One tensor's entry; None for a kind that is not read."""
    symbol, args = node.symbol, node.args
    for _ in range(4):
        if symbol in _AROUND and isinstance(args, tuple) and args and isinstance(args[0], Node):
            symbol, args = args[0].symbol, args[0].args
        elif symbol == _FROM_TYPE and isinstance(args, tuple) and len(args) == 4:
            symbol = args[0].name if isinstance(args[0], Symbol) else ""
            args = args[2]
    if symbol not in _REBUILD:
        return None
    if not isinstance(args, tuple) or len(args) < 4:
        raise Malformed("a tensor is described by too few values")
    stored, offset, shape, strides = args[:4]
    if not isinstance(stored, Persistent):
        return None
    where, base = storage(stored.id)
    dtype = _v3_dtype(args) if symbol.endswith("_v3") else where.dtype
    if dtype is None:
        return None
    return _placed(name, dtype, (where, base), (offset, shape, strides), locate, byteorder)


def _v3_dtype(args: tuple[Any, ...]) -> str | None:
    word = args[6].name if len(args) > 6 and isinstance(args[6], Symbol) else ""
    return _DTYPES.get(word.removeprefix("torch.")) if word.startswith("torch.") else None


def storage(id: tuple[Any, ...]) -> tuple[Storage, int]:
    """A storage from its persistent id, and how many bytes into it a legacy view begins."""
    if not 5 <= len(id) <= 6:
        raise Malformed("a storage is described by the wrong number of values")
    kind, key, numel = id[1], id[2], id[4]
    if not isinstance(kind, Symbol) or not isinstance(key, str):
        raise Malformed("a storage has no type or no key")
    module, _, word = kind.name.rpartition(".")
    dtype = _STORAGES.get(word) if f"{module}." in _STORAGE_MODULES else None
    if dtype is None:
        raise Malformed("a storage is of a type that torch does not have")
    _check_number(numel)
    whole = Storage(key, dtype, numel)
    if len(id) == 6 and id[5] is not None:
        view = id[5]
        if not isinstance(view, tuple) or len(view) != 3:
            raise Malformed("a view of a storage is described by the wrong number of values")
        _check_number(view[1])
        _check_number(view[2])
        if view[1] + view[2] > numel:
            raise Malformed("a view reaches beyond its storage")
        return whole, view[1] * DTYPE_BITS[dtype] // 8
    return whole, 0


def _placed(
    name: str,
    dtype: str,
    storage: tuple[Storage, int],
    geometry: tuple[Any, Any, Any],
    locate: Locate,
    byteorder: str,
) -> TensorInfo | None:
    offset, shape, strides = geometry
    _check_number(offset)
    shape, strides = _numbers(shape), _numbers(strides)
    if len(shape) != len(strides):
        raise Malformed("a tensor's strides do not fit its shape")
    count = limits.count(shape)
    where, base = storage
    size = DTYPE_BITS[dtype] // 8
    start, length = locate(where)
    if where.length > length:
        raise Malformed("a storage claims more bytes than the file has for it")
    needs = 0
    if count:
        needs = 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if base + (offset + needs) * size > where.length:
            raise Malformed("a tensor reaches beyond its storage")
        if count > needs:
            return None  # torch's expand: one value stands for many, and is not made into them
    return TensorInfo(
        name=name,
        dtype=dtype,
        shape=shape,
        start=start + base + offset * size if count else start,
        length=needs * size,
        strides=None if not count or _is_row_major(shape, strides) else strides,
        byteorder=byteorder if size > 1 else "little",
    )


def _is_row_major(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def _numbers(value: Any) -> tuple[int, ...]:
    if isinstance(value, Node) and value.symbol == "torch.Size" and isinstance(value.args, tuple):
        value = value.args[0] if value.args else ()
    if not isinstance(value, tuple | list):
        raise Malformed("a tensor's shape is not a list of whole numbers")
    for number in value:
        _check_number(number)
    return tuple(value)


def _check_number(value: Any) -> None:
    if type(value) is not int or not 0 <= value <= limits.NUMBER:
        raise Malformed("a tensor or storage has a size that is no whole number")


_EXPECTED = {
    *_REBUILD,
    *_AROUND,
    _FROM_TYPE,
    *(module + word for module in _STORAGE_MODULES for word in _STORAGES),
    *("torch." + word for word in _DTYPES),
    *("torch.Size", "torch.device", "torch.storage.TypedStorage", "torch.storage._TypedStorage"),
    *("torch.nn.modules.container.ParameterDict", "torch.torch_version.TorchVersion"),
    *("collections.OrderedDict", "collections.defaultdict", "collections.Counter"),
    *("_codecs.encode", "builtins.set", "__builtin__.set", "builtins.bytearray"),
    *("builtins.complex", "builtins.dict", "builtins.list", "argparse.Namespace"),
    *("numpy.dtype", "numpy.ndarray", "numpy.core.multiarray._reconstruct"),
    *("numpy.core.multiarray.scalar", "numpy._core.multiarray._reconstruct"),
    "numpy._core.multiarray.scalar",
}
"""What state dicts and the trainers around them name."""
_REMARKS = 16


def remarks(symbols: frozenset[str]) -> tuple[str, ...]:
    """Oddities of a torch file in words: what its pickle would import beyond what weights need."""
    odd = sorted(s for s in symbols if s not in _EXPECTED)
    found = [f"its pickle names {s[:80]!a}" for s in odd[:_REMARKS]]
    if len(odd) > _REMARKS:
        found.append(f"its pickle names {len(odd) - _REMARKS} more")
    return tuple(found)
