"""Checks of a dataset before anything is trained on it.

`named_dataset` opens a dataset by its name, `inspection` reads every file and returns the report
defined in `report`, with the splits that `split_summary` summarises; `contact_sheet` draws a few
frames. The command `data check` and its tables import these; nothing else in vss does.
"""
