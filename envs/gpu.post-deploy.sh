#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the folder with the Snakefile.
pip install --quiet --no-deps --editable "$PWD"
