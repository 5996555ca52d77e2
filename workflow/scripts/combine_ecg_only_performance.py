"""Adapter of rule combine_ecg_only_performance."""

from mimicflow.admission.published import write_combined
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_combined(
        snakemake.input.all_stays,
        snakemake.input.multi_stays,
        outputs=dict(snakemake.output.items()),
        title="ECG-only models",
        study=Study(**snakemake.params.study),
    )
