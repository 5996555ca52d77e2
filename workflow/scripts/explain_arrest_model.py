"""Adapter of rule explain_arrest_model."""

from pathlib import Path

from mimicflow.arrest.results.explain import explain_arrest_model
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    explain_arrest_model(
        snakemake.input.features,
        Path(snakemake.input.model).parent,
        dict(snakemake.output.items()),
        threads=snakemake.threads,
        study=Study(**snakemake.params.study),
    )
