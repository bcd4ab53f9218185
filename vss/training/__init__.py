"""Training a network: the loop, its losses, its schedule, distillation and several GPUs.

Other packages import `inputs` (the inputs and reports of a training run, no torch) and `loop`.
"""
