"""PostgreSQL and MLflow as local processes, as docs/cluster.md starts them by hand."""

import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_USER = "nobody"  # PostgreSQL refuses root
_START_SECONDS = 120.0


@contextmanager
def running_stores(folder: Path, host: str, port: int = 15432) -> Iterator[dict[str, str]]:
    """Run both while the block runs.

    Args:
        folder: a folder for their files; MLflow's port is the next one.
        host: the address that they listen on.

    Yields:
        the variables by which vss-orch finds them.
    """
    folder.mkdir(parents=True)
    shutil.chown(folder, _USER)
    passwords = {}
    for name in ("postgres_password", "mlflow_password", "mlflow_session_key"):
        passwords[name] = folder / name
        passwords[name].touch(0o600)
        passwords[name].write_text(secrets.token_hex(32))
    shutil.chown(passwords["postgres_password"], _USER)
    with _postgres(folder, host, port), _mlflow(folder, host, port):
        yield {
            "VSS_LEDGER_URL": f"postgresql+psycopg://vss@{host}:{port}/ledger",
            "VSS_LEDGER_PASSWORD_FILE": str(passwords["postgres_password"]),
            "MLFLOW_TRACKING_URI": f"http://{host}:{port + 1}",
            "MLFLOW_TRACKING_USERNAME": "vss",
            "MLFLOW_TRACKING_PASSWORD_FILE": str(passwords["mlflow_password"]),
        }


@contextmanager
def _postgres(folder: Path, host: str, port: int) -> Iterator[None]:
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        raise SystemExit("it needs the programs of a PostgreSQL server (Debian: postgresql)")
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, *arguments],
            check=True,
            user=_USER,
            cwd="/",
            env={**os.environ, "PGPASSWORD": (folder / "postgres_password").read_text()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    password = f"--pwfile={folder / 'postgres_password'}"
    locale = ("--encoding=UTF8", "--locale=C.UTF-8")
    run("initdb", "-D", str(data), "-U", "vss", "-A", "scram-sha-256", password, *locale)
    with (data / "pg_hba.conf").open("a") as file:
        file.write("host all all samenet scram-sha-256\n")
    options = f"-p {port} -k {folder} -c listen_addresses={host}"
    run("pg_ctl", "-w", "-D", str(data), "-l", str(folder / "postgres.log"), "-o", options, "start")
    try:
        for database in ("ledger", "mlflow"):
            run("createdb", "-h", host, "-p", str(port), "-U", "vss", database)
        yield
    finally:
        run("pg_ctl", "-w", "-D", str(data), "-m", "fast", "stop")


@contextmanager
def _mlflow(folder: Path, host: str, port: int) -> Iterator[None]:
    database = f"postgresql+psycopg://vss@{host}:{port}/mlflow"
    users = (ROOT / "deploy" / "mlflow_auth.ini").read_text()
    users_file = folder / "mlflow_auth.ini"
    users_file.write_text(users.replace("postgresql+psycopg://vss@postgres/mlflow", database))
    environment = {
        **os.environ,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_AUTH_CONFIG_PATH": str(users_file),
        "PGPASSWORD_FILE": str(folder / "postgres_password"),
        "MLFLOW_AUTH_ADMIN_PASSWORD_FILE": str(folder / "mlflow_password"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY_FILE": str(folder / "mlflow_session_key"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [
        *(str(ROOT / "deploy" / "mlflow-server.sh"), "--app-name=basic-auth", f"--host={host}"),
        *(f"--port={port + 1}", "--workers=1", f"--allowed-hosts={host},{host}:{port + 1}"),
        *("--serve-artifacts", f"--artifacts-destination={folder / 'artifacts'}"),
    ]
    with (folder / "mlflow.log").open("w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_healthy(f"http://{host}:{port + 1}/health", folder / "mlflow.log")
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait_until_healthy(url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"MLflow does not start: {log.read_text()[-2000:]}") from None
            time.sleep(1)
