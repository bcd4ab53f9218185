"""Your own data: any video dataset that a YAML file describes.

`description` reads and checks that file, and loads nothing heavy, as specs are checked with it;
`dataset` lists and reads the frames.
"""
