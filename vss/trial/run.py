"""The trial runner: one attempt at a trial, the same on a cluster, in-process and offline."""

import torch

from vss.profiling.out_of_memory import explain_out_of_memory
from vss.training.inputs import Callbacks, TrialInputs, TrialResult
from vss.training.loop import train
from vss.training.multi_gpu import Replica, run_replicas


def run_trial(inputs: TrialInputs, callbacks: Callbacks | None = None) -> TrialResult | None:
    """Train and score one trial, or resume it; a finished one is left unchanged.

    Args:
        inputs: the trial and all that it needs; several processes share every batch if its
            `compute` says so.
        callbacks: the functions to call while it runs.

    Returns:
        the result, or None if the trial was stopped, leaving a checkpoint.

    Raises:
        UserError: if the requested GPUs or data are unavailable, or training cannot continue.
        OutOfMemoryError: with advice, instead of the allocator's error.
        StaleAttemptError: if a newer attempt owns the trial directory.
    """
    compute = inputs.compute
    compute.require_available()
    callbacks = callbacks or Callbacks()
    device = torch.device(compute.device_type)
    with explain_out_of_memory(inputs.config, device, inputs.teacher):
        if compute.processes > 1:
            return run_replicas(train, inputs, callbacks)
        return train(inputs, callbacks, Replica(device=device))
