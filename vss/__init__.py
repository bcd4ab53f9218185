"""The training core: trains and measures one network for video semantic segmentation.

It does not know what runs it: no Ray, no MLflow, no database. `catalog` lists every name that a
spec may use, `trial_config` defines the settings of one trial, and `errors` the one error for a
user's mistakes. These and the modules next to them load no torch and may be imported anywhere.

Folders import only from folders to their left in this order:

    runtime, media < data, models < inference < scoring < training < profiling < trial
"""
