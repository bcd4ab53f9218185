"""Pictures of a run by step, in the files that MLflow's own `log_image` writes.

Its pages find them by name: key, step and time, joined by "+", once as PNG and once smaller. Unlike
`log_image`, a repeated write replaces the same files.
"""

import io
import re
import tempfile
import uuid
from pathlib import Path

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_IMAGES
from PIL import Image as PillowImage

from vss.training.inputs import Picture

_FOLDER = "images"
_WEBP_QUALITY = 85
_SMALL = "+compressed.webp"  # written last: where it is, the PNG is too


def make_picture_key(frame: str) -> str:
    """Return the name under which MLflow shows the pictures of a frame."""
    # What follows a slash would be a section of its own in the UI.
    return f"val prediction/{re.sub(r'[^a-zA-Z0-9_. -]', '-', frame)}"


def log_picture(client: MlflowClient, run_id: str, picture: Picture, milliseconds: int) -> None:
    """Write a picture to a run.

    Args:
        client: the connection to the store.
        run_id: the run.
        picture: the picture.
        milliseconds: its time since 1970.
    """
    key = make_picture_key(picture.frame)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{run_id}/{key}/{picture.step}")
    name = f"{key.replace('/', '~')}+step+{picture.step}+timestamp+{milliseconds}+{identity}"
    contents = {f"{name}.png": picture.png, f"{name}{_SMALL}": _shrink(picture.png)}
    with tempfile.TemporaryDirectory() as folder:
        for file_name, content in contents.items():
            file = Path(folder, file_name)
            file.write_bytes(content)
            client.log_artifact(run_id, str(file), _FOLDER)
    client.set_tag(run_id, MLFLOW_LOGGED_IMAGES, "True")


def list_pictures(client: MlflowClient, run_id: str) -> set[tuple[str, int]]:
    """Return key and step of the pictures that a run has."""
    names = (Path(file.path).name for file in client.list_artifacts(run_id, _FOLDER))
    parts = (name.split("+") for name in names if name.endswith(_SMALL))
    return {(key.replace("~", "/"), int(step)) for key, _, step, *_ in parts}


def _shrink(png: bytes) -> bytes:
    buffer = io.BytesIO()
    PillowImage.open(io.BytesIO(png)).save(buffer, format="webp", quality=_WEBP_QUALITY)
    return buffer.getvalue()
