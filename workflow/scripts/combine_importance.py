"""Adapter of rule combine_importance."""

from mimicflow.evaluation.importance import combine_importance
from mimicflow.evaluation.titles import read_titles
from mimicflow.scripting import rule_log

with rule_log(snakemake.log[0]):
    made = dict(snakemake.output.items())
    names = snakemake.params.baselines
    n_folds = len(snakemake.input.folds) // len(names)
    combine_importance(
        {
            name: snakemake.input.folds[number * n_folds : (number + 1) * n_folds]
            for number, name in enumerate(names)
        },
        read_titles(snakemake.input.published),
        made.pop("table"),
        made,
        synthetic=snakemake.params.synthetic,
    )
