"""Adapter of rule describe_neighbours."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.embedding import describe_neighbours
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_neighbours(
        snakemake.input.embedding,
        snakemake.input.visits,
        titles={
            "ICD": snakemake.input.get("d_icd_diagnoses", []),
            "PROC": snakemake.input.get("d_icd_procedures", []),
        },
        output=snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
