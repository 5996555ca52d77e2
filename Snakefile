"""From raw MIMIC-IV files to three fitted, evaluated and explained prediction systems."""

from snakemake.utils import min_version

min_version("9.25")


include: "rules/common.smk"  # the configuration and the place, looked at before all else
include: "rules/ingest.smk"  #    raw CSV, or a made-up hospital -> typed Parquet shards, checked
include: "rules/ecg.smk"  #       WFDB     -> clean waveform store -> pretrained encoder
include: "rules/admission_cohort.smk"  # shards -> who, when, what happened
include: "rules/admission_features.smk"  # shards -> what was known by then
include: "rules/admission_models.smk"  # all of it -> the four GRU variants and their baselines
include: "rules/admission_results.smk"  # the same in every fold, and what drives a prediction
include: "rules/mortality_cohort.smk"  # shards -> first ICU stays, deaths within a year
include: "rules/mortality_models.smk"  # shards -> visits as vectors -> death within a year
include: "rules/mortality_results.smk"  # side by side, and what the leak is worth
include: "rules/arrest_cohort.smk"  # registry -> who is watched, whose heart stops
include: "rules/arrest_features.smk"  # bedside ECG -> heart-rate variability
include: "rules/arrest_models.smk"  # features -> cardiac arrest within a day
include: "rules/arrest_results.smk"  # hour by hour, alarm by alarm, side by side
include: "rules/evaluation.smk"  # every system: scored, compared, calibrated
include: "rules/tuning.smk"  #    which settings of a model do better, on validation patients?
include: "rules/audit.smk"  #    could a prediction have seen what it should not? whom of it?
include: "rules/audit_time.smk"  # and what of the future?
include: "rules/audit_settings.smk"  # what would another setting have scored, or chance?
include: "rules/report.smk"  #    what a reader opens


rule all:
    """All three systems, fitted and scored."""
    default_target: True
    input:
        ADMISSION_FILES,
        MORTALITY_FILES,
        ARREST_FILES,


rule first:
    """The main job, its scores and its ROC curves: the end of `make run`."""
    input:
        FIRST_FILES,


rule mortality:
    """The mortality system alone: it reads hosp and icu only."""
    input:
        MORTALITY_FILES,


rule arrest:
    """The arrest system alone: it reads a registry of bedside recordings only."""
    input:
        ARREST_FILES,


rule report:
    """What `make report` builds: all three systems, scored on the single split of patients."""
    input:
        "results/report.html",


rule evaluation:
    """What `make report-full` builds: cross-validations, explanations, prices, audit, documents."""
    input:
        EVALUATION_FILES,


rule scenarios:
    """The scenarios of the configuration (`scenarios`, `repeats`) beside the configuration itself."""
    input:
        "results/scenarios/comparison.csv",


rule tuning:
    """The best settings of the models that the configuration tunes (`tuning`), with all trials."""
    input:
        overlays_of_searches,


rule audit:
    """Could a prediction have seen what it should not? Every check of every system, and their page."""
    input:
        "results/audit.html",


# All rules are known here.
move_results(OWN_RULES)  # where a workflow that imports this one wants them
rerun_by_content(OWN_RULES)  # changed code reruns what uses it
