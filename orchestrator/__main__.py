"""The program `vss-orch`: the command line, from before its modules are imported."""

import os
import signal


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, even while modules are imported."""
    try:
        from orchestrator.cli.app import main as run

        run()
    except (Exception, KeyboardInterrupt) as error:
        if not _was_interrupted(error):
            raise
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)  # a shell sees 130


def _was_interrupted(error: BaseException | None) -> bool:
    """Return whether an error is due to Ctrl-C; an import may turn it into an error of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


if __name__ == "__main__":
    main()
