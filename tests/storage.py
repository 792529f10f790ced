"""A real S3 server and a real web server for tests, and a proxy that makes answers fail."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

BUCKET = "recordings"
MANY = "archive"  # another bucket, with 10,000 objects of a byte
SERVER = f"""
import sys
from moto.s3.models import s3_backends
from moto.server import main

store = s3_backends["123456789012"]["aws"]
store.create_bucket("{MANY}", "us-east-1")
for k in range(10_000):
    store.put_object("{MANY}", f"{{k // 100:03}}/{{k:05}}.wav", b"-")
main(sys.argv[1:])
"""


@contextmanager
def s3_server():
    """Moto's S3 server in a process of its own; its address."""
    pytest.importorskip("moto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", SERVER, "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/moto-api/").close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        server.kill()
        server.wait()


def credentials(address):
    """Environment variables by which S3's clients find a server. Nobody but them is told the key."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "AKIASERBATCHTEST",
        "AWS_SECRET_ACCESS_KEY": "not-to-be-told",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",  # what is tried again, is by us
    }


def upload(client, folder, prefix):
    """Put the files of a folder into the bucket."""
    for path in folder.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), BUCKET, f"{prefix}/{path.relative_to(folder)}")


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a server, and does to the nth answer for a path's end what `faults` says of it.

    Faults: a status to answer with; `cut`: half of the body, then no connection; `slow`: the body in small pieces;
    `stall`: nothing for a minute; `other`: a byte is another one. `seen` lists the methods and paths of all requests.
    """

    daemon_threads = True

    def __init__(self, address):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = address.removeprefix("http://")
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.faults = {}
        self.seen = []
        self.ended = threading.Event()

    def fault(self, method, path):
        """The next fault for a request."""
        self.seen.append((method, path))
        for (wanted, end), faults in self.faults.items():
            if method == wanted and path.partition("?")[0].endswith(end) and faults:
                return faults.pop(0)
        return None

    @contextmanager
    def running(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            self.ended.set()
            self.shutdown()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        fault = self.server.fault(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault == "stall":
            self.server.ended.wait(60)
        if isinstance(fault, int):
            self.send_response(fault)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "date", "server", "content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if fault == "cut":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif fault == "other":
            middle = len(content) // 2
            self.wfile.write(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        elif fault == "slow":
            for start in range(0, len(content), 1 + len(content) // 20):
                self.wfile.write(content[start : start + 1 + len(content) // 20])
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def web_server(folder):
    """Python's own web server on a folder, which knows no ranges; its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=os.fspath(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
