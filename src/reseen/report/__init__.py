"""Reports on sightings: a page or a table that a person forwards, lines that a script reads.

`gather` reads the store once and gives a `Findings` value; `html`, `tables` and `rows` turn it
into text. Where copies stand is in an output only when it was asked for (`locations`).
"""
