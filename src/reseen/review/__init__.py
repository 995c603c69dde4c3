"""Sightings in, decisions out: cases before people, what they decide, notices to hosts.

`who` says who may do what; `cases` puts sightings before reviewers and `queue` orders them;
`decide` records verdicts, append-only and undoable, `together` many at once; `verdicts` says what
follows from them, and nothing else does; `notices` writes to hosts what was confirmed.
A match is a lead: nothing here decides by itself, but for what a person decided before about the
same removal and the same bytes.
"""
