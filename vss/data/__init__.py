"""Labelled video: datasets, the past frames that go with a labelled one, batches of clips.

`dataset` declares what every dataset provides and loads one by its name in the catalog. `clips`
pairs labelled frames with their memory, `cache` decodes frames once for all trials of a machine,
`tensors` turns clips into tensors, and `batches` draws and augments the clips of a training run.
Other packages import these five; each dataset has a module or a folder of its own, reached through
`dataset`. `check` and `camvid.frame_extraction` serve the commands that check or prepare data.
"""
