"""Adapter of rule audit_splits."""

from mimicflow.audit.splits import audit_splits
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_splits(
        dict(zip(snakemake.params.splits, snakemake.input.spines, strict=True)),
        snakemake.input.folds,
        dict(zip(snakemake.params.models, snakemake.input.predictions, strict=True)),
        dict(zip(snakemake.params.others, snakemake.input.others, strict=True)),
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
