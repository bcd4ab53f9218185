"""Your own data: any video dataset that a YAML file describes.

`description` reads and checks that file without loading anything heavy, so that specs can be
checked; `dataset` lists and reads the frames.
"""
