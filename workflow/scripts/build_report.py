"""Adapter of rule build_report."""

from mimicflow.evaluation.study import Study
from mimicflow.report.inputs import sort_files
from mimicflow.report.page import build_report
from mimicflow.running.place import results_folder
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    systems, shared = sort_files(
        [*snakemake.input.evaluated, snakemake.input.run], results_folder()
    )
    build_report(
        "mimicflow report",
        systems,
        shared,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
