"""Labelled video: datasets, the past frames that go with a labelled one, batches of clips."""
