"""Sightings in, decisions out: cases before people, what they decide, notices to hosts.

`roles` says who may do what, `users` and `sessions` who is signed in; `cases` puts sightings before
reviewers and `queue` orders them; `decide` records verdicts, append-only and undoable,
`batch_decisions` many at once; `verdicts` says what follows from them, and nothing else does;
`notice_write` and `mail` write to hosts what was confirmed.
A match is a lead: nothing here decides by itself, but for what a person decided before about the
same removal and the same bytes.
"""
