"""Sightings -> a page, a table, lines: what a person forwards, and what a script reads.

`gather` reads the store once and gives a `Findings` value; `html`, `tables` and `rows` turn it
into text. Where copies stand is in an output only when it was asked for (`locations`).
"""
