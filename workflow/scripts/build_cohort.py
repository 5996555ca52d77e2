"""Adapter of rule build_cohort."""

from mimicflow.admission.cohort import build_cohort
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_cohort(
        tables={
            "edstays": snakemake.input.edstays,
            "triage": snakemake.input.triage,
            "patients": snakemake.input.patients,
            "admissions": snakemake.input.admissions,
            "record_list": snakemake.input.record_list,
            "machine_measurements": snakemake.input.machine_measurements,
        },
        records=snakemake.input.records,
        options=snakemake.params.cohort,
        seed=snakemake.params.seed,
        stays=snakemake.output.stays,
        ecgs=snakemake.output.ecgs,
        excluded=snakemake.output.excluded,
        attrition=snakemake.output.attrition,
        competing=snakemake.output.competing,
        study=Study(**snakemake.params.study),
        manifest=snakemake.input.manifest,
        memory_mb=snakemake.resources.mem_mb,
    )
