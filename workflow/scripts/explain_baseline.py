"""Adapter of rule explain_baseline."""

from mimicflow.admission.explanations.explain_baselines import explain_baseline
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    explain_baseline(
        snakemake.wildcards.kind,
        snakemake.wildcards.subset,
        snakemake.input.final_ecgs,
        snakemake.input.spine,
        options=snakemake.params.options,
        output=snakemake.output[0],
        acuity_median=snakemake.params.acuity_median,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        repeats=snakemake.params.repeats,
        shap_rows=snakemake.params.shap_rows,
    )
