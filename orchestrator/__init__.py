"""The service: it accepts experiments, runs their trials, tracks them and reports on them.

Only this package imports the other two. Each part imports only from those to its left:

    secrecy < host_names < remote_storage < storage < sqlite_address < settings < spec < ledger
        < tracking < stores < networks < upkeep < terminal < results < offline < execution < health
        < study < cli < __main__

`stores` opens the ledger and the tracking store, `execution.driver` runs an experiment, `study`
does both for Python programs.
"""
