"""Who drives an experiment, and what its driver is asked to stop.

Only the modules of the folder above import these.
"""
