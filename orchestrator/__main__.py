"""The program `vss-orch`: the command line, from before its modules are imported."""

import os
import signal


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, even while modules are imported.

    An import that it interrupts may end in another error, so what counts is that it was pressed.
    """
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background
        signal.signal(signal.SIGINT, interrupt)
    try:
        from orchestrator.cli.app import main as run

        run()
    except (Exception, KeyboardInterrupt):
        if not interrupted:
            raise
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)  # a shell sees 130


if __name__ == "__main__":
    main()
