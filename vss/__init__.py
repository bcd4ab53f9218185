"""The training core: trains and measures one model for video semantic segmentation.

It knows nothing of who runs it: no Ray, no MLflow, no database. `catalog` lists every name that a
spec may use, `trial_config` holds the settings of one trial, and `errors` the one error for a
user's mistakes; these and the modules next to them load no torch and may be imported anywhere.

Folders import only from folders before them in this order:

    runtime, media < data, models < inference < scoring < training < profiling < trial
"""
