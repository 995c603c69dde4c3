"""Makes a file's sketch from its plan and its bytes, in one of two ways.

`read_sketch` asks for the ranges that it needs: for files that can be read anywhere, all modules or
only the few that are searched. `Sketcher` is fed the file from its first byte to its last: for a
stream that is hashed in the same pass. Both promise to hold no more than `MOST_HELD` bytes of
weights, to keep nothing of them, and to say why there is no sketch when there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from reseen.errors import FileError, bulkhead
from reseen.files.source import Range, Reader
from reseen.files.tensors import TensorInfo
from reseen.files.values import to_float32
from reseen.fingerprints import sketch as sketches
from reseen.fingerprints.sketch import Module, Sketch
from reseen.updates.plan import ModulePlan, Plan
from reseen.updates.update import Matrix, read_update

MOST_HELD = 288 << 20
"""Bytes of stored weights in memory at one time."""
MOST_LAYER = 408 << 20
"""Bytes that one layer may need, as stored and as float32; a larger one is left out."""
MOST_SKETCHED = 4_096
"""Modules that are computed of one file, the preferred first: three times what a real one has."""
_GAP = 64 << 10
"""Unwanted bytes that are read rather than asking twice."""
_LONGEST = 16 << 20
"""Bytes asked for at once."""

Layer = tuple[ModulePlan, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sketched:
    """A sketch, or why there is none."""

    sketch: Sketch | None
    reason: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Reason -> modules that are not in the sketch."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Module id -> canonical name, for pictures; a sketch keeps ids only."""


def probes(plan: Plan) -> tuple[str, ...]:
    """Names of the modules that are searched: what to read of a remote file first."""
    return tuple(name for name in sketches.choose(m.name for m in plan.modules) if name)


def probe_bytes(plan: Plan) -> int:
    """Bytes of weights that `read_sketch` of the probes needs."""
    wanted = set(probes(plan))
    layers = _layers(plan, wanted)
    return sum(t.length for t in _tensors(layers))


def read_sketch(plan: Plan, names: Sequence[str] | None = None) -> Reader[Sketched]:
    """The sketch of all modules, or of those named. Ranges come in the order of the file."""
    work = _Work(plan, complete=names is None)
    wanted = _layers(plan, None if names is None else set(names))
    layers = [layer for layer in wanted if work.fits(layer)]
    for batch in _batches(layers):
        held: dict[str, bytes] = {}
        for start, length, tensors in _ranges(_tensors(batch)):
            data = yield Range(start, length)
            for t in tensors:
                held[t.name] = data[t.start - start : t.start - start + t.length]
        for layer in batch:
            work.add(layer, _tensors([layer]), held)
    return work.finish()


class Sketcher:
    """Is fed the file in order; a layer is sketched as soon as its last byte has come."""

    def __init__(self, plan: Plan, position: int = 0) -> None:
        """`position`: where in the file the first bytes fed will stand."""
        self._work = _Work(plan, complete=True)
        self._position = position
        self._held: dict[str, bytes | bytearray | memoryview] = {}
        self._held_bytes = 0
        self._filled: dict[str, int] = {}
        """Bytes that have come of a tensor which one chunk did not hold."""
        layers = [layer for layer in _layers(plan, None) if self._work.fits(layer)]
        self._users: dict[str, list[int]] = {}
        self._layers = layers
        self._tensors = [_tensors([layer]) for layer in layers]
        self._missing: list[int] = []
        for number, some in enumerate(self._tensors):
            names = {t.name for t in some}
            self._missing.append(len(names))
            for name in names:
                self._users.setdefault(name, []).append(number)
        self._waiting = sorted(_tensors(layers), key=lambda t: (t.start, t.length), reverse=True)
        self._active: list[TensorInfo] = []

    def feed(self, chunk: bytes | memoryview) -> None:
        """The next bytes of the file."""
        begin, end = self._position, self._position + len(chunk)
        self._position = end
        view = memoryview(chunk)
        going: list[TensorInfo] = []
        for tensor in self._active:
            self._fill(tensor, view[: tensor.start + tensor.length - begin])
            self._pass(tensor, end, going)
        while self._waiting and self._waiting[-1].start < end:
            tensor = self._waiting.pop()
            if any(self._missing[user] > 0 for user in self._users[tensor.name]):
                part = view[tensor.start - begin : tensor.start - begin + tensor.length]
                if len(part) == tensor.length:
                    self._held[tensor.name] = part
                    self._held_bytes += tensor.length
                else:
                    self._fill(tensor, part)
                self._pass(tensor, end, going)
        self._active = going
        for name, held in self._held.items():
            if isinstance(held, memoryview):  # the chunk is its giver's again from here on
                self._held[name] = bytes(held)
        if self._held_bytes > MOST_HELD:
            self._give_up_oldest()

    def _fill(self, tensor: TensorInfo, part: memoryview) -> None:
        """More bytes of a tensor that comes in several chunks."""
        at = self._filled.get(tensor.name, 0)
        if not at:
            self._held[tensor.name] = bytearray(tensor.length)
            self._held_bytes += tensor.length
        held = self._held.get(tensor.name)
        if isinstance(held, bytearray):
            held[at : at + len(part)] = part
            self._filled[tensor.name] = at + len(part)

    def _pass(self, tensor: TensorInfo, end: int, going: list[TensorInfo]) -> None:
        """Is all of the tensor there?"""
        if tensor.start + tensor.length > end:
            going.append(tensor)
        else:
            self._complete(tensor)

    def finish(self) -> Sketched:
        """What came of it. Layers whose bytes did not all come are left out, with the reason."""
        for number, layer in enumerate(self._layers):
            if self._missing[number] > 0:
                self._work.leave_out(layer, "its bytes did not all come")
        return self._work.finish()

    def _complete(self, tensor: TensorInfo) -> None:
        for user in self._users[tensor.name]:
            if self._missing[user] < 0:
                continue
            self._missing[user] -= 1
            if self._missing[user] == 0:
                self._work.add(self._layers[user], self._tensors[user], self._held)
                self._missing[user] = -1
                self._release(user)

    def _release(self, layer: int) -> None:
        for tensor in self._tensors[layer]:
            if all(self._missing[user] < 0 for user in self._users[tensor.name]):
                self._held_bytes -= len(self._held.pop(tensor.name, b""))

    def _give_up_oldest(self) -> None:
        """A file whose layers lie scattered over more than we hold: the first begun goes."""
        for name in list(self._held):
            if self._held_bytes <= MOST_HELD // 2:
                return
            for user in self._users[name]:
                if self._missing[user] > 0:
                    reason = "its tensors lie too far apart in the file"
                    self._work.leave_out(self._layers[user], reason)
                    self._missing[user] = -1
                    self._release(user)


class _Work:
    """Modules as they are made, and what was left out."""

    def __init__(self, plan: Plan, *, complete: bool) -> None:
        self._plan = plan
        self._complete = complete
        self._modules: dict[str, Module] = {}
        self._ranks: list[int] = []
        self._left_out: dict[str, int] = {}

    def fits(self, layer: Layer) -> bool:
        tensors = _tensors([layer])
        stored = sum(t.length for t in tensors)
        numbers = sum(4 * prod(t.shape) for t in tensors if t.dtype != "F32")
        if stored <= MOST_HELD and stored + numbers <= MOST_LAYER:
            return True
        self.leave_out(layer, "its tensors are too large to be held")
        return False

    def leave_out(self, layer: Layer, reason: str) -> None:
        self._left_out[reason] = self._left_out.get(reason, 0) + len(layer)

    def add(
        self,
        layer: Layer,
        tensors: Sequence[TensorInfo],
        held: Mapping[str, bytes | bytearray | memoryview],
    ) -> None:
        """The bytes of the layer's tensors are all there: sketch its modules."""
        try:
            with bulkhead():
                self._make(layer, {t.name: to_float32(t, held[t.name]) for t in tensors})
        except FileError as e:
            self.leave_out(layer, str(e))

    def _make(self, layer: Layer, arrays: Mapping[str, Matrix]) -> None:
        for plan in layer:
            made = sketches.module(read_update(plan, arrays))
            if made is None:
                self.leave_out((plan,), "its update is zero, or not finite")
            else:
                self._modules[plan.name] = made
                self._ranks.append(plan.rank)

    def finish(self) -> Sketched:
        if not self._plan.modules:
            reasons = "; ".join(f"{n.reason} ({n.tensors} tensors)" for n in self._plan.not_read)
            return Sketched(None, reasons or "no module in it has an update", self._left_out)
        made = sketches.assemble(
            self._modules,
            architecture=self._plan.architecture,
            ranks=self._ranks,
            complete=self._complete,
        )
        if isinstance(made, Sketch):
            names = {sketches.module_id(name): name for name in self._modules}
            return Sketched(made, None, self._left_out, names)
        return Sketched(None, made, self._left_out)


def _layers(plan: Plan, names: set[str] | None) -> list[Layer]:
    """Modules that share tensors together, in the order of the file; only those wanted."""
    if names is None and len(plan.modules) > MOST_SKETCHED:
        ranked = sorted((m.name for m in plan.modules), key=lambda n: sketches.preference(n)[1:])
        names = set(ranked[:MOST_SKETCHED])
    layers = [
        tuple(m for m in layer if names is None or m.name in names) for layer in plan.layers()
    ]
    return sorted((la for la in layers if la), key=lambda la: min(t.start for t in _tensors([la])))


def _tensors(layers: Sequence[Layer]) -> list[TensorInfo]:
    """Each tensor once."""
    found = {t.name: t for layer in layers for module in layer for t in module.tensors.values()}
    return list(found.values())


def _batches(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Layers in runs that fit in memory together."""
    batch: list[Layer] = []
    size = 0
    for layer in layers:
        length = sum(t.length for t in _tensors([layer]))
        if batch and size + length > _LONGEST:
            yield batch
            batch, size = [], 0
        batch.append(layer)
        size += length
    if batch:
        yield batch


def _ranges(tensors: Sequence[TensorInfo]) -> Iterator[tuple[int, int, list[TensorInfo]]]:
    """(start, length, tensors) for as few questions as the gaps allow."""
    run: list[TensorInfo] = []
    begin = end = 0
    for t in sorted(tensors, key=lambda t: t.start):
        if run and (t.start - end > _GAP or max(end, t.start + t.length) - begin > _LONGEST):
            yield begin, end - begin, run
            run = []
        if not run:
            begin = end = t.start
        run.append(t)
        end = max(end, t.start + t.length)
    if run:
        yield begin, end - begin, run
