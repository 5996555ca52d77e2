"""Adapter of rule build_audit."""

from mimicflow.evaluation.study import Study
from mimicflow.report.audit_page import build_audit
from mimicflow.report.inputs import sort_files
from mimicflow.running.place import results_folder
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    systems, _ = sort_files(snakemake.input.findings, results_folder())
    build_audit(
        "Leakage audit", systems, snakemake.output[0], study=Study(**snakemake.params.study)
    )
