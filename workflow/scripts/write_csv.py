"""Adapter of rule write_csv."""

import pandas as pd

from mimicflow.files import write_csv
from mimicflow.scripting import rule_log

with rule_log(snakemake.log[0]):
    write_csv(pd.read_parquet(snakemake.input.table), snakemake.output[0])
