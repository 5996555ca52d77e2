"""Adapter of rule assemble_vitals."""

from mimicflow.admission.vitals import assemble_vitals
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    assemble_vitals(snakemake.input.readings, snakemake.output[0], snakemake.resources.mem_mb)
