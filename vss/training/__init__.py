"""Training a network: the loop, its losses, its schedule, distillation and several GPUs.

Others import `inputs` (what a training is given and what it reports, no torch) and `loop`.
"""
