"""Adapter of rule compare_scenarios."""

from mimicflow.evaluation.scenarios.comparison import ScenarioRun, compare_scenarios
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    compare_scenarios(
        [ScenarioRun(**run) for run in snakemake.params.runs],
        snakemake.output.table,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
    )
