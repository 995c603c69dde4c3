"""A hub's accounts as people make them: 30 campaigns of five kinds among thousands of others.

Everybody here has habits (a tool, a way to name things, hours of the day, what they are after), and
what is seen of them follows from those. Nothing here knows how campaigns are looked for. The five
kinds of campaigns:

- crew: several people copy one archive of removed models, each much of it, with one script;
- split: an archive is shared out, nobody takes what another has; one script, the same evenings;
- successor: one person, whose accounts follow each other, and who puts the same models up again;
- drip: many accounts of one or a few models each, spread over months by one hand;
- re-savers: a few people save the same models anew (other bytes, a rank of their own) under names
  of their own, when they like, with other files beside them.

What their commits say is in `campaigns_commits`: known of the repositories in which a removal was
recognised, whose history a scan asks for.

The others: creators, people who put up a removed model or some, fans of one subject, people who
fork, mirrors of everything, users of the same batch uploaders and trainers, and those who save what
is popular on the days when it is about to go.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace

from benchmarks import campaigns_commits as commits
from benchmarks.campaigns_commits import Naming, Tool
from reseen.observed import commit_messages
from reseen.review.campaign_accounts import SeenAccount, SeenCommit, SeenFile

HUB = "hub.example"
KINDS = ("crew", "split", "successor", "drip", "re-savers")
HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_748_000_000_000_000
DAYS = 300
BAN = 40
"""The day on which everybody heard that models would be removed."""
RECOGNISED = 0.95
"""Copies that are recognised."""

_SYLLABLES = [
    "ba",
    "be",
    "bo",
    "da",
    "de",
    "do",
    "ka",
    "ki",
    "ko",
    "la",
    "le",
    "li",
    "lo",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "ni",
    "no",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "si",
    "so",
    "ta",
    "te",
    "to",
    "va",
    "ve",
    "vi",
    "za",
    "ze",
]
_WORDS = [
    "art",
    "pixel",
    "dream",
    "night",
    "light",
    "cloud",
    "river",
    "stone",
    "wolf",
    "fox",
    "moon",
    "star",
    "neon",
    "retro",
    "blue",
    "red",
    "green",
    "silver",
    "iron",
    "lazy",
    "happy",
    "tiny",
    "deep",
    "soft",
    "wild",
    "cyber",
    "paper",
    "velvet",
    "amber",
    "lunar",
]
_TOPICS = [
    "anime",
    "style",
    "realism",
    "portrait",
    "landscape",
    "watercolor",
    "detail",
    "slider",
    "concept",
    "clothing",
    "pose",
    "film",
    "ink",
    "sketch",
    "render",
    "toon",
    "glow",
    "noise",
]
_TRAINED = ("pytorch_lora_weights", "adapter_model", "lora", "model", "diffusion_pytorch_model")


_FORK = Tool(lambda subject, _, __: (subject, subject), commits.folder)


@dataclass
class Person:
    """Somebody behind an account: when they sit at it, and what they use."""

    hour: float
    weekend: bool
    tool: Tool


@dataclass
class Made:
    """An account as it comes to be."""

    name: str
    files: list[SeenFile] = field(default_factory=list)
    commits: list[SeenCommit] = field(default_factory=list)
    repositories: dict[str, int] = field(default_factory=dict)
    """When each was made."""
    origins: dict[str, str] = field(default_factory=dict)
    """Of those that are forks: of whose."""

    def seen(self) -> SeenAccount:
        """The history is known of repositories in which a removal was recognised; of a file is
        known when its repository was made."""
        known = {one.repo for one in self.files if one.removal is not None}
        told = tuple(one for one in self.commits if one.repo in known)
        files = (replace(one, at=self.repositories[one.repo]) for one in self.files)
        return SeenAccount(HUB, self.name, tuple(files), told)


@dataclass(frozen=True)
class World:
    """What is seen, and the truth about it."""

    accounts: tuple[SeenAccount, ...]
    campaigns: tuple[tuple[str, frozenset[str]], ...]
    """The kind of each, and its accounts by name."""
    kinds: dict[str, str]
    """What each of the others is, by name."""


class _Maker:
    def __init__(self, seed: int, total: int) -> None:
        self.r = random.Random(seed)
        self.habits = random.Random(f"{seed} commits")
        self.names: set[str] = set()
        self.made: list[Made] = []
        self.kinds: dict[str, str] = {}
        self.campaigns: list[tuple[str, frozenset[str]]] = []
        self.serial = 0
        count = max(600, total // 2)
        self.subjects: list[list[int]] = []
        pk = 1
        while pk <= count:
            size = min(30, 1 + int(self.r.paretovariate(1.1)))
            self.subjects.append(list(range(pk, pk + size)))
            pk += size
        self.removals = pk - 1
        order = list(range(1, pk))
        self.r.shuffle(order)
        self.popular = order
        self.slugs: dict[int, str] = {
            pk: f"{self.word()}{self.r.choice('-_')}{self.r.choice(_TOPICS)}" for pk in order
        }

    # -- names and tools ---------------------------------------------------------------------

    def word(self) -> str:
        return "".join(self.r.choices(_SYLLABLES, k=self.r.choice((2, 2, 3, 3, 4))))

    def content(self) -> bytes:
        self.serial += 1
        return hashlib.sha256(b"%d" % self.serial).digest()

    def original(self, removal: int) -> bytes:
        return hashlib.sha256(b"removal %d" % removal).digest()

    def handle(self) -> str:
        r = self.r
        choice = r.random()
        if choice < 0.3:
            name = self.word() + self.word()
        elif choice < 0.5:
            name = self.word() + str(r.randint(1, 9999))
        elif choice < 0.65:
            name = r.choice(_WORDS) + r.choice(("", "-", "_")) + r.choice(_WORDS)
        elif choice < 0.8:
            name = r.choice(_WORDS) + r.choice(_WORDS).title() + str(r.randint(1, 99))
        elif choice < 0.9:
            name = r.choice(("ai", "sd", "lora", "the", "mr", "its")) + "-" + self.word()
        else:
            name = "user" + "".join(r.choices("0123456789abcdef", k=8))
        return name

    def account(self, name: str | None = None) -> Made:
        name = name or self.handle()
        while name.casefold() in self.names:
            name += str(self.r.randint(0, 9))
        self.names.add(name.casefold())
        self.made.append(Made(name))
        return self.made[-1]

    def by_hand(self) -> Tool:
        """One of the ways in which people upload themselves."""
        r, h = self.r, self.habits
        dash, version = r.choice("-_"), r.choice(("", "_v1", "-v2", "_final", ""))
        trained = r.random() < 0.4
        stem = r.choice(_TRAINED)
        title = r.random() < 0.3

        def name(subject: str, _: bytes, __: int) -> tuple[str, str]:
            plain = subject.replace("-", dash).replace("_", dash)
            shown = plain.title() if title else plain
            return plain, f"{stem if trained else shown + version}.safetensors"

        message = commits.by_hand(h, self.habit_word())
        readme = h.random() < commits.READMES
        return Tool(name, message, commits.collection(h, "hand"), readme)

    def habit_word(self) -> str:
        return "".join(self.habits.choices(_SYLLABLES, k=3))

    def site_export(self) -> Tool:
        """The popular uploader that names by the numbers of a model site."""

        def name(subject: str, content: bytes, _: int) -> tuple[str, str]:
            number = int.from_bytes(content[:3]) % 900_000 + 100_000
            return f"civ-{number}", f"{number}_{subject.replace('-', '_')}.safetensors"

        return Tool(name, commits.folder, commits.collection(self.habits, "popular"))

    def hashed(self, length: int = 10) -> Tool:
        """The popular uploader that names by hashes."""

        def name(_: str, content: bytes, __: int) -> tuple[str, str]:
            return f"lora-{content.hex()[:8]}", f"{content.hex()[:length]}.safetensors"

        return Tool(name, commits.one_file, commits.collection(self.habits, "popular"))

    def trainer(self) -> Tool:
        """The popular trainer's own names."""

        def name(subject: str, content: bytes, _: int) -> tuple[str, str]:
            return f"{subject}-lora", f"{subject}-{content[0] % 20 * 500:06d}.safetensors"

        return Tool(name, commits.trained, commits.collection(self.habits, "popular"))

    def usual_tool(self) -> Tool:
        draw = self.r.random()
        if draw < 0.08:
            return self.site_export()
        if draw < 0.14:
            return self.hashed()
        if draw < 0.25:
            return self.trainer()
        return self.by_hand()

    def script(self) -> Tool:
        """What somebody wrote for a batch; three in ten use what everybody uses."""
        r = self.r
        draw = r.random()
        if draw < 0.3:
            return r.choice((self.site_export(), self.hashed(), self.trainer()))
        length = r.choice((6, 8, 12, 16, 32, 64))
        prefix = r.choice(("upload", "lora", "model", "test", "backup", "file", self.word()))
        dash = r.choice(("-", "_", ""))
        width = r.choice((0, 2, 3, 4, 5))
        tail = r.choice(("", "", "_fp16", "-fixed", "_new"))

        def by_counter(_: str, __: bytes, counter: int) -> tuple[str, str]:
            number = f"{counter:0{width}d}" if width else str(counter)
            return f"{prefix}{dash}{number}", f"{prefix}{dash}{number}{tail}.safetensors"

        def by_hash(_: str, content: bytes, counter: int) -> tuple[str, str]:
            return f"{prefix}{dash}{content.hex()[:6]}", f"{content.hex()[:length]}.safetensors"

        def fixed(_: str, content: bytes, counter: int) -> tuple[str, str]:
            return f"{prefix}{dash}{content.hex()[:8]}", f"{prefix}{tail}.safetensors"

        def wrapped(subject: str, _: bytes, __: int) -> tuple[str, str]:
            return f"{prefix}{dash}{subject}", f"{subject}{tail or '_x'}.safetensors"

        naming: Naming = r.choice((by_counter, by_counter, by_hash, fixed, wrapped))
        message = commits.of_script(self.habits, self.habit_word())
        return Tool(naming, message, commits.collection(self.habits, "script"))

    def person(self, tool: Tool | None = None) -> Person:
        hour = (self.r.gauss(20, 3) + self.r.choice((-8, -5, 0, 0, 1, 5, 8))) % 24
        return Person(hour, self.r.random() < 0.4, tool or self.usual_tool())

    # -- uploading ---------------------------------------------------------------------------

    def sitting(self, person: Person, day: float | None = None) -> int:
        """When somebody sits down."""
        r = self.r
        day = r.uniform(0, DAYS) if day is None else day
        whole = int(day)
        if person.weekend and r.random() < 0.6:
            whole += (5 - whole) % 7
        hour = (person.hour + r.gauss(0, 1.5)) % 24
        return START + whole * DAY + int(hour * HOUR)

    def put(
        self, account: Made, person: Person, at: int, *, removal: int | None = None,
        content: bytes | None = None, layout: bytes | None = None,
    ) -> None:  # fmt: skip
        r = self.r
        subject = self.slugs[removal] if removal else f"{self.word()}-{r.choice(_TOPICS)}"
        if content is None:
            content = self.original(removal) if removal else self.content()
        tool, counter = person.tool, len(account.files) + 1
        repo, path = tool.naming(subject, content, counter)
        repo = tool.collection or repo
        seen = removal if removal and r.random() < RECOGNISED else None
        layout = layout or b"layout %d" % int(r.paretovariate(0.6))
        self.commit(account, tool, repo, tool.message(subject, path, counter), at)
        account.files.append(SeenFile(repo, path, content, at, seen, layout))

    def commit(self, account: Made, tool: Tool, repo: str, title: str, at: int) -> None:
        """What goes with a file."""
        titles = [title]
        if repo not in account.repositories:
            titles += [commits.FIRST, *([commits.README] if tool.readme else [])]
        account.repositories[repo] = min(at, account.repositories.get(repo, at))
        for one in titles:
            account.commits.append(SeenCommit(repo, commit_messages.kept(b"world", one), at))

    def batch(self, account: Made, person: Person, removals: list[int], at: int) -> None:
        """One after the other, minutes apart."""
        for removal in removals:
            self.put(account, person, at, removal=removal)
            at += int(self.r.expovariate(1 / 120) * 1_000_000) + 2_000_000

    def cover(self, account: Made, person: Person, most: int) -> None:
        """Files of one's own, beside what else is there."""
        for _ in range(self.r.randint(0, most)):
            self.put(account, person, self.sitting(person))

    def zipf(self, count: int) -> list[int]:
        """What people are after: some removals are wanted far more than others."""
        found: set[int] = set()
        while len(found) < count:
            rank = int(self.r.paretovariate(0.7))
            if rank <= self.removals:
                found.add(self.popular[rank - 1])
        return sorted(found)

    def archive(self, count: int) -> list[int]:
        """What a campaign copies: whole subjects, or what a spreadsheet has."""
        r = self.r
        if r.random() < 0.5:
            return sorted(r.sample(range(1, self.removals + 1), count))
        found: list[int] = []
        while len(found) < count:
            found += [pk for pk in r.choice(self.subjects) if pk not in found]
        return found[:count]

    # -- campaigns ---------------------------------------------------------------------------

    def member_names(self, count: int) -> list[str]:
        """What the accounts of one campaign are called."""
        r = self.r
        habit, stem = r.random(), self.word() + self.word()
        if habit < 0.4:  # bought, or each person's own
            return [self.handle() for _ in range(count)]
        if habit < 0.65:
            dash, first = r.choice(("", "", "-", "_")), r.randint(1, 60)
            return [f"{stem}{dash}{first + n}" for n in range(count)]
        if habit < 0.8:
            swaps = {"o": "0", "i": "1", "l": "1", "e": "3", "a": "4", "s": "5"}
            names = []
            for _ in range(count):
                chars = [swaps[c] if c in swaps and r.random() < 0.5 else c for c in stem]
                if r.random() < 0.4:
                    at = r.randrange(len(chars))
                    chars[at:at] = [chars[at]]
                names.append("".join(chars))
            return names
        letters, digits = r.randint(5, 9), r.randint(2, 5)
        alphabet = "bcdfghjklmnpqrstvwxz" if r.random() < 0.5 else "abcdefghijklmnopqrstuvwxyz"
        return [
            "".join(r.choices(alphabet, k=letters)) + "".join(r.choices("0123456789", k=digits))
            for _ in range(count)
        ]

    def campaign(self, kind: str) -> None:
        r = self.r
        sizes = {"crew": (4, 40), "split": (4, 20), "successor": (3, 10), "drip": (10, 60)}
        low, high = sizes.get(kind, (3, 12))
        count = min(high, low + int(r.expovariate(3 / (high - low))))
        accounts = [self.account(name) for name in self.member_names(count)]
        getattr(self, "_" + kind.replace("-", "_"))(accounts)
        self.campaigns.append((kind, frozenset(one.name for one in accounts)))

    def _crew(self, accounts: list[Made]) -> None:
        r = self.r
        pool = self.archive(r.randint(25, 120))
        tool = self.script()
        start = r.uniform(BAN - 10, DAYS - 40)
        leader = self.person(tool)
        evenings = sorted(start + r.uniform(0, 30) for _ in range(r.randint(2, 6)))
        for account in accounts:
            person = leader if r.random() < 0.5 else self.person(tool)
            mine = r.sample(pool, max(5, int(len(pool) * r.uniform(0.3, 0.9))))
            parts = r.randint(1, 4)
            for part in range(parts):
                day = r.choice(evenings) + r.choice((0, 0, 0, 1))
                self.batch(account, person, mine[part::parts], self.sitting(person, day))
            if r.random() < 0.3:
                self.cover(account, self.person(), 6)

    def _split(self, accounts: list[Made]) -> None:
        r = self.r
        tool = self.script()
        person = self.person(tool)
        start = r.uniform(BAN - 10, DAYS - 30)
        evenings = sorted(start + r.uniform(0, 25) for _ in range(r.randint(2, 5)))
        pool = self.archive(len(accounts) * r.randint(5, 25))
        r.shuffle(pool)
        for number, account in enumerate(accounts):
            mine = pool[number :: len(accounts)]
            parts = r.randint(1, len(evenings))
            for part, evening in enumerate(r.sample(evenings, parts)):
                self.batch(account, person, mine[part::parts], self.sitting(person, evening))
            if r.random() < 0.2:
                self.cover(account, self.person(), 4)

    def _successor(self, accounts: list[Made]) -> None:
        r = self.r
        person = self.person(self.script() if r.random() < 0.7 else self.by_hand())
        pool = self.archive(r.randint(5, 30))
        day = r.uniform(BAN, BAN + 60)
        for account in accounts:
            mine = [pk for pk in pool if r.random() < r.uniform(0.6, 1.0)] or pool[:2]
            self.batch(account, person, mine, self.sitting(person, day))
            day = min(DAYS - 1, day + r.uniform(3, 30))

    def _drip(self, accounts: list[Made]) -> None:
        r = self.r
        person = self.person(self.script())
        pool = self.archive(r.randint(20, 80))
        day = r.uniform(BAN, BAN + 60)
        waiting = list(accounts)
        while waiting:
            at = self.sitting(person, day)
            for account in [waiting.pop() for _ in range(min(len(waiting), r.randint(1, 5)))]:
                self.batch(account, person, r.sample(pool, r.randint(1, 3)), at)
                at += int(r.uniform(1, 10) * 60_000_000)
                if r.random() < 0.3:
                    waiting.insert(0, account) if len(account.files) < 4 else None
            day = min(DAYS - 1, day + r.expovariate(1 / 5))

    def _re_savers(self, accounts: list[Made]) -> None:
        r = self.r
        pool = self.archive(r.randint(12, 50))
        layout = b"re-saved %d" % r.randrange(10**9)
        for account in accounts:
            person = self.person(self.by_hand())
            for removal in r.sample(pool, max(4, int(len(pool) * r.uniform(0.4, 0.8)))):
                at = self.sitting(person, r.uniform(BAN, DAYS))
                made = self.content()
                self.put(account, person, at, removal=removal, content=made, layout=layout)
            self.cover(account, person, 12)

    # -- the others --------------------------------------------------------------------------

    def creator(self) -> None:
        account, person = self.account(), self.person()
        own = min(60, int(self.r.paretovariate(0.9)))
        for _ in range(own):
            self.put(account, person, self.sitting(person))
        if self.r.random() < 0.1:
            # What was removed was their own, and stands here too.
            for removal in self.r.choice(self.subjects)[: self.r.randint(1, 6)]:
                self.put(account, person, self.sitting(person), removal=removal)
        self.kinds[account.name] = "creator"

    def re_uploader(self) -> None:
        account, person = self.account(), self.person()
        for removal in self.zipf(self.r.choice((1, 1, 1, 2, 2, 3))):
            self.put(account, person, self.sitting(person), removal=removal)
        self.cover(account, person, 10)
        self.kinds[account.name] = "re-uploader"

    def fan(self) -> None:
        r = self.r
        account, person = self.account(), self.person()
        wanted = sorted(self.subjects, key=len)[-max(5, len(self.subjects) // 8) :]
        subject = r.choice(wanted)
        for removal in r.sample(subject, min(len(subject), r.randint(2, 8))):
            self.put(account, person, self.sitting(person), removal=removal)
        self.cover(account, person, 8)
        self.kinds[account.name] = "fan"

    def saver(self) -> None:
        """On the days around the ban."""
        r = self.r
        account, person = self.account(), self.person()
        wanted = self.zipf(min(30, 2 + int(r.expovariate(1 / 6))))
        at = self.sitting(person, BAN + r.choice((-1, 0, 0, 0, 1, 2)))
        self.batch(account, person, wanted, at)
        self.cover(account, person, 5)
        self.kinds[account.name] = "saver"

    def batch_user(self) -> None:
        r = self.r
        tool = r.choice((self.site_export(), self.hashed(), self.trainer()))
        account, person = self.account(), self.person(tool)
        for _ in range(r.randint(1, 3)):
            at = self.sitting(person)
            for _ in range(r.randint(8, 60)):
                self.put(account, person, at)
                at += int(r.expovariate(1 / 60) * 1_000_000)
        if r.random() < 0.4:
            self.batch(account, person, self.zipf(r.randint(1, 4)), self.sitting(person))
        self.kinds[account.name] = "batch user"

    def _copy(self, account: Made, source: Made, file: SeenFile, at: int) -> None:
        """A fork by the hub's own tool, whose message says from where: of one repository."""
        repo = file.repo
        while account.origins.setdefault(repo, source.name) != source.name:
            repo += "-2"
        self.commit(account, _FORK, repo, f"Duplicate from {source.name}/{file.repo}", at)
        account.files.append(SeenFile(repo, file.path, file.content, at, file.removal, file.layout))

    def forker(self, sources: list[Made]) -> None:
        """A fork keeps the names, and comes later."""
        r = self.r
        account, person = self.account(), self.person()
        liked = r.choice(sources)
        for _ in range(min(15, int(r.paretovariate(0.8)))):
            source = liked if r.random() < 0.4 else r.choice(sources)
            file = r.choice(source.files)
            self._copy(account, source, file, max(file.at or 0, self.sitting(person)) + HOUR)
        self.cover(account, person, 10)
        self.kinds[account.name] = "forker"

    def mirror(self, sources: list[Made]) -> None:
        r = self.r
        account, person = self.account(), self.person()
        for source in r.sample(sources, r.randint(40, 300)):
            at = self.sitting(person)
            for file in source.files:
                if r.random() < 0.7:
                    self._copy(account, source, file, max(file.at or 0, at) + HOUR)
        self.kinds[account.name] = "mirror"


def world(seed: int, *, accounts: int = 10_000, campaigns: int = 30) -> World:
    """One world; the same for the same seed."""
    maker = _Maker(seed, accounts)
    for number in range(campaigns):
        maker.campaign(KINDS[number % len(KINDS)])
    others = accounts - len(maker.made)
    late = others * 8 // 100
    makers = (maker.creator, maker.re_uploader, maker.fan, maker.saver, maker.batch_user)
    for _ in range(others - late):
        maker.r.choices(makers, weights=(48, 26, 9, 6, 11))[0]()
    sources = [one for one in maker.made if one.files]
    mirrors = max(1, late // 40)
    for _ in range(late - mirrors):
        maker.forker(sources)
    for _ in range(mirrors):
        maker.mirror(sources)
    maker.r.shuffle(maker.made)
    seen = tuple(one.seen() for one in maker.made)
    return World(seen, tuple(maker.campaigns), maker.kinds)
