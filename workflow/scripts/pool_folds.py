"""Adapter of rule pool_folds."""

from mimicflow.evaluation.pooling import pool_folds
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    pool_folds(snakemake.input.predictions, snakemake.output[0])
