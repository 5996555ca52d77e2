"""What all chapters share: names and paths, no rules."""

from pathlib import Path

from mimicflow.errors import InputError
from mimicflow.provenance import source_files

SHARDS = range(config["ingest"]["shards"])
SYNTHETIC = config["data"]["ed"].startswith("results/synthetic")


wildcard_constraints:
    module="hosp|icu|ed|ecg",
    table="[a-z_]+",
    shard="[0-9]+",
    subset="all|multi",
    model="|".join(config["models"]),


def sources(*names):
    """The package's files behind modules and data files: inputs, so that changed code reruns."""
    return source_files(*names)


def shards(path):
    """The path for every shard, other wildcards untouched."""
    return [path.replace("{shard}", str(shard)) for shard in SHARDS]


def raw_table(wildcards):
    """The raw file of a table, compressed or not; the synthetic hospital's when it is still to be made."""
    folder = config["data"][wildcards.module]
    ending = ".csv" if wildcards.module == "ecg" else ".csv.gz"
    official = f"{folder}/{wildcards.table}{ending}"
    if folder.startswith("results/"):
        return official
    for ending in (".csv.gz", ".csv"):
        if Path(f"{folder}/{wildcards.table}{ending}").exists():
            return f"{folder}/{wildcards.table}{ending}"
    raise InputError(
        "this raw table does not exist",
        file=official,
        remedy=f"set data.{wildcards.module} in the configuration to the folder that holds it",
    )


def waveforms(wildcards):
    """The synthetic ECG files, so that they are made first; real ones are not tracked one by one."""
    return ["results/synthetic/ecg/files"] if SYNTHETIC else []
