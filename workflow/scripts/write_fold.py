"""Adapter of rule write_fold."""

from mimicflow.admission.cross_validation import write_fold
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_fold(
        f"{snakemake.wildcards.subset} stays, fold {snakemake.wildcards.fold}",
        snakemake.input.checkpoint,
        snakemake.input.history,
        dict(snakemake.output.items()),
        study=Study(**snakemake.params.study),
    )
