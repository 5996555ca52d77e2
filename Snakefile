from snakemake.utils import min_version, validate

from mimicflow.admission.agreement import disagreements as of_admission
from mimicflow.arrest.agreement import disagreements as of_arrest
from mimicflow.mortality.agreement import disagreements as of_mortality
from mimicflow.raw.needs import check_raw
from mimicflow.running.agreement import check_agreement
from mimicflow.running.configuration import check_keys, check_values
from mimicflow.running.identity import announce
from mimicflow.running.lock import record_owner
from mimicflow.running.storage import check_place, check_writable

min_version("9.25")


configfile: "config.yaml"


check_place(workflow.basedir)
check_keys(config, "workflow/schemas/config.schema.yaml")
check_values(config, "workflow/schemas/config.schema.yaml")
validate(config, "workflow/schemas/config.schema.yaml")
check_agreement(config, of_admission, of_mortality, of_arrest)


report: "workflow/report/workflow.rst"


announce()  # jobs end when this process does, and never write into the run of another

if workflow.storage_settings.default_storage_provider:

    # On Kubernetes jobs read from the volume itself, not from a copy (docs/kubernetes.md).
    inputflags:
        access.sequential,


include: "rules/common.smk"
include: "rules/raw.smk"
include: "rules/synthetic.smk"  # a hospital to run on without credentials
include: "rules/ingest.smk"  #    raw CSV  -> typed Parquet shards, checked
include: "rules/ecg.smk"  #       WFDB     -> clean waveform store -> pretrained encoder
include: "rules/cohort.smk"  #    shards   -> who, when, what happened
include: "rules/features.smk"  #  shards   -> what was known by then
include: "rules/admission.smk"  # all of it -> the four GRU variants, scored
include: "rules/mortality.smk"  # shards -> visits as vectors -> death within a year
include: "rules/mortality_results.smk"  # side by side, and what the leak is worth
include: "rules/arrest.smk"  #    bedside ECG -> heart-rate variability -> cardiac arrest within a day
include: "rules/arrest_results.smk"  # hour by hour, alarm by alarm, side by side
include: "rules/evaluation.smk"  # folds pooled, scored, compared, calibrated
include: "rules/explanations.smk"  # what drives a prediction, what a defect is worth
include: "rules/report.smk"  #   what a reader opens


rule all:
    default_target: True
    input:
        "results/admission/comparison.csv",
        collect("results/{subset}_performance/{subset}_stays_roc.png", subset=["all", "multi"]),
        collect(
            "results/outputs/gru/{subset}_performance/{subset}_stays_roc.png",
            subset=["all", "multi"],
        ),
        collect(
            "results/{folder}combined_performance/combined_roc.png", folder=["", "outputs/gru/"]
        ),
        MORTALITY_FILES,
        ARREST_FILES,


rule mortality:
    """The mortality system alone: it reads hosp and icu only."""
    input:
        MORTALITY_FILES,


rule arrest:
    """The arrest system alone: it reads a registry of bedside recordings only."""
    input:
        ARREST_FILES,


rule evaluation:
    """Cross-validated, explained, priced and told: what `make report` builds."""
    input:
        "results/report.html",
        collect(
            "results/{family}{subset}_performance/{subset}_stays_cv_summary.csv",
            family=PUBLISHED_FOLDERS,
            subset=["all", "multi"],
        ),
        collect(
            "results/{network}{subset}_performance/{subset}_stays_fold{fold}_best_model.pth",
            network=["", "outputs/gru/"],
            subset=["all", "multi"],
            fold=range(config["split"]["folds"]),
        ),
        collect(
            "results/{system}/{document}.md",
            system="admission",
            document=["model_card", "tripod_ai"],
        ),


# Code reruns by its content: `touch` changes nothing, an older time hides nothing.
for changing in workflow.rules:
    if changing.script:
        adapter = Path(workflow.basedir, f"workflow/scripts/{changing.name}.py")
        changing.set_params(code=content_of([adapter, *map(package_file, changing.input.code)]))


onstart:
    check_writable("results")
    record_owner(jobs_elsewhere=workflow.non_local_exec)
    check_raw(config["data"], *raw_needs(workflow.dag.needrun_jobs()))
