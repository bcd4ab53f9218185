"""A server on loopback that stands in for S3."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import free_port


@contextmanager
def serve_s3() -> Iterator[str]:
    """Start a server with one bucket, point this process and its children to it, and yield the
    bucket's address."""
    port = free_port()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for every request
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.get_filesystem_class("s3").clear_instance_cache()  # of an earlier server
        fsspec.filesystem("s3").mkdir(f"bucket-{port}")
        yield f"s3://bucket-{port}"
    server.stop()
