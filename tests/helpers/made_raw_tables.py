"""Raw tables for the tests of their reading."""

import gzip

import pandas as pd

PATIENTS_HEADER = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod"


def patients(n=200):
    return [
        f"{10000000 + i},{'FM'[i % 2]},{20 + i % 70},2150,2011 - 2013,{'2151-03-04' * (i % 5 == 0)}"
        for i in range(n)
    ]


def write(folder, name, lines, header=PATIENTS_HEADER):
    folder.mkdir(parents=True, exist_ok=True)
    data = ("\n".join([header, *lines]) + "\n").encode()
    (folder / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return folder / name


def read(out, shards):
    return pd.concat([pd.read_parquet(out / f"{i}.parquet") for i in range(shards)])
