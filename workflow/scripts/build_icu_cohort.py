"""Adapter of rule build_icu_cohort."""

from mimicflow.mortality.cohort import build_icu_cohort
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_icu_cohort(
        tables={
            "patients": snakemake.input.patients,
            "admissions": snakemake.input.admissions,
            "icustays": snakemake.input.icustays,
        },
        options=snakemake.params.options,
        stays=snakemake.output.stays,
        steps=snakemake.output.steps,
        memory_mb=snakemake.resources.mem_mb,
    )
