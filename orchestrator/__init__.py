"""The service: it accepts experiments, runs their trials, tracks them and reports on them.

Only this package imports the other two. Each part imports only from those to its left:

    settings < spec < ledger < tracking < stores < networks < terminal < results < offline
        < execution < study < cli

`stores` opens the ledger and the tracking store, `execution.driver` runs an experiment, `study`
does both for Python programs.
"""
