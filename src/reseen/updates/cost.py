"""What the update of a layer costs, known from the header alone, before any of it is spent.

In units that no machine changes: bytes that are read, numbers that are made, multiply-adds.
`fingerprints.sketcher` adds them up for a whole file. The choices that decide a cost (in which form
an update is held) stand here, so that the sum and the work cannot part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from reseen.files.tensors import BLOCKS, TensorInfo
from reseen.updates.plan import ModulePlan
from reseen.updates.sides import OWN

SIDE = 8
"""Rows of each of the two projections of a sketch."""
BLOCK = 1 << 20
"""Numbers that are made at a time of a matrix which is made in blocks."""
PART = BLOCK >> 2
"""... where several such parts are needed at once."""
_PER_NUMBER = 128
"""Multiply-adds that take as long as turning one stored number into float32, or making one of a
product and squaring it (measured: 50 to 170)."""
_PER_PACKED = {name: 4_096 if name.startswith("IQ") else 1_024 for name in BLOCKS if name != "Q8_0"}
"""... as turning one number of a quantised type that a package reads (measured: 1 to 5 ns, those of
IQ types 5 to 50)."""
_WIDE = 3
"""How much longer a Gram matrix can take than its multiply-adds say: in float64 where it must."""
_SOLVED = 48
"""Multiply-adds for each number of a block that is solved, times its side (measured: 5 to 46)..."""
_PER_SOLVED = 1600
"""... and without it, which is most of it for small blocks."""
_INVERTED = 24
"""Multiply-adds for each number of a matrix in float64 that is inverted, times its side (measured:
6 to 14)."""
MOST_FACTORS = 512
"""Columns of an up factor with which the column space is computed from the factors."""
_PER_MODULE = 1 << 22
"""... as what has to be done for every module, however small."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one layer, or of several together."""

    stored: int = 0
    """Bytes of weights that are read; bytes that two tensors share count twice."""
    made: int = 0
    """Numbers that are held at one time beside what is stored."""
    work: int = 0
    """Multiply-adds."""


def loha_is_low_rank(ranks: tuple[int, int], out: int, columns: int) -> bool:
    """Whether a Hadamard product is held as one product of rank r1*r2: both less work and no larger
    than the update itself."""
    rank = prod(ranks)
    if rank * (out + columns) > min(out * columns, BLOCK * 8):
        return False
    return _low_rank(rank, out, columns) <= _in_blocks(sum(ranks), out, columns)


def factor_is_low_rank(rank: int, out: int, columns: int) -> bool:
    """Whether a factor of a Kronecker product is kept as the product that it is stored as."""
    return rank * (out + columns) < out * columns


def cost_of(layer: Sequence[ModulePlan], components: Sequence[bool] = ()) -> Cost:
    """What a layer costs: modules that share their tensors. `components`: of which of them column
    space and up factor are made."""
    tensors = layer[0].tensors
    stored = numbers = held = 0
    for role, info in tensors.items():
        values = prod(info.shape)
        stored += info.length
        numbers += values * _PER_PACKED.get(info.dtype, _PER_NUMBER)
        if info.dtype != "F32" and role != "diff":
            held += values
    # Factors with scales are held as they are stored and as what they stand for.
    for role in {role.partition("/")[0] for role in tensors if "/" in role} & tensors.keys():
        held += 2 * prod(tensors[role].shape)
    for shape in layer[0].unpacked.values():
        held += 3 * prod(shape)
    made = work = 0
    for module, more in zip(layer, components or [False] * len(layer), strict=True):
        made_here, work_here = _of(module)
        if more:
            made_more, work_more = _of_components(module)
            made_here, work_here = made_here + made_more, work_here + work_more
        made = max(made, made_here)
        work += work_here + _PER_MODULE
    return Cost(
        stored=stored,
        made=held + made,
        work=work + numbers,
    )


def _of(module: ModulePlan) -> tuple[int, int]:
    """Numbers that are made beside the factors, and multiply-adds."""
    out, columns = module.shape[0], prod(module.shape[1:])
    signs = SIDE * (out + columns)
    tensors = module.tensors
    match module.algorithm:
        case "lora" | "adalora":
            rank = module.rank
            made = 0 if module.rows is None else rank * out
            work = _low_rank(rank, out, columns)
            core, down = tensors.get("mid"), tensors.get("down")
            if core is not None and down is not None:
                made += 2 * rank * columns
                work += prod(core.shape) * _columns(down)
        case "loha":
            made, work = _loha(tensors, out, columns)
        case "lokr":
            made, work = _lokr(tensors, columns)
        case algorithm if algorithm in OWN:
            made, work = _own(module)
        case _:
            diff = tensors["diff"]
            # Neither can be turned into numbers in blocks.
            whole = diff.strides is not None or any(role.startswith("diff/") for role in tensors)
            made = prod(diff.shape) if whole else 4 * BLOCK
            work = (SIDE + 1) * out * columns
    return made + signs, work + _PER_NUMBER * signs


def _of_components(module: ModulePlan) -> tuple[int, int]:
    """Beside the linear numbers: by what the update makes of directions, after its factors where
    they do not tell."""
    out, columns = module.shape[0], prod(module.shape[1:])
    side = SIDE * SIDE + SIDE
    made = BLOCK // 2 + side * (2 * columns + out) + 16 * side * side
    work = side * ((side + SIDE) * out + _INVERTED * side * side)
    match module.algorithm:
        case "lora" | "adalora" | "glora":
            rank, is_product = module.rank, True
        case "loha":
            ranks = _loha_ranks(module.tensors)
            rank, is_product = prod(ranks), loha_is_low_rank(ranks, out, columns)
        case "lokr":
            rank, is_product = 0, False
            made += 2 * side * max(out, columns)
        case _:
            rank, is_product = 0, False
    if not is_product:
        return made, work + side * out * columns
    work += side * rank * (out + columns)
    if rank <= MOST_FACTORS:
        made = max(made, BLOCK // 2 + 16 * rank * rank + 2 * SIDE * out)
        work += rank * (_WIDE * (out + columns) * rank + 4 * SIDE * out + _INVERTED * rank * rank)
    return made, work


def _low_rank(rank: int, out: int, columns: int) -> int:
    """A product of factors: projected, and its norm by the smaller of Gram matrix and product."""
    gram = _WIDE * rank * (out + columns) * rank
    whole = out * columns * (rank + _PER_NUMBER)
    return SIDE * rank * (out + columns) + (whole if rank * rank > out * columns else gram)


def _in_blocks(ranks: int, out: int, columns: int) -> int:
    """A Hadamard product of two products, made in blocks."""
    return out * columns * (ranks + SIDE + _PER_NUMBER)


def _loha(tensors: Mapping[str, TensorInfo], out: int, columns: int) -> tuple[int, int]:
    one, other = _loha_ranks(tensors)
    made = work = 0
    for n, rank in (("1", one), ("2", other)):
        core = tensors.get(f"hada_t{n}")
        if core is not None:
            made += 3 * rank * columns
            work += prod(core.shape) * _columns(tensors[f"hada_w{n}_b"])
    if loha_is_low_rank((one, other), out, columns):
        rank = one * other
        return made + rank * (2 * out + columns), work + _low_rank(rank, out, columns)
    return made + 4 * max(BLOCK, columns), work + _in_blocks(one + other, out, columns)


def _loha_ranks(tensors: Mapping[str, TensorInfo]) -> tuple[int, int]:
    """Of both products."""
    cores = [tensors.get(f"hada_t{n}", tensors[f"hada_w{n}_b"]) for n in "12"]
    return cores[0].shape[0], cores[1].shape[0]


def _lokr(tensors: Mapping[str, TensorInfo], columns: int) -> tuple[int, int]:
    made = work = 0
    sides: list[tuple[int, int, int]] = []
    """(out, in, rank) of both factors; rank 0 for one that is stored as it is."""
    for n in "12":
        whole = tensors.get(f"lokr_w{n}")
        if whole is not None:
            sides.append((whole.shape[0], _columns(whole), 0))
            continue
        a, b = tensors[f"lokr_w{n}_a"], tensors[f"lokr_w{n}_b"]
        out, inn, rank = a.shape[0], _columns(b), b.shape[0]
        core = tensors.get(f"lokr_t{n}")
        if core is not None:
            out, rank = _columns(a), core.shape[0]
            inn *= prod(core.shape[2:])
            made += 2 * rank * inn
            work += prod(core.shape) * _columns(b)
        if factor_is_low_rank(rank, out, inn):
            sides.append((out, inn, rank))
        else:
            made += out * inn
            work += out * inn * (rank + _PER_NUMBER)
            sides.append((out, inn, 0))
    (o1, i1, r1), (o2, i2, r2) = sides
    # Both orders are possible; the dearer one bounds the cheaper.
    steps = [(o1, i1, r1, max(o2, i2)), (o2, i2, r2, max(o1, i1))]
    for out, inn, rank, beside in steps:
        each = rank * (out + inn) if rank else out * inn
        work += SIDE * beside * each + (_WIDE * rank * each if rank else _PER_NUMBER * each)
    made += 2 * SIDE * max(o1 * o2, min(i1 * o2, o1 * i2), i1 * i2)
    return made, work + SIDE * columns


def _own(module: ModulePlan) -> tuple[int, int]:
    """Objects of adapters that multiply the base weight."""
    size, tensors = module.shape[0], module.tensors
    match module.what:
        case "rot.out" | "rot.in" if "hra_u" not in tensors:
            return _rotation(size, tensors)
        case "rot.in":
            rank = module.rank
            made = 8 * rank * size + 8 * rank * rank  # in float64
            return made, _low_rank(rank, size, size) + _WIDE * (size + _SOLVED * rank) * rank * rank
        case "" if module.algorithm == "vera":
            rank, columns = module.rank, prod(module.shape[1:])
            drawn = 0 if module.drawn is None else module.drawn.numbers
            work = _PER_NUMBER * drawn + _low_rank(rank, size, columns)
            return rank * (size + columns) + drawn, work
        case "" | "glora.in":
            rank, columns = module.rank, prod(module.shape[1:])
            return rank * size, _low_rank(rank, size, columns)
        case _:
            numbers = size * module.shape[1]
            return 4 * numbers, (SIDE + _PER_NUMBER) * numbers


def _rotation(size: int, tensors: Mapping[str, TensorInfo]) -> tuple[int, int]:
    """Blocks that are solved."""
    blocks = tensors.get("oft_blocks") or tensors.get("boft_r")
    if blocks is None:
        count, _ = tensors["oft_r"].shape
        side = size // count
    else:
        side = blocks.shape[-1]
        count = prod(blocks.shape[:-2])
    held = count * side * side
    made = 3 * held + 5 * max(PART, side * side)
    work = held * (_SOLVED * side + _PER_SOLVED)
    return made, work


def _columns(info: TensorInfo) -> int:
    return prod(info.shape[1:])
