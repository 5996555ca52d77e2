"""Adapter of rule write_cross_validation."""

from mimicflow.admission.cross_validation import write_cross_validation
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_cross_validation(
        f"{snakemake.wildcards.subset} stays",
        snakemake.input.predictions,
        dict(snakemake.output.items()),
        study=Study(**snakemake.params.study),
    )
