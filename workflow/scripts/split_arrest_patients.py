"""Adapter of rule split_arrest_patients."""

from mimicflow.arrest.folds import split_arrest_patients
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    split_arrest_patients(
        snakemake.input.stays,
        options=snakemake.params.split,
        seed=snakemake.params.seed,
        output=snakemake.output[0],
    )
