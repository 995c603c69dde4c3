"""Turns tensors into canonical modules and those into updates (ΔW) in factored form.

`plan.plan` decides from the header alone; `update.read_update` turns the tensors of one module
into its update. Nothing here reads a file.
"""
