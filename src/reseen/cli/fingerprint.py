"""`reseen fingerprint` and `reseen inspect`: a file's digests, and what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import about, emit, json_option, note, quiet_option, say, size_text
from reseen.cli.exit_codes import ExitCode, finish, tell
from reseen.cli.hub import endpoint_option
from reseen.errors import FileError
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.files.tensors import Listing
    from reseen.records import Fingerprint
    from reseen.updates.plan import Plan

INFORMATIVE = (
    "ss_network_module",
    "ss_network_dim",
    "ss_network_alpha",
    "ss_base_model_version",
    "ss_sd_scripts_commit_hash",
    "ss_training_started_at",
    "ss_num_train_images",
    "ss_epoch",
    "ss_steps",
    "ss_learning_rate",
    "ss_optimizer",
    "ss_session_id",
    "ss_training_id",
    "sshs_model_hash",
    "modelspec.architecture",
    "modelspec.implementation",
    "modelspec.date",
    "modelspec.hash_sha256",
    "format",
    "software",
)
"""Metadata that tells how a file was made and cannot hold a name."""

_LONGEST = 200


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@json_option
@quiet_option
def fingerprint(files: tuple[Path, ...], as_json: bool, quiet: bool) -> None:
    """Print the digests and the sketch of local files.

    The registry is not asked and nothing is stored. Exits 2 when a file cannot be read, 3 when one
    is damaged and has the digests of its bytes alone.
    """
    from reseen.cli.progress import bytes_bar
    from reseen.fingerprints.whole import fingerprint as whole

    for path in files:
        try:
            with bytes_bar(f"Reading {path.name}", quiet=quiet or as_json) as progress:
                found = whole(path, progress)
        except FileError as e:
            tell(ExitCode.CANNOT)
            if as_json:
                emit({"path": str(path), "error": str(e)})
            else:
                note(f"{visible(str(path))}: {e}")
            continue
        if any(each.is_damaged for each in (found, *(inner for _, inner in found.within))):
            tell(ExitCode.PART)
        _print(str(path), found, as_json=as_json)
        for place, member in found.within:
            _print(f"{path}{place}", member, as_json=as_json)
    finish()


def _print(path: str, found: Fingerprint, *, as_json: bool) -> None:
    if as_json:
        emit({"path": path, "error": None} | fingerprint_fields(found))
        return
    say(f"{visible(path)}: {found.container.value}, {size_text(found.size)}")
    for digest in found.digests:
        say(f"  {digest.kind.label:<15}{digest.hex}")
    if found.sketch is not None:
        say(f"  {'sketch':<15}{len(found.sketch):,} bytes (--json prints it)")
    else:
        say(f"  {'sketch':<15}none: {visible(found.no_sketch or 'no updates in it')}")
    if found.rows is not None:
        say(f"  {'rows':<15}{len(found.rows):,} bytes (--json prints it)")
    if found.problem:
        say(f"  {'problem':<15}{visible(found.problem)}")
    for spot in found.blind:
        if spot.reason not in (found.problem, found.no_sketch):
            say(f"  {'not read':<15}{visible(str(spot))}")


def fingerprint_fields(found: Fingerprint) -> dict[str, object]:
    """A fingerprint as a documented JSON object."""
    from base64 import b64encode

    return {
        "size": found.size,
        "container": found.container.value,
        **{d.kind.label.replace("-", "_"): d.hex for d in found.digests},
        "data_size": found.data_size,
        "layout": found.layout.hex() if found.layout else None,
        "problem": found.problem,
        "sketch": b64encode(found.sketch).decode() if found.sketch else None,
        "no_sketch": found.no_sketch,
        "rows": b64encode(found.rows).decode() if found.rows else None,
        **found.judged.fields,
    }


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--modules", "list_modules", is_flag=True, help="List every module.")
@click.option("--reveal", is_flag=True, help="Show all metadata, names too.")
@endpoint_option
@json_option
def inspect(
    file: str, list_modules: bool, reveal: bool, endpoint: str | None, as_json: bool
) -> None:
    """Show what FILE is made of: a local file, or one at a hub by its header alone.

    Container, algorithm, architecture, rank, modules, and metadata that tells how it was made.
    Metadata that can hold a name is counted, and shown with --reveal.
    """
    listing, plan = _read(file, endpoint)
    metadata = shown_metadata(listing, reveal=reveal)
    hidden = len(listing.metadata) - len(metadata)
    if as_json:
        emit(
            {
                "file": file,
                "container": listing.container.value,
                "architecture": plan.architecture,
                "naming": plan.naming,
                "algorithms": plan.algorithms,
                "ranks": plan.ranks,
                "dtypes": plan.dtypes,
                "parts": plan.parts,
                "tensors": len(listing.tensors),
                "modules": len(plan.modules),
                "embeddings": len(plan.embeddings),
                "scale_known": plan.scale_known,
                "not_read": [
                    {"code": n.code, "reason": n.reason, "tensors": n.tensors}
                    for n in plan.not_read
                ],
                "remarks": [*plan.remarks, *listing.remarks],
                "metadata": metadata,
                "metadata_hidden": hidden,
                **({"module_names": [m.name for m in plan.modules]} if list_modules else {}),
            }
        )
        return
    rows = [
        ("container", listing.container.value),
        ("architecture", plan.architecture or "none that has updates"),
        ("parts", ", ".join(plan.parts)),
        ("algorithm", ", ".join(plan.algorithms)),
        ("naming", plan.naming),
        ("rank", ", ".join(map(str, plan.ranks))),
        ("numbers", ", ".join(plan.dtypes)),
        ("modules", f"{len(plan.modules):,} (of {len(listing.tensors):,} tensors)"),
        ("embeddings", f"{len(plan.embeddings):,} tensors" if plan.embeddings else ""),
        ("scale", "" if plan.scale_known else "not in the file: taken as 1"),
    ]
    for name, value in rows:
        if value:
            say(f"{name + ':':<14}{visible(value)}")
    for left in plan.not_read:
        say(f"{'not read:':<14}{visible(left.reason)} ({left.tensors:,} tensors)")
    for remark in (*plan.remarks, *listing.remarks):
        say(f"{'remark:':<14}{visible(remark)}")
    for key, value in metadata.items():
        say(f"{'metadata:':<14}{visible(key)} = {visible(value)}")
    if hidden:
        say(f"{'metadata:':<14}{hidden:,} more, which can hold names (--reveal shows them)")
    if list_modules:
        for module in plan.modules:
            out, inn, high, wide = module.shape
            kernel = f" {high}x{wide}" if (high, wide) != (1, 1) else ""
            say(f"  {visible(module.name)}  {out}x{inn}{kernel}  {module.algorithm}")


def shown_metadata(listing: Listing, *, reveal: bool) -> dict[str, str]:
    """What may be shown of a file's metadata, cut to a readable length."""
    return {
        key[:_LONGEST]: value[:_LONGEST]
        for key, value in sorted(listing.metadata.items())
        if reveal or key in INFORMATIVE
    }


def _read(file: str, endpoint: str | None) -> tuple[Listing, Plan]:
    from reseen.cli.hub import never_read, remote_file

    if (remote := remote_file(file, endpoint)) is not None:
        from reseen.scan.remote import listing_of

        with about(file):
            return listing_of(*remote, never_read())
    from reseen.fingerprints.local import plan_of

    with about(file):
        return plan_of(Path(file))
