"""A Slurm of two nodes on one machine: each node has its own network, processes and /tmp."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.test.packages import install
from deploy.test.stack import ROOT

HOST = "10.78.0.254"  # this machine, as the nodes see it
NODES = {"n1": "10.78.0.1", "n2": "10.78.0.2"}
_BRIDGE = "vss-slurm"
_START_SECONDS = 300  # only against hanging
_CONFIGURATION = """\
ClusterName=vss
SlurmctldHost={host}({address})
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
SchedulerParameters=sched_interval=5,bf_interval=5
KillWait=15
MpiDefault=none
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def running_slurm(folder: Path) -> Iterator[None]:
    """Run a controller and two nodes while the block runs; SLURM_CONF then names them."""
    install("slurm")
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        stack.enter_context(_bridge())
        for name, address in NODES.items():
            stack.enter_context(_network_namespace(name, address))
        _write_configuration(folder)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        stack.enter_context(_munge(folder))
        stack.enter_context(_process(["slurmctld", "-D"], folder / "slurmctld.out"))
        for name in NODES:
            command, log = _node_command(name, folder), folder / f"{name}.out"
            stack.enter_context(_process(command, log, end=signal.SIGKILL))
        _wait_until_idle()
        yield


@contextmanager
def _bridge() -> Iterator[None]:
    """Join the networks of the nodes and of this machine."""
    # A Docker Engine on this machine makes it drop what it forwards.
    accept = ["FORWARD", "--in-interface", _BRIDGE, "--jump", "ACCEPT"]
    _ip(f"link add {_BRIDGE} type bridge")
    subprocess.run(["iptables", "--insert", *accept], check=True)
    try:
        _ip(f"addr add {HOST}/24 dev {_BRIDGE}")
        _ip(f"link set {_BRIDGE} up")
        yield
    finally:
        subprocess.run(["iptables", "--delete", *accept], check=True)
        _ip(f"link delete {_BRIDGE}")


@contextmanager
def _network_namespace(name: str, address: str) -> Iterator[None]:
    """Give a node a network that reaches this machine and the other node."""
    namespace, outside = f"vss-{name}", f"vss-veth-{name}"
    _ip(f"netns add {namespace}")
    try:
        _ip(f"link add {outside} type veth peer name eth0 netns {namespace}")
        _ip(f"link set {outside} master {_BRIDGE} up")
        _ip(f"-n {namespace} addr add {address}/24 dev eth0")
        _ip(f"-n {namespace} link set eth0 up")
        _ip(f"-n {namespace} link set lo up")
        _ip(f"-n {namespace} route add default via {HOST}")
        yield
    finally:
        _ip(f"netns delete {namespace}")


def _write_configuration(folder: Path) -> None:
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={name} NodeAddr={address} CPUs=2 State=UNKNOWN"
        for name, address in NODES.items()
    )
    host = os.uname().nodename
    (folder / "state").mkdir()
    (folder / "slurm.conf").write_text(
        _CONFIGURATION.format(host=host, address=HOST, folder=folder, nodes=nodes)
    )
    lines = [f"{address} {name}" for name, address in {**NODES, host: HOST}.items()]
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "\n".join(lines) + "\n")


@contextmanager
def _munge(folder: Path) -> Iterator[None]:
    """Run the service by which Slurm's programs trust each other."""
    private = folder / "munge"
    private.mkdir(mode=0o700)
    (private / "key").write_bytes(os.urandom(128))
    (private / "key").chmod(0o600)
    command = [
        *("munged", "--foreground", "--force", "--socket", str(folder / "munge.socket")),
        *("--key-file", str(private / "key"), "--log-file", str(private / "log")),
        *("--pid-file", str(private / "pid"), "--seed-file", str(private / "seed")),
    ]
    with _process(command, folder / "munged.out"):
        deadline = time.monotonic() + _START_SECONDS
        while not (folder / "munge.socket").exists():
            if time.monotonic() > deadline:
                raise SystemExit(f"munged does not start: {(private / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        yield


def _node_command(name: str, folder: Path) -> list[str]:
    """Return the command of a node's daemon, in namespaces of its own."""
    private = folder / f"tmp-{name}"
    private.mkdir()
    private.chmod(0o1777)
    (folder / f"spool-{name}").mkdir()
    steps = (
        f"hostname {name}",
        f"mount --bind {folder}/hosts /etc/hosts",
        *_share_checkout(private),
        f"mount --rbind {private} /tmp",
        "mount -t tmpfs shm /dev/shm",
        # The shell stays, to reap what Ray leaves: slurmd would not.
        f"{{ slurmd -D -N {name} & wait; }}",
    )
    return [
        # Not `ip netns exec`, which hides the control groups that slurmd looks for.
        *("nsenter", f"--net=/run/netns/vss-{name}", "unshare", "--mount", "--uts"),
        *("--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", " && ".join(steps)),
    ]


def _share_checkout(private: Path) -> Iterator[str]:
    """Keep the checkout and its environment visible, which may be in the /tmp of this machine."""
    environment = (ROOT / ".venv").resolve()
    for shared in (ROOT,) if environment.is_relative_to(ROOT) else (ROOT, environment):
        if shared.is_relative_to("/tmp"):
            place = private / shared.relative_to("/tmp")
            place.mkdir(parents=True)
            yield f"mount --bind {shared} {place}"


@contextmanager
def _process(command: list[str], log: Path, end: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_idle() -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        command = ["sinfo", "--noheader", "--format=%t %D"]
        states = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        if states == f"idle {len(NODES)}":
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"Slurm's nodes do not come up: {states}")
        time.sleep(1)


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)
