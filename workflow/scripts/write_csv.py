"""Adapter of rule write_csv."""

import pandas as pd

from mimicflow.running.rule_log import rule_log
from mimicflow.running.writing import write_csv

with rule_log(snakemake.log[0]):
    write_csv(pd.read_parquet(snakemake.input.table), snakemake.output[0])
