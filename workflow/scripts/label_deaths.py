"""Adapter of rule label_deaths."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.cohort import label_deaths
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    label_deaths(
        snakemake.input.spine,
        snakemake.input.steps,
        options={"horizon": snakemake.params.horizon, **snakemake.params.protocol},
        output=snakemake.output.spine,
        excluded=snakemake.output.excluded,
        attrition=snakemake.output.attrition,
        study=Study(**snakemake.params.study),
        beside=snakemake.input.beside,
        manifest=snakemake.input.manifest,
    )
