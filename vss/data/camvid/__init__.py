"""CamVid, in every layout in circulation.

`dataset` loads it; `layouts` recognises the layout of a folder and lists its frames, and `labels`
maps the 32 official classes. Other packages import only `raw_videos` and `frame_extraction`, which
extract past frames from the official videos.
"""
