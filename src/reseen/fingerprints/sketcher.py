"""Makes a file's sketch from its plan and its bytes, in one of two ways.

`read_sketch` asks for the ranges that it needs: for files that can be read anywhere, all modules or
only the few that are searched. `Sketcher` is fed the file from its first byte to its last: for a
stream that is hashed in the same pass. Both promise to hold no more than `MOST_HELD` bytes of
weights, to keep nothing of them, and to say why there is no sketch when there is none.

What a file asks for is added up from its header for the whole file before any of it is spent
(`updates.cost`), the preferred modules first; what is beyond the budgets is left out of the sketch,
which says so. The digests of the file know nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from reseen.errors import FileError, SystemLimit, bulkhead
from reseen.files.archives import UnpackBudget
from reseen.files.source import Range, Reader
from reseen.files.tensors import TensorInfo, can_be_cut
from reseen.files.values import Bytes, to_float32
from reseen.fingerprints import sketch as sketches
from reseen.fingerprints.beginnings import begins_so, begun_as_base, cosine_of_columns, looks_begun
from reseen.fingerprints.layer_bytes import (
    Layer,
    batches,
    distinct_bytes,
    ranges,
    shared_tensors,
    tensors_of,
)
from reseen.fingerprints.modules import SIDE
from reseen.fingerprints.modules import module as numbers_of
from reseen.fingerprints.plain_factors import Made, PlainFactors, is_plain
from reseen.fingerprints.sketch import (
    FEWEST_MODULES,
    MOST_COMPONENTS,
    TINY_UPDATE,
    Module,
    Sketch,
)
from reseen.records import TOO_FEW, UPDATES_NOTHING, BlindSpot
from reseen.updates.cost import Cost, cost_of
from reseen.updates.forms import Matrix, Stored
from reseen.updates.modules import is_own
from reseen.updates.names.known import FROM_BASE, marked
from reseen.updates.not_read import BEGINS_FROM_BASE, code_of
from reseen.updates.plan import ModulePlan, Plan
from reseen.updates.update import read_update

MOST_HELD = 136 << 20
"""Bytes of stored weights in memory at one time: Wan's widest layer in full, in half precision."""
MOST_MADE = 1 << 24
"""Numbers that one layer may make beside what is stored (64 MiB): the factors of the widest layer
known, with 61,440 rows and columns, at rank 256. A layer that needs more is left out."""
MOST_WORK = 11 << 38
"""Multiply-adds for the sketch of one file, 3 million million: half a minute on two cores. A LoRA
of rank 256 on every layer of Qwen-Image, the most that is known, takes nine tenths of it."""
WORK_PER_BYTE = 84
"""... of a file in which this comes to more: four times as long as its SHA-256 takes."""
TWICE = 2
"""Tensors of a torch file may share bytes; in all, this many times their bytes are read."""
MOST_SKETCHED = 4_096
"""Modules that are computed of one file, the preferred first: three times what a real one has."""
TOO_LARGE_LAYER = "its tensors are too large to be held"
SHARED_TOO_OFTEN = "its tensors share bytes too often"
TOO_MUCH_WORK = "the file asks for more work than one file is given"
TOO_FAR_APART = "its tensors lie too far apart in the file"
CUT_OFF = "its bytes did not all come"
ZERO = "its update is zero"
CHANGES_NOTHING = "the file updates nothing: its update is zero in every layer"
NOT_FINITE = "its update is not finite"
CODES = {
    TOO_LARGE_LAYER: "too-large",
    SHARED_TOO_OFTEN: "shared-bytes",
    TOO_MUCH_WORK: "too-much-work",
    TOO_FAR_APART: "scattered",
    CUT_OFF: "cut-off",
    NOT_FINITE: "not-finite",
    CHANGES_NOTHING: UPDATES_NOTHING,
    TINY_UPDATE: UPDATES_NOTHING,
}
"""Why a module is left out, and the word for programs. One that is zero beside others is nothing to
tell of; another reason is an error's, with its own code."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketched:
    """A sketch, or why there is none."""

    sketch: Sketch | None
    reason: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Reason -> modules that are not in the sketch."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """The reasons that are no budget of ours in a word, for programs."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Module id -> canonical name, for pictures; a sketch keeps ids only."""
    others: tuple[Sketch, ...] = ()
    """Those under other names; see `Plan.readings`."""
    further: tuple[Sketch, ...] = ()
    """Those of other adapters in the file: it is known by each."""

    @property
    def adapters(self) -> tuple[Sketch, ...]:
        """The sketches of all adapters in the file."""
        return self.further if self.sketch is None else (self.sketch, *self.further)

    @property
    def under_any_names(self) -> tuple[Sketch, ...]:
        """Those, and the ones under other names."""
        return (*self.adapters, *self.others)

    @property
    def blind(self) -> tuple[BlindSpot, ...]:
        """What was left out and might have told something; and where little is left, that."""
        left_out = tuple(
            BlindSpot(self.codes.get(reason) or CODES[reason], reason, modules)
            for reason, modules in self.left_out.items()
            if reason != ZERO
        )
        few = () if self.sketch is None else few_modules(len(self.sketch.ids))
        return (*left_out, *few)


def few_modules(modules: int) -> tuple[BlindSpot, ...]:
    """What is to be said of a file with so many modules, where they are too few."""
    if modules >= FEWEST_MODULES:
        return ()
    return (
        BlindSpot(TOO_FEW, "layers too few to be known as a part of a larger adapter", modules),
    )


def probes(plan: Plan) -> tuple[str, ...]:
    """Names of the modules that are searched: what to read of a remote file first."""
    return tuple(name for name in sketches.choose(m.name for m in plan.modules) if name)


def probe_bytes(plan: Plan) -> int:
    """Bytes of weights that `read_sketch` of the probes needs."""
    wanted = set(probes(plan))
    layers = _layers(plan, wanted)
    return sum(t.length for t in tensors_of(layers))


def read_sketch(plan: Plan, names: Sequence[str] | None = None) -> Reader[Sketched]:
    """The sketch of all modules, or of those named. Ranges come in the order of the file."""
    work = _Work(plan, complete=names is None)
    layers = work.affordable(_layers(plan, None if names is None else set(names)))
    kept: dict[str, Bytes] = {}
    shared = {t.name for layer in layers for t in shared_tensors(layer)}
    for batch in batches(layers):
        held = dict(kept)
        for start, length, tensors in ranges([t for t in tensors_of(batch) if t.name not in kept]):
            data = memoryview((yield Range(start, length)))
            for t in tensors:
                held[t.name] = data[t.start - start : t.start - start + t.length]
        for layer in batch:
            work.add(layer, tensors_of([layer]), held)
        kept = {name: data for name, data in held.items() if name in shared}
    return work.finish()


class Sketcher:
    """Is fed the file in order; a layer is sketched as soon as its last byte has come."""

    def __init__(self, plan: Plan, position: int = 0, shared: UnpackBudget | None = None) -> None:
        """`position`: where in the file the first bytes fed will stand. `shared`: of the archive
        that the file stands in."""
        self._work = _Work(plan, complete=True)
        self._position = position
        self._held: dict[str, bytes | bytearray | memoryview] = {}
        self._held_bytes = 0
        self._filled: dict[str, int] = {}
        """Bytes that have come of a tensor which one chunk did not hold."""
        layers = self._work.affordable(_layers(plan, None), shared)
        self._users: dict[str, list[int]] = {}
        self._layers = layers
        self._tensors = [tensors_of([layer]) for layer in layers]
        self._missing: list[int] = []
        for number, some in enumerate(self._tensors):
            names = {t.name for t in some}
            self._missing.append(len(names))
            for name in names:
                self._users.setdefault(name, []).append(number)
        self._waiting = sorted(tensors_of(layers), key=lambda t: (t.start, t.length), reverse=True)
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
        # What has no bytes (a marker) is there as soon as all before it is, also at the file's end.
        while self._waiting and self._waiting[-1].start < end + (not self._waiting[-1].length):
            tensor = self._waiting.pop()
            if any(self._missing[user] > 0 for user in self._users[tensor.name]):
                self._make_room(tensor.length)
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
                self._work.leave_out(layer, CUT_OFF)
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

    def _make_room(self, length: int) -> None:
        """Before more is held: of a file whose layers lie scattered over more than we hold, the
        first that were begun go."""
        if self._held_bytes + length <= MOST_HELD:
            return
        for name in list(self._held):
            if self._held_bytes + length <= MOST_HELD // 2:
                return
            for user in self._users[name]:
                if self._missing[user] > 0:
                    self._work.leave_out(self._layers[user], TOO_FAR_APART)
                    self._missing[user] = -1
                    self._release(user)


class _Work:
    """Modules as they are made, and what was left out."""

    def __init__(self, plan: Plan, *, complete: bool) -> None:
        self._plan = plan
        self._complete = complete
        self._modules: dict[str, Module] = {}
        self._others: list[dict[str, Module]] = [{} for _ in plan.readings]
        self._adapters = {0, *(n for n, r in enumerate(plan.readings, 1) if r.is_adapter)}
        """Readings that are an adapter of their own: what of them is left out is said."""
        self._parts: dict[tuple[int, str], list[Module]] = {}
        """Of layers of other readings, by reading and name: those that are there."""
        self._ranks: list[int] = []
        self._first = {
            (number, name)
            for number, modules in enumerate((plan.modules, *(r.modules for r in plan.readings)))
            for name in _first(modules)
        }
        """Modules of which the components are made, by reading and name."""
        self._left_out: dict[str, int] = {}
        self._codes: dict[str, str] = {}
        self._said_from_base: dict[str, float | None] = {}
        """Layers, by source, that are said to have begun so: what their numbers say."""
        self._looks_begun: dict[str, bool | None] = {}
        """Other layers, by source: whether they look so."""
        self._plain = PlainFactors()

    def affordable(
        self, layers: Sequence[Layer], shared: UnpackBudget | None = None
    ) -> list[Layer]:
        """The layers that the budgets of a file, and of its archive, allow, in their order; the
        rest is left out."""
        bytes_left = TWICE * distinct_bytes(layers)
        work_left = max(MOST_WORK, WORK_PER_BYTE * bytes_left // TWICE)
        if shared is not None:
            work_left = min(work_left, max(0, shared.work))
        allowed = work_left
        taken: dict[int, tuple[Layer, Cost]] = {}
        held: dict[str, int] = {}
        """Bytes of what layers share by its nature, which is read once."""
        by_preference = sorted(range(len(layers)), key=lambda n: _preference(layers[n]))
        for number in by_preference:
            own = tuple(m for m in layers[number] if not m.reading) or layers[number]
            cost = self._cost(own)
            common = {t.name: t.length for t in shared_tensors(own)}
            again = sum(length for name, length in common.items() if name in held)
            if cost.stored > MOST_HELD or cost.made > MOST_MADE:
                self.leave_out(layers[number], TOO_LARGE_LAYER)
            elif cost.stored - again > bytes_left:
                self.leave_out(layers[number], SHARED_TOO_OFTEN)
            elif cost.work > work_left:
                self.leave_out(layers[number], TOO_MUCH_WORK)
            else:
                taken[number] = own, cost
                bytes_left -= cost.stored - again
                work_left -= cost.work
                held |= common
        for number, (own, cost) in taken.items():  # what is left is for names of other readings
            if len(own) == len(layers[number]):
                continue
            every = self._cost(layers[number])
            more = every.work - cost.work
            if every.made <= MOST_MADE and more <= work_left:
                work_left -= more
                taken[number] = layers[number], every
        if shared is not None:
            shared.take_work(allowed - work_left)
        return [taken[number][0] for number in range(len(layers)) if number in taken]

    def _cost(self, layer: Layer) -> Cost:
        return cost_of(layer, [(m.reading, m.name) in self._first for m in layer])

    def leave_out(self, layer: Layer, reason: str) -> None:
        count = sum(module.reading in self._adapters for module in layer)
        if count:
            self._left_out[reason] = self._left_out.get(reason, 0) + count

    def add(
        self,
        layer: Layer,
        tensors: Sequence[TensorInfo],
        held: Mapping[str, Bytes],
    ) -> None:
        """The bytes of the layer's tensors are all there: sketch its modules, or put them with
        others of their size."""
        if all(map(is_plain, layer)):
            for plan in layer:
                with self._left_out_where_it_fails((plan,)):
                    first = (plan.reading, plan.name) in self._first
                    self._take(self._plain.add(plan, held, components=first))
            return
        with self._left_out_where_it_fails(layer):
            arrays = {t.name: _numbers(layer, t, held[t.name]) for t in tensors}
            for plan in layer:
                self._make(plan, arrays)

    @contextmanager
    def _left_out_where_it_fails(self, layer: Layer) -> Iterator[None]:
        try:
            with bulkhead():
                yield
        except SystemLimit:
            raise  # the next layer would reach it, too
        except FileError as e:
            self._codes[str(e)] = e.code
            self.leave_out(layer, str(e))

    def _take(self, done: Iterable[Made]) -> None:
        for each in done:
            if each.module is None:
                with self._left_out_where_it_fails((each.plan,)):
                    self._make(each.plan, each.arrays)
            else:
                self._looks_begun[each.plan.source] = each.begun
                self._put(each.plan, each.module)

    def _make(self, plan: ModulePlan, arrays: Mapping[str, Matrix | Stored]) -> None:
        if plan.says_from_base and plan.source not in self._said_from_base:
            self._said_from_base[plan.source] = cosine_of_columns(plan, arrays)
        elif plan.algorithm == "lora" and plan.source not in self._looks_begun:
            self._looks_begun[plan.source] = looks_begun(plan, arrays)
        self._put(plan, _module(plan, arrays, (plan.reading, plan.name) in self._first))

    def _put(self, plan: ModulePlan, made: Module | str) -> None:
        if plan.reading:
            self._add_other(plan, made)
        elif isinstance(made, Module):
            self._modules[plan.name] = made
            self._ranks.append(plan.rank)
        if isinstance(made, str):
            self.leave_out((plan,), made)

    def _add_other(self, plan: ModulePlan, made: Module | str) -> None:
        """A module of another reading; a layer that is made of parts is there once all are."""
        others = self._others[plan.reading - 1]
        if plan.place is None:
            if isinstance(made, Module):
                others[plan.name] = made
            return
        if made == ZERO:
            made = Module(plan.name, np.zeros((SIDE, SIDE), np.float32), 0.0)
        if isinstance(made, Module):
            parts = self._parts.setdefault((plan.reading, plan.name), [])
            parts.append(made)
            if len(parts) == plan.place.parts:
                s = sum((part.s for part in parts[1:]), parts[0].s)
                norm = math.hypot(*(part.norm for part in parts))
                if norm > 0:
                    others[plan.name] = Module(plan.name, s, norm)

    def finish(self) -> Sketched:
        self._take(self._plain.rest())
        if not self._plan.modules:
            reasons = "; ".join(f"{n.reason} ({n.tensors} tensors)" for n in self._plan.not_read)
            return Sketched(
                None, reasons or "no module in it has an update", self._left_out, self._codes
            )
        if self._said_from_base:
            self._leave_out_what_strangers_share(begins_so(self._said_from_base))
        made = sketches.assemble(
            self._modules,
            architecture=marked(self._plan.architecture, self._mark),
            ranks=self._ranks,
            complete=self._complete,
        )
        others, further = self._other_sketches()
        if not isinstance(made, Sketch) and further:
            made, *further = further  # what is no update hides no other adapter
        if not isinstance(made, Sketch):
            self._say_nothing_is_updated(made)
        if isinstance(made, Sketch):
            every = (self._modules, *self._others)
            names = {sketches.module_id(name): name for some in every for name in some}
            return Sketched(
                made, None, self._left_out, self._codes, names, tuple(others), tuple(further)
            )
        if not self._modules and self._left_out:
            made = "; ".join(
                f"{reason} ({n:,} {'module' if n == 1 else 'modules'})"
                for reason, n in self._left_out.items()
            )
        return Sketched(None, made, self._left_out, self._codes)

    def _say_nothing_is_updated(self, reason: str) -> None:
        """Where a file that was read in full has no sketch because its layers change nothing."""
        if not self._complete:
            return
        if self._left_out.keys() == {ZERO} and not self._modules:
            self._left_out[CHANGES_NOTHING] = self._left_out.pop(ZERO)
        elif reason == TINY_UPDATE:
            self._left_out[TINY_UPDATE] = len(self._modules)

    def _leave_out_what_strangers_share(self, sources: Set[str]) -> None:
        """Those layers are not compared, under whatever names."""
        self._codes[BEGINS_FROM_BASE] = code_of(BEGINS_FROM_BASE)
        every = zip(
            (self._plan.modules, *(reading.modules for reading in self._plan.readings)),
            (self._modules, *self._others),
            strict=True,
        )
        tensors: set[str] = set()
        for plans, made in every:
            for plan in plans:
                if plan.source in sources and made.pop(plan.name, None) is not None:
                    tensors.update(info.name for info in plan.tensors.values())
        if tensors:
            self._left_out[BEGINS_FROM_BASE] = len(tensors)

    @property
    def _mark(self) -> str:
        return FROM_BASE if begun_as_base(self._looks_begun) else ""

    def _other_sketches(self) -> tuple[list[Sketch], list[Sketch]]:
        """The sketches under the names of other readings, and those of other adapters."""
        found: list[Sketch] = []
        further: list[Sketch] = []
        for reading, others in zip(self._plan.readings, self._others, strict=True):
            if not others:
                continue
            own = {module.name: module for module in self._plan.modules}
            modules = {
                module.name: made
                for module in reading.modules
                if (made := (self._modules if is_own(module, own) else others).get(module.name))
            }
            sketch = sketches.assemble(
                modules,
                architecture=marked(reading.architecture, self._mark),
                ranks=self._ranks,
                complete=self._complete,
            )
            if isinstance(sketch, Sketch):
                (further if reading.is_adapter else found).append(sketch)
        return found, further


def _module(
    plan: ModulePlan, arrays: Mapping[str, Matrix | Stored], components: bool
) -> Module | str:
    """A module of the sketch, or why it is left out. Its update is let go before the next."""
    update = read_update(plan, arrays, centred=True)
    made = numbers_of(update, plan.place, components=components)
    if made is not None:
        return made
    return ZERO if update.norm() == 0 else NOT_FINITE


def _numbers(layer: Layer, info: TensorInfo, data: Bytes) -> Matrix | Stored:
    """A tensor's values; those of a whole matrix are made later, a block at a time."""
    roles = layer[0].tensors
    is_scaled = any(role.startswith("diff/") for role in roles)
    if roles.get("diff") is info and can_be_cut(info) and not is_scaled:
        return Stored(info, data)
    return to_float32(info, data)


def _first(modules: Sequence[ModulePlan]) -> list[str]:
    """Those of which column space and up factor are kept: no objects of their own, and nothing that
    is made of what strangers share."""
    names = [m.name for m in modules if not m.what and m.algorithm != "vera"]
    return sorted(names, key=lambda name: sketches.preference(name)[1:])[:MOST_COMPONENTS]


def _preference(layer: Layer) -> tuple[int, int]:
    return min(sketches.preference(module.name)[1:] for module in layer)


def _layers(plan: Plan, names: set[str] | None) -> list[Layer]:
    """Modules that share tensors together, in the order of the file; only those wanted."""
    together = list(plan.layers())
    if names is None and sum(map(len, together)) > MOST_SKETCHED:
        every = (module for layer in together for module in layer)
        ranked = sorted(every, key=lambda m: (m.reading, sketches.preference(m.name)[1:]))
        names = {module.name for module in ranked[:MOST_SKETCHED]}
    layers = [tuple(m for m in layer if names is None or m.name in names) for layer in together]
    return sorted(
        (la for la in layers if la), key=lambda la: min(t.start for t in tensors_of([la]))
    )
