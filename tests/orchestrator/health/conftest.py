"""A server that answers as a test tells it to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

Pages = Mapping[str, tuple[int, str]]
Serve = Callable[..., str]


@contextmanager
def serve_pages(pages: Pages, token: str) -> Iterator[str]:
    """Serve pages by path, or status 401 without the token, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = pages.get(self.path.partition("?")[0], (404, "no such page"))
            if token and self.headers.get("Authorization") != token:
                status, text = 401, "no token"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that serves pages until the test ends, and returns the address."""
    with ExitStack() as stack:
        yield lambda pages, token="": stack.enter_context(serve_pages(pages, token))
