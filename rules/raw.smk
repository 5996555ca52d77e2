"""Where the raw files lie, whose they are, and what of them reruns what: names and paths, no rules.

Files that the workflow makes are left to Snakemake. Others are `ancient` inputs whose SHA-256 is a
parameter: another content reruns whatever its time, a touched file reruns nothing.
"""

from mimicflow.running import origin
from mimicflow.raw.needs import REGISTRY, SECTIONS, tables_of
from mimicflow.raw.content import raw_sha256
from mimicflow.raw.tables import TABLES

DATA = config["data"]


def official_path(folder, table):
    return f"{folder}/{table.name}{'.csv.gz' if table.compressed else '.csv'}"


def made_tables(module):
    """The raw files of a module of the synthetic hospital: every table that has a schema."""
    folder = origin.MADE[module]
    return [official_path(folder, table) for table in TABLES.values() if table.module == module]


def registry_in(folder):
    return [f"{folder}/{table}.csv" for table in REGISTRY]


# The raw files that rules make.
MADE = {
    *(path for module in origin.MODULES for path in made_tables(module)),
    *(path for folder in (origin.MADE, origin.BUILT) for path in registry_in(folder["registry"])),
}


def raw_folder(module="{module}"):
    """A parameter: where the raw files of a module lie; a function, as it may have braces."""

    def folder_of_module(wildcards):
        return origin.folder(DATA, module.format(**dict(wildcards.items())))

    folder_of_module.section = module  # for raw_needs
    return folder_of_module


def raw_needs(jobs):
    """The raw tables and the sections of `data` that these jobs read."""
    tables, sections = set(), set()
    for job in jobs:
        for section in (getattr(param, "section", None) for param in job.rule.params):
            if section == "{module}":
                tables.add("{module}/{table}".format(**job.wildcards_dict))
            elif section:
                sections.add(section)
    return tables, sections


def declared(files):
    """An input function: these raw files; the time of those that no rule makes does not count."""

    def inputs(wildcards):
        # What is between braces would be a wildcard, and nothing escapes it: such a file is no
        # input, and the job finds it by the folder.
        return [
            path if path in MADE else ancient(path)
            for path in files(wildcards)
            if path in MADE or "{" not in path
        ]

    return inputs


def raw_content(files):
    """A parameter: the SHA-256 of these raw files; those that rules make are left to Snakemake."""

    def digests(wildcards):
        return [raw_sha256(path) for path in files(wildcards) if path not in MADE]

    return digests


def records(module, files):
    """An input function: synthetic recordings, so that they are made first; real ones are many."""

    def made_records(wildcards):
        return [f"{origin.MADE[module]}/{files}"] if origin.is_made(module, DATA[module]) else []

    return made_records


def marks(*names):
    """An input function: the generator's marks of what these systems or modules read, if all are there.

    Without names it is the system or module of the wildcards.
    """

    def marks_of_rule(wildcards):
        asked = names or [wildcards.get("system", wildcards.get("module"))]
        return origin.marks(DATA, [part for name in asked for part in SECTIONS.get(name, [name])])

    return marks_of_rule


def is_synthetic(*names):
    """A parameter: whether all that these systems read carries the generator's mark; as `marks`."""

    def has_all_marks(wildcards):
        return len(marks(*names)(wildcards)) > 0

    return has_all_marks
