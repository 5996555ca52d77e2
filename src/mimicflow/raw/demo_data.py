"""Download the four open PhysioNet demos, resumable and checked against their checksums.

``python -m mimicflow.raw.demo_data FOLDER`` fetches everything that each release's
``SHA256SUMS.txt`` lists into ``FOLDER/<project>/<version>``. A file that is there and matches is
not fetched again; a download that was cut off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from tqdm import tqdm

from mimicflow.errors import InputError, MimicflowError
from mimicflow.running.storage import make_folder
from mimicflow.running.writing import sha256

BASE_URL = "https://physionet.org/files"
RELEASES = (
    "mimic-iv-demo/2.2",
    "mimic-iv-ed-demo/2.2",
    "mimic-iv-ecg-demo/0.1",
    "mimic4wdb/0.1.0",
)
"""Project and version of the open demos: hospital and ICU, ED, 12-lead ECG, bedside waveforms."""

_CHECKSUMS = "SHA256SUMS.txt"
_CHUNK_BYTES = 1 << 18
_MAX_BYTES = 4_000_000_000
"""Of one file: several times the largest of the demos. A server cannot fill the disk."""
_TIMEOUT_SECONDS = 60


def download_demos(
    folder: str | Path,
    base_url: str = BASE_URL,
    releases: Sequence[str] = RELEASES,
    attempts: int = 5,
    backoff_seconds: float = 2.0,
) -> list[Path]:
    """Download releases file by file; each appears under its name only when its checksum is right.

    Parameters
    ----------
    folder : path-like
        Receives ``<project>/<version>/...``.
    base_url : str
        Where ``<project>/<version>/SHA256SUMS.txt`` lies.
    releases : sequence of str
        ``<project>/<version>``.
    attempts : int
        Per file, before giving up.
    backoff_seconds : float
        Pause after the first failure, doubled after each further one.

    Returns
    -------
    list of Path
        All files, present or new.

    Raises
    ------
    InputError
        A file that is missing on the server, stays unreachable, has the wrong checksum, is far too
        large, or would lie outside the folder; a list without files.
    """
    files = []
    for release in releases:
        root = Path(folder) / release
        url = f"{base_url.rstrip('/')}/{release}"
        partial = root / f"{_CHECKSUMS}.partial"
        partial.unlink(missing_ok=True)  # the list itself has no checksum: never resumed
        _fetch(f"{url}/{_CHECKSUMS}", partial, attempts, backoff_seconds)
        listed = list(_read_checksums(partial, root))
        if not listed:
            raise InputError(
                f"the list at {url}/{_CHECKSUMS} names no file",
                file=partial,
                remedy="try again later; if it stays so, check the address",
            )
        for name, digest in tqdm(listed, desc=release, unit="file", disable=None):
            source = f"{url}/{quote(name)}"
            files.append(_download(source, root / name, digest, attempts, backoff_seconds))
        files.append(partial.replace(root / _CHECKSUMS))
    return files


def _read_checksums(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and SHA-256 of each listed file; refuse names that lead out of ``root``."""
    for row, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        digest, _, name = line.strip().partition(" ")
        name = name.strip().lstrip("*").removeprefix("./")
        parts = PurePosixPath(name).parts
        outside = not (root / name).resolve().is_relative_to(root.resolve())
        if len(digest) != 64 or not parts or ".." in parts or "\\" in name or outside:
            raise InputError(
                f"not a line of checksum and file name inside the release: {line!r}",
                file=path,
                row=row,
                remedy="do not use this source; check the address",
            )
        yield name, digest.lower()


def _download(url: str, path: Path, digest: str, attempts: int, backoff_seconds: float) -> Path:
    if path.is_file() and sha256(path) == digest:
        return path
    partial = path.with_name(f"{path.name}.partial")
    if (
        not partial.is_symlink() and partial.is_file() and sha256(partial) == digest
    ):  # stopped just before the renaming
        return partial.replace(path)
    for fresh in (False, True):
        # A wrong checksum after resuming may come from the old part: once more from the start.
        resumed = partial.exists() and not partial.is_symlink()
        _fetch(url, partial, attempts, backoff_seconds)
        if sha256(partial) == digest:
            return partial.replace(path)
        partial.unlink()
        if fresh or not resumed:
            break
    raise InputError(
        f"the file at {url} does not have the checksum that {_CHECKSUMS} gives it",
        file=path,
        remedy="try again later; if it stays so, tell PhysioNet",
    )


def _fetch(url: str, partial: Path, attempts: int, backoff_seconds: float) -> None:
    """Download into ``partial``, going on where it ends; try again after failures that may pass."""
    make_folder(partial.parent)
    if partial.is_symlink():  # not ours: what it leads to is not written
        partial.unlink()
    for attempt in range(1, attempts + 1):
        try:
            _transfer(url, partial)
            return
        except (OSError, HTTPException) as error:
            status = error.code if isinstance(error, urllib.error.HTTPError) else None
            if status is not None and status < 500 and status not in (408, 416, 429):
                raise InputError(
                    f"the server has no such file (HTTP {status}: {url})",
                    file=partial.with_suffix(""),
                    remedy="check the address; the release may have moved",
                ) from error
            if status == 416:
                partial.unlink(missing_ok=True)  # our part is longer than the file
            if attempt == attempts:
                raise InputError(
                    f"{url} could not be downloaded ({error})",
                    file=partial.with_suffix(""),
                    remedy="check the connection and start again: finished parts are kept",
                ) from error
            time.sleep(backoff_seconds * 2 ** (attempt - 1))


def _transfer(url: str, partial: Path) -> None:
    """Append what is missing of one file; raise ``OSError`` when the connection ends too early."""
    start = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
        resumed = response.status == 206  # else the server sends the whole file again
        expected = response.headers.get("Content-Length")
        room = _MAX_BYTES - (start if resumed else 0)
        if expected is not None and int(expected) > room:
            raise _too_large(url, partial)
        with (
            open(partial, "ab" if resumed else "wb", opener=_open_no_link) as stream,
            tqdm(
                total=None if expected is None else int(expected),
                desc=partial.stem,
                unit="B",
                unit_scale=True,
                leave=False,
                disable=None,
            ) as progress,
        ):
            received = 0
            while chunk := response.read(_CHUNK_BYTES):
                received += len(chunk)
                if received > room:
                    raise _too_large(url, partial)
                stream.write(chunk)
                progress.update(len(chunk))
    if expected is not None and received < int(expected):
        raise ConnectionError(f"the connection ended after {received} of {expected} bytes")


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _too_large(url: str, partial: Path) -> InputError:
    partial.unlink(missing_ok=True)
    return InputError(
        f"{url} is larger than {_MAX_BYTES / 1e9:g} GB, and no file of the demos is",
        file=partial.with_suffix(""),
        remedy="do not use this source; check the address",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Download the four open PhysioNet demos.")
    parser.add_argument("folder", type=Path, help="where to put them")
    parser.add_argument("--base-url", default=BASE_URL, help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        files = download_demos(options.folder, options.base_url)
    except MimicflowError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(files)} files in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
