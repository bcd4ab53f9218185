"""Who drives an experiment, and what its driver is asked to stop.

Others import `entries`; the other modules are for the folder above.
"""
