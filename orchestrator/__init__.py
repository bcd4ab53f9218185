"""The service: accepts experiments, runs their trials, tracks them and reports on them.

The only package that knows the other two. Each part imports only from those to its left:

    settings < spec < ledger < tracking < stores < networks < terminal < results < offline
        < execution < cli

`stores` opens the ledger and the tracking store, `execution.driver` runs an experiment.
"""
