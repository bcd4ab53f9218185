"""Print the device and the versions of a run as JSON: `python -m tests.gpu.conditions cuda`."""

import json
import sys

import torch

from vss.runtime.environment import describe_environment


def conditions(device: torch.device) -> dict[str, str]:
    """Return the conditions that are printed next to a table of results."""
    facts = describe_environment(device, torch.get_num_threads())
    conditions_by_name = {
        "device": facts["device"],
        "cuda": f"CUDA {torch.version.cuda}" if device.type == "cuda" else "",
        "torch": f"PyTorch {torch.__version__}",
        "torchvision": f"torchvision {facts['torchvision']}",
        "python": f"Python {facts['python']}",
    }
    commit = str(facts["git_commit"] or "")[:12] + (" with changes" if facts["git_dirty"] else "")
    return {**{key: value for key, value in conditions_by_name.items() if value}, "commit": commit}


if __name__ == "__main__":
    if sys.argv[1] == "cuda" and not torch.cuda.is_available():
        sys.exit(
            "error: PyTorch sees no GPU; run the same parts on a CPU with --device cpu (make gpu "
            "DEVICE=cpu)"
        )
    print(json.dumps(conditions(torch.device(sys.argv[1]))))
