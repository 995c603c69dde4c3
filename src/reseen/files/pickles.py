"""A pickle read without executing anything: opcodes in, inert values out.

In go the bytes of one pickle, out come plain Python values and `Node`s. The standard library's
`pickletools.genops` decodes the opcodes; this machine only moves values on a stack. It imports
nothing, calls nothing and sets no attribute of anything: a GLOBAL becomes a `Symbol`, a REDUCE a
`Node` that remembers what would have been called with what. (A restricted Unpickler is no such
thing: REDUCE and BUILD still act on whatever was let through.)

Raises Malformed for what is no pickle or could only be an attack, TooLarge past the budgets.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reseen.errors import Malformed, TooLarge
from reseen.files import limits


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a pickle would import: `module.name`, here only its text."""

    name: str


@dataclass(slots=True, eq=False)
class Dict:
    """A dict as its pairs in order: keys are hostile too, and may not even be hashable."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Node:
    """What would have been made by calling `made_by` with `args`, and what was done to it since."""

    made_by: Any
    args: Any
    state: Any = None
    """What BUILD would have set."""
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    """What SETITEM would have put in, as into a dict."""
    items: list[Any] = field(default_factory=list)
    """What APPEND or ADDITEMS would have put in, as into a list or set."""

    @property
    def symbol(self) -> str:
        """The symbol's text, or "" where something else would have been called."""
        return self.made_by.name if isinstance(self.made_by, Symbol) else ""


@dataclass(frozen=True, slots=True)
class Persistent:
    """A persistent id: what torch puts for a storage."""

    id: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    value: Any
    end: int
    """Where the pickle ends, in bytes from the start of the data."""
    steps: int
    """Opcodes taken."""
    symbols: frozenset[str]
    """Everything that the pickle names, for the report: a model has no use for `posix.system`."""


class Incomplete(Malformed):
    """The data ends before the pickle does: more of it may help."""


def load(data: bytes, steps: int = limits.STEPS) -> Loaded:
    """The first pickle in `data`, in at most `steps` opcodes.

    Raises Incomplete, Malformed or TooLarge.
    """
    machine = _Machine()
    stream = io.BytesIO(data)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            act = _ACTIONS.get(opcode.name)
            if act is None:
                raise Malformed(f"the pickle uses {opcode.name}, which no model file needs")
            machine.steps += 1
            if machine.steps > steps:
                raise TooLarge(f"the pickle takes more than {limits.STEPS} steps")
            act(machine, argument)
    except IndexError:
        raise Malformed("the pickle takes more from its stack than there is") from None
    except (ValueError, OverflowError):
        # genops reads on to the end for what is cut off, and stops where something is wrong.
        if stream.tell() == len(data):
            raise Incomplete("the pickle breaks off") from None
        raise Malformed("the pickle is damaged") from None
    if len(machine.stack) != 1 or machine.marks:
        raise Malformed("the pickle leaves something other than one value")
    return Loaded(machine.pop(), stream.tell(), machine.steps, frozenset(machine.symbols))


class _Machine:
    """The stack, its marks and the memo of one pickle."""

    __slots__ = ("marks", "memo", "named", "stack", "steps", "symbols")

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        """The stacks below each mark, as pickle.py keeps them."""
        self.memo: dict[int, Any] = {}
        self.symbols: set[str] = set()
        self.named = 0
        self.steps = 0

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def mark(self) -> None:
        if len(self.marks) > limits.MARKS:
            raise TooLarge("the pickle is nested too deeply")
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        values = self.stack
        self.stack = self.marks.pop()
        return values

    def symbol(self, module: Any, name: Any) -> Symbol:
        if not isinstance(module, str) or not isinstance(name, str) or len(module + name) > 512:
            raise Malformed("the pickle names something by what is no name")
        self.named += 1
        if self.named > limits.SYMBOLS:
            raise TooLarge("the pickle names too many things to import")
        symbol = Symbol(f"{module}.{name}")
        self.symbols.add(symbol.name)
        return symbol


_Action = Callable[[_Machine, Any], None]


def _push_argument(machine: _Machine, argument: Any) -> None:
    machine.push(argument)


def _push(value: Any) -> _Action:
    return lambda machine, _: machine.push(value)


def _nothing(machine: _Machine, argument: Any) -> None:
    pass


def _mark(machine: _Machine, _: Any) -> None:
    machine.mark()


def _pop(machine: _Machine, _: Any) -> None:
    # POP takes a mark away, too, when it is on top.
    if machine.stack:
        machine.pop()
    else:
        machine.since_mark()


def _pop_mark(machine: _Machine, _: Any) -> None:
    machine.since_mark()


def _duplicate(machine: _Machine, _: Any) -> None:
    machine.push(machine.stack[-1])


def _put(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _memoize(machine: _Machine, _: Any) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _get(machine: _Machine, index: int) -> None:
    if index not in machine.memo:
        raise Malformed("the pickle asks for what it never stored")
    machine.push(machine.memo[index])


def _tuple_of(length: int) -> _Action:
    def act(machine: _Machine, _: Any) -> None:
        if len(machine.stack) < length:
            raise IndexError
        values = tuple(machine.stack[-length:])
        del machine.stack[-length:]
        machine.push(values)

    return act


def _tuple(machine: _Machine, _: Any) -> None:
    values = tuple(machine.since_mark())
    machine.push(values)


def _list(machine: _Machine, _: Any) -> None:
    values = machine.since_mark()
    machine.push(values)


def _empty_list(machine: _Machine, _: Any) -> None:
    machine.push([])


def _empty_dict(machine: _Machine, _: Any) -> None:
    machine.push(Dict())


def _empty_set(machine: _Machine, _: Any) -> None:
    machine.push(Node(Symbol("builtins.set"), ()))


def _frozen_set(machine: _Machine, _: Any) -> None:
    values = machine.since_mark()
    machine.push(Node(Symbol("builtins.frozenset"), (), items=values))


def _dict(machine: _Machine, _: Any) -> None:
    values = machine.since_mark()
    machine.push(Dict(_paired(values)))


def _paired(values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        raise Malformed("the pickle fills a dict with half a pair")
    return list(zip(values[::2], values[1::2], strict=True))


def _set_item(machine: _Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    _pairs_of(machine.stack[-1]).append((key, value))


def _set_items(machine: _Machine, _: Any) -> None:
    pairs = _paired(machine.since_mark())
    _pairs_of(machine.stack[-1]).extend(pairs)


def _pairs_of(target: Any) -> list[tuple[Any, Any]]:
    # A dict's child (OrderedDict, a trainer's own) is a Node. Tensors are Nodes, too, and to set
    # their items is an attack on torch (CVE-2026-24747).
    if isinstance(target, Dict):
        return target.pairs
    if isinstance(target, Node) and not target.symbol.startswith("torch._utils."):
        return target.pairs
    raise Malformed("the pickle sets items of what is no dict")


def _append(machine: _Machine, _: Any) -> None:
    value = machine.pop()
    _items_of(machine.stack[-1]).append(value)


def _extend(machine: _Machine, _: Any) -> None:
    values = machine.since_mark()
    _items_of(machine.stack[-1]).extend(values)


def _items_of(target: Any) -> list[Any]:
    if isinstance(target, list):
        return target
    if isinstance(target, Node):
        return target.items
    raise Malformed("the pickle appends to what is no list")


def _global(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.push(machine.symbol(module, name))


def _stack_global(machine: _Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(machine.symbol(module, name))


def _reduce(machine: _Machine, _: Any) -> None:
    args, made_by = machine.pop(), machine.pop()
    machine.push(Node(made_by, args))


def _new(machine: _Machine, _: Any) -> None:
    args, made_by = machine.pop(), machine.pop()
    machine.push(Node(made_by, args))


def _new_with_keywords(machine: _Machine, _: Any) -> None:
    keywords, args, made_by = machine.pop(), machine.pop(), machine.pop()
    machine.push(Node(made_by, args, state=keywords))


def _instance(machine: _Machine, argument: str) -> None:
    args = tuple(machine.since_mark())
    module, _, name = argument.partition(" ")
    machine.push(Node(machine.symbol(module, name), args))


def _object(machine: _Machine, _: Any) -> None:
    values = machine.since_mark()
    machine.push(Node(values[0], tuple(values[1:])))


def _build(machine: _Machine, _: Any) -> None:
    state = machine.pop()
    target = machine.stack[-1]
    if not isinstance(target, Node):
        raise Malformed("the pickle sets the state of what is no object")
    target.state = state


def _persistent(machine: _Machine, _: Any) -> None:
    id = machine.pop()
    if not isinstance(id, tuple) or not id or id[0] != "storage":
        raise Malformed("the pickle refers to something outside that is no storage")
    machine.push(Persistent(id))


_ACTIONS: dict[str, _Action] = {
    **dict.fromkeys(
        (
            *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
            *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE"),
            *("SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
            *("BYTEARRAY8", "FLOAT", "BINFLOAT"),
        ),
        _push_argument,
    ),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _nothing),
    "NONE": _push(None),
    "NEWTRUE": _push(True),
    "NEWFALSE": _push(False),
    "EMPTY_TUPLE": _push(()),
    "EMPTY_LIST": _empty_list,
    "EMPTY_DICT": _empty_dict,
    "EMPTY_SET": _empty_set,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "TUPLE": _tuple,
    "LIST": _list,
    "DICT": _dict,
    "FROZENSET": _frozen_set,
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": _duplicate,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _memoize,
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPEND": _append,
    "APPENDS": _extend,
    "ADDITEMS": _extend,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_with_keywords,
    "INST": _instance,
    "OBJ": _object,
    "BUILD": _build,
    "BINPERSID": _persistent,
}
"""EXT1/2/4, PERSID, NEXT_BUFFER and READONLY_BUFFER are left out: nothing good uses them."""
