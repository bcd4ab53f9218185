"""The command line: all commands, its completion in shells, and the handling of user errors."""

import errno
import io
import os
import signal
import sys
from contextlib import redirect_stdout, suppress
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from orchestrator.cli import (
    data,
    experiments,
    names,
    networks,
    plan,
    reports,
    running,
    service,
    upkeep,
)
from orchestrator.cli.options import USER_ERROR
from orchestrator.secrecy.streams import redact_output
from vss.errors import UserError
from vss.untrusted.messages import one_line

_LONGEST_ERROR = 1000  # characters
# What the system says of a path of the user's that nobody has checked before.
_REFUSED_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR)

app = typer.Typer(
    help="Ablation experiments for video semantic segmentation: a YAML file in, a report out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for group in (plan, experiments, running, reports, names, networks, service, upkeep):
    app.add_typer(group.app)
app.add_typer(data.app, name="data")


def _print_version(is_requested: bool) -> None:
    if is_requested:
        from importlib.metadata import version

        typer.echo(f"vss-orch {version('vss-orch')}")
        raise typer.Exit


@app.callback()
def _handle_global_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show what Ray and MLflow print (or: VSS_VERBOSE=1).")
    ] = False,
) -> None:
    if verbose:
        os.environ["VSS_VERBOSE"] = "1"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; print a user error on one line and exit with code 2.

    Args:
        arguments: the words after `vss-orch`; None for those of this process, which ends then.
    """
    redact_output()
    try:
        if os.environ.get("_VSS_ORCH_COMPLETE") == "complete_bash":
            _complete_in_bash()
        words = sys.argv[1:] if arguments is None else arguments
        # The words as typed are for hints on how to go on.
        sys.exit(app(words, prog_name="vss-orch", obj=words, standalone_mode=False) or 0)
    except TyperException as error:
        _refuse_command_line(error)
    except typer.Abort:
        print("Aborted.", file=sys.stderr)  # the answer to a question was no
        sys.exit(1)
    except UserError as error:
        _refuse(str(error))
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        _refuse(f"'{error.object}' is not UTF-8: type the name, or rename the file")
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            _refuse(f"no file can have this name: {error.filename or error.strerror}")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            name = f" {error.filename}" if error.filename else ""  # none of an open file
            _refuse(f"cannot write{name}: {error.strerror}; free some space and try again")
        if error.errno in _REFUSED_ACCESS and error.filename is not None:
            name = error.filename2 if error.filename2 is not None else error.filename
            _refuse(f"no access to {name}: {error.strerror}; name another path, or fix this one")
        raise
    finally:
        if arguments is None:
            _end_at_once_if_interrupted()


def _end_at_once_if_interrupted() -> None:
    """Make Ctrl-C end a process that has done its work: Python would show where it waits.

    The system does it, and a shell sees 130. A handler in Python never runs if the signal comes
    just before the main thread starts to wait for others.
    """
    if sys.stdout is not None:  # the user has closed it
        with suppress(OSError):  # Python flushes once more, and says so
            sys.stdout.flush()
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _refuse(message: str) -> NoReturn:
    if sys.stderr is not None:  # the user has closed it, and print would take stdout
        print(f"error: {one_line(message, _LONGEST_ERROR)}", file=sys.stderr)
    sys.exit(USER_ERROR)


def _refuse_command_line(error: TyperException) -> NoReturn:
    """Say what is wrong with the words of a command line, and where its help is."""
    context = getattr(error, "ctx", None)
    message = error.format_message().rstrip(".")
    if not message:  # a group of commands without a command has printed its help
        sys.exit(USER_ERROR)
    if context is not None and getattr(error, "option_name", None) == "--verbose":
        command = context.command_path.removeprefix("vss-orch ")
        _refuse(f"--verbose goes before the command: vss-orch --verbose {command}")
    place = f" (see {context.command_path} --help)" if context is not None else ""
    _refuse(f"{message[0].lower()}{message[1:]}{place}")


def _complete_in_bash() -> None:
    """Print the completions of a command line, one per line, and exit."""
    from orchestrator.terminal.completion import format_for_bash, rejoin_bash_words

    variables, start = rejoin_bash_words(os.environ)
    os.environ.update(variables)
    output = io.StringIO()
    try:
        with redirect_stdout(output):
            app(prog_name="vss-orch")
    finally:
        for line in output.getvalue().splitlines():
            print(format_for_bash(line, start))


if __name__ == "__main__":
    main()
