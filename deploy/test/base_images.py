"""The base images under their usual tags: pulled, or stand-ins made from Debian's packages."""

import hashlib
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
    """Provide both base images; stand-ins are kept in the user's cache for the next time.

    Args:
        folder: a folder for temporary files, on a disk that allows devices and programs.
    """
    if all(_exists(image) or _pull(image) for image in (DEBIAN, POSTGRES)):
        return
    archive = _archive()
    if archive.exists():
        _docker("load", "--input", str(archive))
        return
    if not _exists(DEBIAN):
        _make_debian(folder)
    if not _exists(POSTGRES):
        _docker("build", "--quiet", "--tag", POSTGRES, str(_HERE / "postgres"))
    archive.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    draft = archive.with_suffix(f".{os.getpid()}")
    _docker("save", "--output", str(draft), DEBIAN, POSTGRES)
    draft.rename(archive)


def _archive() -> Path:
    """Return the file that keeps stand-ins made by this very recipe."""
    files = [Path(__file__), _CERTIFICATES, *sorted((_HERE / "postgres").iterdir())]
    recipe = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "vss-orch" / f"base-images-{recipe[:12]}.tar"


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
    subprocess.run(["docker", *arguments], check=True, stdout=subprocess.DEVNULL)
