"""Adapter of rule build_arrest_cohort."""

from mimicflow.arrest.cohort import build_arrest_cohort
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_arrest_cohort(
        snakemake.params.registry,
        snakemake.input.scanned,
        options={**snakemake.params.cohort, **snakemake.params.epochs},
        stays=snakemake.output.stays,
        excluded=snakemake.output.excluded,
        attrition=snakemake.output.attrition,
        exclusions=snakemake.output.exclusions,
        study=Study(**snakemake.params.study),
    )
