"""Adapter of rule audit_single_features."""

from mimicflow.audit.single_features import audit_single_features
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_single_features(
        snakemake.wildcards.system,
        {name: snakemake.input[name] for name in snakemake.params.files},
        dict(zip(snakemake.params.models, snakemake.input.models, strict=True)),
        snakemake.params.limits,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
