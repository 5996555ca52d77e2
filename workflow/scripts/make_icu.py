"""Adapter of rule make_icu."""

from pathlib import Path

from mimicflow.running.rule_log import rule_log
from mimicflow.synthetic.icu.hospital import make_icu

with rule_log(snakemake.log[0]):
    make_icu(
        Path(snakemake.output.stays).parent,
        Path(snakemake.output.truth),
        n_patients=snakemake.params.icu["n_patients"],
        seed=snakemake.params.seed,
        dirt=snakemake.params.icu["dirt"],
        permute_labels=snakemake.params.permute_labels,
        processes=snakemake.threads,
    )
