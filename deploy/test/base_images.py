"""The base images under their usual tags: pulled, or stand-ins made from Debian's packages."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

DEBIAN = "debian:12.14-slim"
POSTGRES = "postgres:15.18-bookworm"
_HERE = Path(__file__).parent
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def provide_base_images(folder: Path) -> None:
    """Provide both base images.

    Args:
        folder: a folder for temporary files, on a disk that allows devices and programs.
    """
    if not (_exists(DEBIAN) or _pull(DEBIAN)):
        _make_debian(folder)
    if not (_exists(POSTGRES) or _pull(POSTGRES)):
        _docker("build", "--quiet", "--tag", POSTGRES, str(_HERE / "postgres"))


def _make_debian(folder: Path) -> None:
    """Make a minimal Debian, and let its pip trust the certificates that this machine trusts."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = Path(name)
        root.chmod(0o755)
        subprocess.run(
            ["debootstrap", "--variant=minbase", "bookworm", str(root)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for archive in (root / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()
        shutil.copy(_CERTIFICATES, root / "etc/build-certificates.crt")
        (root / "etc/pip.conf").write_text("[global]\ncert = /etc/build-certificates.crt\n")
        tar = ["tar", "--create", "--numeric-owner", "--directory", str(root), "."]
        with subprocess.Popen(tar, stdout=subprocess.PIPE) as archive_of_root:
            subprocess.run(
                ["docker", "import", "-", DEBIAN],
                stdin=archive_of_root.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
            )


def _exists(image: str) -> bool:
    return (
        subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0
    )


def _pull(image: str) -> bool:
    return subprocess.run(["docker", "pull", "--quiet", image], capture_output=True).returncode == 0


def _docker(*arguments: str) -> None:
    # The classic builder needs no plug-in.
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    subprocess.run(["docker", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
