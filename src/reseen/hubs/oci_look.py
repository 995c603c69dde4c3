"""One repository of an OCI registry, looked at: its tags, their manifests, and the files in these.

What comes in: NAME, or NAME:TAG. What goes out: the repository, whose version is of all that its
tags lead to, with its files; a problem for what could not be looked at, or was too much.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from reseen.errors import HubAuth, HubBusy, HubError, HubGarbage, HubMissing, HubRefused
from reseen.hubs import oci_answers as answers
from reseen.hubs.answers import MOST_PATHS, version_of
from reseen.hubs.hub import CUT, NOT_ALL_REFS, FilesPage
from reseen.hubs.list_so_far import ListSoFar
from reseen.hubs.oci_addresses import is_repository, named_tag
from reseen.hubs.oci_requests import OciRequests, each_of, ends_early, following_of
from reseen.hubs.oci_tokens import pulling
from reseen.records import Artifact, Problem, Repository, RepoType

TAGS_PAGE = 1_000
MOST_TAGS = 1_000
"""Tags of a repository that are looked at."""
MOST_TAG_PAGES = 100
MOST_MANIFESTS = 3_000
"""Manifests of a repository that are asked for."""
MOST_FILES = MOST_PATHS
"""Files of a repository that are kept."""
DEPTH = 3
"""A tag's manifest, what it names where it is an index, and what an index in that one does."""
LATEST = "latest"
"""The tag that is meant where none is named."""


class OciLooks:
    """How repositories of one registry are looked at. `hub`: its name in what comes of it."""

    def __init__(self, requests: OciRequests, hub: str) -> None:
        self._requests, self._name = requests, hub

    async def look(self, repo: str) -> tuple[Repository, FilesPage]:
        """A repository, and all files of its tags."""
        if not is_repository(repo):
            raise HubMissing("this is no repository's name", remedy="Write NAME or NAME:TAG.")
        name, tag = named_tag(repo)
        where, problems = f"{self._name} {repo}", list[Problem]()
        tags = [tag] if tag is not None else await self._tags(name, where, problems)
        # Of a list of tags that was cut one tag is not all, even if it is the only one that came.
        is_all = len(tags) == 1 and all(each.counted != CUT for each in problems)
        files = answers.Apart(MOST_FILES)
        wanted = [(tag, tag) for tag in tags]
        known, said = set(wanted), set[str]()
        for depth in range(DEPTH):
            named: list[tuple[str, str]] = []
            async for (tag, _), found in each_of(partial(self._manifest, repo), wanted):
                if isinstance(found, HubError):
                    # What the one tag leads to itself, and not what that names in turn.
                    if is_all and depth == 0 and isinstance(found, HubMissing | HubAuth | HubBusy):
                        raise found
                    said.add(f"a tag could not be looked at: {found}")
                    continue
                for artifact in found.artifacts:
                    files.add(artifact)
                problems += found.problems
                for one in ((tag, digest) for digest in found.others):
                    if one not in known and len(known) >= MOST_MANIFESTS:
                        said.add("too many manifests: the rest was not looked at")
                    elif one not in known:
                        known.add(one)
                        named.append(one)
            wanted = named
        if wanted:
            said.add("a manifest names others that name others, and so on")
        if files.more:
            said.add(f"only the first {MOST_FILES:,} files were looked at")
        problems += [Problem(where, why, counted=CUT) for why in sorted(said)]
        kept = tuple(files.by_path.values())
        repository = Repository(
            self._name,
            RepoType.MODEL,
            repo,
            sha=version_of(kept),
            used_storage=sum(each.size or 0 for each in kept) or None,
            paths=tuple(each.path for each in kept),
        )
        return repository, FilesPage(kept, tuple(dict.fromkeys(problems)))

    async def _tags(self, name: str, where: str, problems: list[Problem]) -> list[str]:
        """The tags of a repository; the usual one alone where the registry does not say them."""
        found: dict[str, None] = {}
        so_far, query = ListSoFar(), urlencode({"n": TAGS_PAGE})
        following: str | None = query
        while following is not None and len(found) <= MOST_TAGS:
            query = following
            try:
                answer = await self._requests.json(f"/v2/{name}/tags/list", query, pulling(name))
                tags, strangers = answers.tags(answer.value)
            except (HubMissing, HubRefused) as e:
                if so_far.pages:
                    problems.append(ends_early(where, e))
                    break
                why = f"the registry does not say its tags: `{LATEST}` alone was looked at: {e}"
                problems.append(Problem(where, why, counted=NOT_ALL_REFS))
                return [LATEST]
            except (HubAuth, HubGarbage) as e:
                if not so_far.pages:
                    raise
                problems.append(ends_early(where, e))
                break
            if strangers:
                problems.append(Problem(where, "some of its tags cannot be read", counted=CUT))
            found.update(dict.fromkeys(tags))
            following, more = following_of(answer, where)
            problems += more
            ends = so_far.why_it_ends(tags, query, following)
            if following is not None and so_far.pages >= MOST_TAG_PAGES:
                ends = f"it has more than {MOST_TAG_PAGES} pages"
            if ends is not None:
                problems.append(ends_early(where, ends))
                break
        if len(found) > MOST_TAGS:
            why = f"only {MOST_TAGS:,} of its tags were looked at"
            problems.append(Problem(where, why, counted=CUT))
        return list(found)[:MOST_TAGS]

    async def _manifest(self, repo: str, one: tuple[str, str]) -> answers.OciManifest:
        """Of a tag: its own manifest, or one that this names by its digest."""
        (tag, which), (name, _) = one, named_tag(repo)
        path = tag if which == tag else f"{tag}/{which.removeprefix('sha256:')}"
        like = Artifact(self._name, RepoType.MODEL, repo, tag, "main", path, None)
        at = f"/v2/{name}/manifests/{which}"
        answer = await self._requests.json(at, "", pulling(name), {"Accept": answers.ACCEPT})
        return answers.manifest(like, f"{self._name} {repo}", answer.value)
