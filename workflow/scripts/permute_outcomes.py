"""Adapter of rule permute_outcomes."""

from mimicflow.audit.permuted_outcomes import permute_outcomes
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    permute_outcomes(
        snakemake.input.edstays,
        snakemake.params.permutation,
        snakemake.params.seed,
        snakemake.output,
        memory_mb=snakemake.resources.mem_mb,
    )
