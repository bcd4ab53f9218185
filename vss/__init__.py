"""The training core: trains and measures one model for video semantic segmentation.

It knows nothing of who runs it: no Ray, no MLflow, no database.
"""
