"""What native code prints stays away from the terminal."""

import subprocess
import sys
from pathlib import Path


def test_native_errors_go_to_the_log_and_those_of_python_to_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "home" / "ray.log"
    code = (
        "import os, sys; from pathlib import Path; "
        "from orchestrator.execution.cluster.quiet import redirect_native_errors; "
        f"redirect_native_errors(Path({str(log)!r})); "
        "os.write(2, b'native\\n'); print('python', file=sys.stderr); raise SystemExit('the end')"
    )

    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert process.stderr == "python\nthe end\n"
    assert log.read_text() == "native\n"
