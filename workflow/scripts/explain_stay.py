"""Adapter of rule explain_stay."""

from mimicflow.admission.explanations.explain_stay import explain_stay
from mimicflow.admission.inputs import InputFiles, InputOptions
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

TABLES = ("spine", "cohort_ecgs", "final_ecgs", "gsn_etc", "vitals")

with rule_log(snakemake.log[0]):
    source = snakemake.input
    explain_stay(
        int(snakemake.wildcards.stay_id),
        source.weights,
        InputFiles(**{name: source[name] for name in TABLES}),
        InputOptions(**snakemake.params.preprocessing),
        (source.stores, source.indices),
        snakemake.output.table,
        snakemake.output.ecg,
        threads=snakemake.threads,
        steps=snakemake.params.steps,
        positive_class=snakemake.params.positive_class,
        architecture=snakemake.params.architecture,
        study=Study(**snakemake.params.study),
        devices=snakemake.resources.gpu,
    )
