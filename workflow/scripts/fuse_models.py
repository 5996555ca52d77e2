"""Adapter of rule fuse_models."""

from mimicflow.evaluation.pooling import fuse
from mimicflow.scripting import rule_log

with rule_log(snakemake.log[0]):
    fuse([snakemake.input.multimodal, snakemake.input.forest], snakemake.output[0])
