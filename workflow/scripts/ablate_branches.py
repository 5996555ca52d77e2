"""Adapter of rule ablate_branches."""

from mimicflow.admission.ablation import ablate_branches
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    ablate_branches(
        "all_stays_model",
        snakemake.input.full,
        dict(zip(snakemake.params.branches, snakemake.input.removed, strict=True)),
        snakemake.output.table,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
    )
