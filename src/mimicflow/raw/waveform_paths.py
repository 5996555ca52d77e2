"""Keep the paths of records inside the folder that the configuration names.

The owner of the data decides where the folder lies: it may be a link, and so may the folders
right below it and those below these (``files``, ``files/p1000``; ``waves/p100``), for instance on
another disk. Below them, where the records of patients come out of archives, no link and no name
in a table or header leads anywhere else.
"""

from __future__ import annotations

import os
from pathlib import Path

from mimicflow.errors import RecordError

LINKED_LEVELS = 2
"""So many folders below the one of the configuration may be links that leave it."""


def real_path(place: str | Path) -> Path:
    """Return what a path leads to; links that lead to each other end where they begin.

    ``Path.resolve`` raises RuntimeError at those; whoever opens them gets an OSError.
    """
    return Path(os.path.realpath(place))


def path_inside(
    root: Path,
    folder: Path,
    name: str,
    *,
    same_folder: bool = False,
    reason: str = "outside_folder",
    file: Path | None = None,
) -> Path:
    """Return ``name`` in ``folder``, when what it leads to lies inside ``root``.

    Parameters
    ----------
    root : Path
        The folder that the configuration names, by `real_path`.
    folder : Path
        Where the name counts from: ``root``, or what this function returned.
    name : str
        A relative path, from a table or from a header.
    same_folder : bool
        Whether the name must be that of a file, without any folder.
    reason : str
        Of the error.
    file : Path, optional
        Where the name stands, for the message about one that could never be inside.

    Returns
    -------
    Path
        As named, not resolved: so that names in it count from the same place.

    Raises
    ------
    RecordError
        The name is none, or leads outside; of a link the error's file is the place itself.
    """
    path = Path(name)
    # wfdb opens files through fsspec, to which "::" and "://" mean other places than the disk.
    named = bool(name.strip()) and not any(part in name for part in ("\0", "::", "://"))
    named = named and not path.is_absolute() and ".." not in path.parts
    named = named and (not same_folder or len(path.parts) == 1)
    place = folder / path
    # The folder of a header that was opened has been looked at with it.
    safe = named and (same_folder or _leads_inside(root, place.parent))
    if not safe or (place.is_symlink() and not _leads_inside(root, place)):
        raise RecordError(
            f"path {name!r} leads outside the folder that the configuration names",
            reason=reason,
            file=place if named else file or root,
        )
    return place


def leads_outside(folder: str | Path, file: Path) -> bool:
    """Return whether a file is not to be opened, since it, or a link on its way, leaves the folder.

    Parameters
    ----------
    folder : path-like
        The folder that the configuration names.
    file : Path
        Absolute, without NUL.
    """
    root = real_path(folder)
    for base in (root, Path(folder).absolute()):
        if file.is_relative_to(base):
            return not _leads_inside(root, root / file.relative_to(base))
    return True


def _leads_inside(root: Path, place: Path) -> bool:
    """Return whether a place lies in the root, or in a folder that a link near the top leads to."""
    target = real_path(place)
    if target.is_relative_to(root):
        return True
    parts = place.relative_to(root).parts[:LINKED_LEVELS]
    upper = [root.joinpath(*parts[: level + 1]) for level in range(len(parts))]
    linked = [real_path(folder) for folder in upper if folder.is_symlink() and folder.is_dir()]
    return any(target.is_relative_to(folder) for folder in linked)
