"""Adapter of rule keep_inner_patients."""

from mimicflow.learning.splits import keep_inner_patients
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    keep_inner_patients(snakemake.input.spine, snakemake.output[0], multi=snakemake.params.multi)
