"""The trials of a driver: which one starts next, as which job, and what becomes of it.

`trial_queue` hands out jobs, which `job_factory` makes; `recorder` writes what happens to them into
the ledger; `retries` decides which ones run again. The driver uses them all.
"""
