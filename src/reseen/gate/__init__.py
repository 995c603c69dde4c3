"""The gate before uploads: says which removals a file is, and what is advised.

`gate.GateProcess` is the gate of a process, `routes.router` its documented routes, `front.Front`
the short way by which most requests reach it, `keys` and `policy` what an administrator sets.
"""
