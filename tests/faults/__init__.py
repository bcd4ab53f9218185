"""Faults: simulated ones by the thousand, planted bugs that must be noticed, and short real ones.

`world` is simulated time, machines and processes; `ledger_machine` drives the ledger through it
against a model, `schedule` a whole driver. `planted_bugs` breaks the code on purpose. `real` kills
real processes.
"""
