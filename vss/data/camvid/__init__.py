"""CamVid, in every layout in circulation.

`dataset` loads it: `layouts` recognises how a folder is laid out and lists its frames, `labels`
knows the 32 official classes. Other packages import only `raw_videos` and `frame_extraction`,
which extract past frames from the official videos.
"""
