"""What differs from machine to machine, such as the place of the data.

Drivers import `experiment_data`, which knows what this machine has; workers import `data_source`,
which looks on theirs.
"""
