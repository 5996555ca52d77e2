#!/usr/bin/env bash
# Snakemake runs this in the new environment, wherever it was started; the workflow says where the package is.
pip install --quiet --no-deps --editable "$MIMICFLOW_FOLDER"
