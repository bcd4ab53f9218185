"""Checks of a dataset before anything is trained on it.

`named_dataset` opens a dataset by its name, `inspection` reads every file and returns the report
declared in `report`, whose splits `split_summary` counts; `contact_sheet` draws a few frames. The
commands `data check` and its tables import these; nothing else in vss does.
"""
