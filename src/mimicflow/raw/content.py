"""Hash raw files by SHA-256, and remember the hashes with size and time of the files.

Raw files rerun by content: another content is seen whatever its time, a touched file is not. To
hash gigabytes at every start would take minutes, so a file is hashed again only when its size or
time has changed since it was hashed last; what comes out then decides.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from pathlib import Path
from typing import Any

from mimicflow.errors import MimicflowError
from mimicflow.running.storage import storage_explained
from mimicflow.running.writing import sha256, write_json

MEMORY = Path("results/.raw_content.json")
"""File path -> size in bytes, time in ns, SHA-256 in hex."""

_LOGGED_BYTES = 500_000_000  # takes a second or more
_turn = threading.Lock()  # Snakemake plans in one thread and starts jobs in others


def raw_sha256(file: str | Path, memory: Path = MEMORY) -> str:
    """Return the SHA-256 of a raw file, hashed only when its size or time is not the known one.

    Parameters
    ----------
    file : path-like
        Raw file.
    memory : Path
        JSON file of what is known; one that is missing or damaged knows nothing, and one that
        cannot be written is left as it is.

    Raises
    ------
    StorageError
        When the file cannot be read.
    """
    with _turn, storage_explained(file):
        status = Path(file).stat()
        known = _known(memory)
        entry = known.get(str(file))
        now = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        if isinstance(entry, dict) and now.items() <= entry.items() and "sha256" in entry:
            return str(entry["sha256"])
        if status.st_size >= _LOGGED_BYTES:
            print(f"Reading {file} once ({status.st_size / 1e9:.1f} GB) ...", file=sys.stderr)
        digest = sha256(file)
    # Looking is allowed where nothing can be written.
    with _turn, contextlib.suppress(MimicflowError, OSError):
        write_json({**_known(memory), str(file): {**now, "sha256": digest}}, memory)
    return digest


def _known(memory: Path) -> dict[str, Any]:
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
