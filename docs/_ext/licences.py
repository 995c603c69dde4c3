"""The licences of all that Reseen is installed with: `make licences`, and a page of the site.

What comes in: the metadata of what is installed here, from `reseen` on, through all its extras.
What goes out: a table, or exit 1 with what has a licence that is unknown or that Apache-2.0 does
not go with.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

GOES_WITH = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
    *("MPL-2.0", "PSF-2.0", "Unlicense", "Zlib", "BlueOak-1.0.0", "LGPL-3.0-only", "Python-2.0"),
    *("LGPL-3.0-or-later", "LGPL-2.1-or-later", "MIT-CMU"),
}
"""What may be installed beside code under Apache-2.0. Of the copyleft ones, those alone that bind a
library's own files: MPL and LGPL, which are imported and not copied."""

SAID = {
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD-3-Clause License": "BSD-3-Clause",
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "The Unlicense (Unlicense)": "Unlicense",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Apache 2.0 License": "Apache-2.0",
}
"""Older ways of saying it -> SPDX."""

BY_HAND = {"libarchive-c": "CC0-1.0"}
"""Where the metadata say nothing: what the package's own licence file says."""


def needed(root: str = "reseen") -> dict[str, Distribution | None]:
    """Every package that `root` needs with all its extras; None: not installed here."""
    found: dict[str, Distribution | None] = {}
    waiting = [(root, frozenset(distribution(root).metadata.get_all("Provides-Extra") or ()))]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            found[name] = None
            continue
        for line in found[name].requires or ():
            requirement = Requirement(line)
            wanted = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            )
            if wanted:
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    del found[root]
    return dict(sorted(found.items()))


def licence(of: Distribution) -> str:
    """In SPDX; empty where nothing is said that is known."""
    meta = of.metadata
    if said := BY_HAND.get(canonicalize_name(meta["Name"])):
        return said
    if said := meta.get("License-Expression"):
        return str(said)
    classes = [
        SAID.get(line.rsplit(" :: ", 1)[-1], "")
        for line in meta.get_all("Classifier") or ()
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    if classes and all(classes):
        return " AND ".join(dict.fromkeys(classes))
    said = (meta.get("License") or "").strip()
    return SAID.get(said, "" if bad(said) else said)


def bad(expression: str) -> bool:
    """Whether an expression is unknown, or names a licence that does not go with ours. One of
    several to choose from is enough."""
    if not expression:
        return True
    for choice in re.split(r"\s+OR\s+", re.sub(r"[()]", "", expression)):
        names = re.split(r"\s+AND\s+", choice)
        if all(name.split(" WITH ")[0].strip() in GOES_WITH for name in names):
            return False
    return True


def unfit() -> list[str]:
    """What of all that has a licence that is unknown or does not go with ours."""
    return [
        f"{name}: {licence(of) or 'nothing known is said'}"
        for name, of in needed().items()
        if of is not None and bad(licence(of))
    ]


def page() -> str:
    """The list in Markdown."""
    rows = [
        f"| {name} | {licence(of) if of is not None else 'not installed here'} |"
        for name, of in needed().items()
    ]
    return "\n".join(
        [
            "# Licences of what is installed",
            "",
            "Reseen is under Apache-2.0. This is what `pip install` with all extras brings along,",
            "each under the licence that its metadata say (`make licences`). A test fails for one",
            "that is unknown or does not go with Apache-2.0.",
            "",
            "| package | licence |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    sys.stdout.write(page())
    wrong = unfit()
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
