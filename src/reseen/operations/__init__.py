"""One function for each act: it does the act and everything that follows from it.

The faces (command line, pages, worker, Python) call only these. What follows from a change of the
registry is in `consequences`; nothing there depends on the process that made the change.
"""
