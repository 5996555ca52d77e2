"""Adapter of rule write_table_one."""

from mimicflow.evaluation.study import Study
from mimicflow.evaluation.table_one import write_table_one
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_table_one(
        snakemake.input.spine,
        snakemake.input.final_ecgs,
        snakemake.input.groups,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
        vitals=snakemake.input.vitals,
    )
