"""`reseen leads`: what short hashes alone point at, and uncertain likeness of weights."""

from __future__ import annotations

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    look_into,
    note,
    say,
    settings_for,
)
from reseen.records import DigestKind


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=1_000,
    show_default=True,
    help="Leads to show at most.",
)
@db_option
@json_option
def leads(limit: int, db: str | None, as_json: bool) -> None:
    """List what may be worth a look: a file whose stated SHA-256 begins with the AutoV2 of a
    removal that has no full digest, and one whose weights are like a removal's, uncertainly.

    A lead is no evidence: 10 digits are no proof, and neither are weights where files of the
    removal's recipe resemble each other, or where the order of the layers alone says which is
    which. It is no sighting, stands in no case and no notice, and the gate lets it through. Says
    how many leads from short hashes accident alone would give.
    """
    from reseen.match import short_leads
    from reseen.match.evidence import BY_WEIGHTS, WHY_A_LEAD
    from reseen.observed.leads import kept
    from reseen.texts import visible

    with look_into(settings_for(db)) as store, store.read() as connection:
        answer = short_leads.find(connection, limit=limit)
        by_weights = kept(connection, BY_WEIGHTS, limit)
    found = [(lead.removal, lead.artifact, "") for lead in answer.found]
    found += [(lead.removal, lead.artifact, lead.kind) for lead in by_weights]
    for removal, artifact, kind in found:
        if as_json:
            emit(
                {
                    "removal": removal,
                    "hub": artifact.hub,
                    "type": artifact.type,
                    "repo": artifact.repo,
                    "revision": artifact.revision,
                    "path": artifact.path,
                    "size": artifact.size,
                    "kind": kind or DigestKind.AUTOV2.label,
                    "digits": None if kind else short_leads.DIGITS,
                    "by_accident": None if kind else answer.by_accident,
                }
            )
        else:
            why = f"  {WHY_A_LEAD[kind]}" if kind else ""
            say(f"{removal}  {artifact.hub} {visible(artifact.repo)} {visible(artifact.path)}{why}")
    if as_json:
        return
    note(
        f"{count(len(answer.found), 'lead')}: the first {short_leads.DIGITS} digits of the SHA-256 "
        "that the hub states are those of the removal. Look at each; this proves nothing."
        if answer.found
        else "No leads from short hashes."
    )
    if answer.more:
        note("There are more: --limit shows them.")
    if answer.short:
        note(
            f"{count(answer.short, 'short hash', 'short hashes')} against "
            f"{count(answer.stated, 'stated SHA-256')}: accident alone would give "
            f"{answer.by_accident:.2g} leads."
        )
