"""The downloader against a server that cuts connections, lies and forgets files."""

import hashlib
import http.server
import threading
from collections import Counter

import pytest

from mimicflow.errors import InputError
from mimicflow.raw import demo_data
from mimicflow.raw.demo_data import download_demos, main

RELEASE = "mimic-iv-demo/2.2"
FILES = {
    "hosp/patients.csv.gz": bytes(range(256)) * 4000,
    "a name.txt": b"with a blank",
    "README.txt": b"read me",
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files`` with Range; ``server.cuts`` says how often to hang up halfway."""

    def do_GET(self):
        server, path = self.server, self.path.replace("%20", " ")
        server.requests.append((path, self.headers.get("Range")))
        if server.busy[path] > 0:
            server.busy[path] -= 1
            return self.send_error(503)
        if path not in server.files:
            return self.send_error(404)
        content, start = server.files[path], 0
        if self.headers.get("Range") and server.ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.send_error(416)
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts[path] > 0:
            server.cuts[path] -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests, server.ranges = {}, [], True
    server.cuts, server.busy = Counter(), Counter()
    server.url = f"http://127.0.0.1:{server.server_port}"
    publish(server, RELEASE, FILES)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def publish(server, release, files, sums=None):
    if sums is None:
        sums = "".join(f"{hashlib.sha256(data).hexdigest()} {n}\n" for n, data in files.items())
    server.files |= {f"/{release}/{name}": data for name, data in files.items()}
    server.files[f"/{release}/SHA256SUMS.txt"] = sums.encode()


def download(server, folder, **options):
    return download_demos(folder, server.url, [RELEASE], backoff_seconds=0.001, **options)


def test_all_files_arrive(server, tmp_path):
    files = download(server, tmp_path)
    assert len(files) == 4
    for name, content in FILES.items():
        assert (tmp_path / RELEASE / name).read_bytes() == content
    assert (tmp_path / RELEASE / "SHA256SUMS.txt").exists()
    assert not list(tmp_path.rglob("*.partial"))


def test_files_that_are_there_are_not_fetched_again(server, tmp_path):
    download(server, tmp_path)
    server.requests.clear()
    download(server, tmp_path)
    assert server.requests == [(f"/{RELEASE}/SHA256SUMS.txt", None)]
    (tmp_path / RELEASE / "README.txt").write_bytes(b"changed")
    download(server, tmp_path)
    assert (tmp_path / RELEASE / "README.txt").read_bytes() == b"read me"


def test_cut_connection_is_resumed_where_it_ended(server, tmp_path):
    path = f"/{RELEASE}/hosp/patients.csv.gz"
    server.cuts[path] = 2
    download(server, tmp_path)
    assert (tmp_path / RELEASE / "hosp/patients.csv.gz").read_bytes() == FILES[path[19:]]
    ranges = [wanted for name, wanted in server.requests if name == path]
    assert ranges == [None, "bytes=512000-", "bytes=768000-"]


def test_download_that_was_given_up_is_resumed_in_the_next_run(server, tmp_path):
    path = f"/{RELEASE}/hosp/patients.csv.gz"
    server.cuts[path] = 1
    with pytest.raises(InputError, match="could not be downloaded") as error:
        download(server, tmp_path, attempts=1)
    assert "finished parts are kept" in str(error.value)
    assert not (tmp_path / RELEASE / "hosp/patients.csv.gz").exists()
    server.requests.clear()
    download(server, tmp_path)
    assert (path, "bytes=512000-") in server.requests


def test_server_without_ranges_sends_the_whole_file(server, tmp_path):
    server.ranges = False
    server.cuts[f"/{RELEASE}/hosp/patients.csv.gz"] = 1
    download(server, tmp_path)
    content = (tmp_path / RELEASE / "hosp/patients.csv.gz").read_bytes()
    assert content == FILES["hosp/patients.csv.gz"]


@pytest.mark.parametrize("old", [b"wrong beginning", b"longer than the file itself", b"read me"])
def test_foreign_part_is_replaced(server, tmp_path, old):
    partial = tmp_path / RELEASE / "README.txt.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(old[:4] if old == b"wrong beginning" else old)
    download(server, tmp_path)
    assert (tmp_path / RELEASE / "README.txt").read_bytes() == b"read me"


def test_busy_server_is_asked_again(server, tmp_path):
    server.busy[f"/{RELEASE}/README.txt"] = 3
    download(server, tmp_path)
    assert (tmp_path / RELEASE / "README.txt").exists()


def test_wrong_checksum(server, tmp_path):
    server.files[f"/{RELEASE}/README.txt"] = b"something else"
    with pytest.raises(InputError, match="does not have the checksum") as error:
        download(server, tmp_path)
    assert f"{server.url}/{RELEASE}/README.txt" in str(error.value)
    assert not list((tmp_path / RELEASE).glob("README*"))
    assert not (tmp_path / RELEASE / "SHA256SUMS.txt").exists()


def test_missing_file_is_not_tried_again(server, tmp_path):
    path = f"/{RELEASE}/README.txt"
    del server.files[path]
    with pytest.raises(InputError, match="HTTP 404"):
        download(server, tmp_path)
    assert [name for name, _ in server.requests].count(path) == 1


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/passwd", "a/../../b", "..\\outside", ""])
def test_names_outside_the_release_are_refused(server, tmp_path, name):
    publish(server, RELEASE, FILES, sums=f"{'0' * 64} {name}\n")
    with pytest.raises(InputError, match=r"line 1: not a line of checksum and file name"):
        download(server, tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [
        "SHA256SUMS.txt.partial"
    ]


def test_page_instead_of_checksums_is_refused(server, tmp_path):
    publish(server, RELEASE, {}, sums="<html>log in</html>")
    with pytest.raises(InputError, match="not a line of checksum"):
        download(server, tmp_path)


def test_unreachable_server(tmp_path):
    with pytest.raises(InputError, match="could not be downloaded"):
        download_demos(tmp_path, "http://127.0.0.1:9", [RELEASE], attempts=2, backoff_seconds=0.001)


def test_command_line_fetches_the_four_demos(server, tmp_path, capsys):
    for release in demo_data.RELEASES:
        publish(server, release, {"file.txt": release.encode()})
    assert main([str(tmp_path), "--base-url", server.url + "/"]) == 0
    assert capsys.readouterr().out == f"8 files in {tmp_path}\n"
    assert (tmp_path / "mimic4wdb/0.1.0/file.txt").read_text() == "mimic4wdb/0.1.0"
    del server.files["/mimic4wdb/0.1.0/SHA256SUMS.txt"]
    assert main([str(tmp_path), "--base-url", server.url]) == 1
    assert "HTTP 404" in capsys.readouterr().err


@pytest.mark.parametrize("sums", ["", "\n\n"])
def test_a_list_without_files_is_an_error(server, tmp_path, sums):
    publish(server, RELEASE, {}, sums)

    with pytest.raises(InputError, match="names no file"):
        download(server, tmp_path)
    assert not (tmp_path / RELEASE / "SHA256SUMS.txt").exists()


def test_a_file_that_is_far_too_large_is_not_kept(server, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_data, "_MAX_BYTES", 1000)

    with pytest.raises(InputError, match="larger than"):
        download(server, tmp_path)
    assert not list((tmp_path / RELEASE / "hosp").iterdir())


@pytest.mark.parametrize("name", ["SHA256SUMS.txt", "README.txt"])
def test_a_planted_link_is_not_followed(server, tmp_path, name):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / RELEASE).mkdir(parents=True)
    (tmp_path / RELEASE / f"{name}.partial").symlink_to(mine)

    download(server, tmp_path)

    assert mine.read_text() == "mine"
    assert not (tmp_path / RELEASE / name).is_symlink()
