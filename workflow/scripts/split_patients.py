"""Adapter of rule split_patients."""

from mimicflow.learning.splits import split_patients
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    split_patients(
        snakemake.input.stays,
        options=snakemake.params.split,
        seed=snakemake.params.seed,
        output=snakemake.output[0],
        kept=snakemake.input.get("kept"),
        patients=snakemake.input.get("patients", []),
    )
