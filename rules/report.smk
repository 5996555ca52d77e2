"""What a reader opens: the page, the model card, the checklist, and what stands in them.

INPUTS   everything that was evaluated
OUTPUTS  results/report.html, results/{system}/model_card.md, results/{system}/tripod_ai.md
STEPS    what the run was, then the three documents
"""


report: "../workflow/report/workflow.rst"


PROTOCOL_TABLES = [
    *("scores", "folds", "curves", "comparisons", "calibration", "reliability", "decision"),
    "subgroups",
]
CASES = ["true_positive", "false_positive", "true_negative", "false_negative"]
# The protocols of mortality that the page has words for.
REPORTED_MORTALITY = [
    name for name in MORTALITY_PROTOCOLS if name in ("audited", "audited_icu_out", "published")
]
# All that the page shows, and that must be there before the run is described.
EVALUATION = [
    *collect(
        "results/admission/{protocol}/{table}.csv",
        protocol=config["evaluation"]["protocols"],
        table=PROTOCOL_TABLES,
    ),
    *collect(
        "results/admission/explanations/{table}.csv",
        table=["importance", "ablation", "attributions"],
    ),
    "results/admission/price_of_defects.csv",
    "results/admission/table_one.csv",
    *collect("results/{system}/sample_size.csv", system=EVALUATED),
    "results/cohort/flow.svg",
    "results/cohort/attrition.csv",
    "results/cohort/competing_events.csv",
    "results/ecg/excluded.csv",
    "results/manifest.json",
    # The ECG of a real patient goes into no report.
    *(
        collect("results/admission/explanations/ecg_{case}.png", case=CASES)
        if origin.marks(DATA, SECTIONS["admission"])
        else []
    ),
    *collect(
        "results/mortality/{table}",
        table=["comparison.csv", "leak.csv", "competing_events.csv", "manifest.json"],
    ),
    "results/benchmarks/mortality/times.csv",
    *collect(
        "results/mortality/{protocol}/{table}.csv",
        protocol=REPORTED_MORTALITY,
        table=[
            *PROTOCOL_TABLES,
            *("attrition", "table_one", "visits", "visits_summary", "neighbours"),
        ],
    ),
    *collect(
        "results/mortality/{protocol}/{model}/{table}.csv",
        protocol=REPORTED_MORTALITY,
        model=VISIT_MODELS,
        table=["confusion", "classification_report"],
    ),
    *collect(
        "results/mortality/{protocol}/{network}/history.csv",
        protocol=REPORTED_MORTALITY,
        network=VISIT_NETWORKS,
    ),
    *collect(
        "results/arrest/{table}.csv",
        table=[
            *("attrition", "exclusions", "table_one", "epochs", "comparison"),
            *("matched_alarms", "hrv_over_time", "doubtful_controls", "sensitivity"),
            *("competing_events", "gaps"),
        ],
    ),
    *collect("results/arrest/single/{table}.csv", table=PROTOCOL_TABLES),
    *collect(
        "results/arrest/{model}/{table}.csv",
        model=ARREST_MODELS,
        table=[
            *("metrics", "alarms", "calibration", "populations", "shap"),
            "selected_features",
        ],
    ),
    *AUDIT_FILES,
    *(["results/arrest/manifest.json"] if origin.is_built(DATA["registry"]) else []),
]
# All that is cross-validated, explained, priced and written up.
EVALUATION_FILES = [
    "results/report.html",
    *collect(
        "results/{family}{subset}_performance/{subset}_stays_cv_summary.csv",
        family=PUBLISHED_FOLDERS,
        subset=["all", "multi"],
    ),
    *collect(
        "results/{network}{subset}_performance/{subset}_stays_fold{fold}_best_model.pth",
        network=["", "outputs/gru/"],
        subset=["all", "multi"],
        fold=range(config["split"]["folds"]),
    ),
    *collect("results/admission/{document}.md", document=["model_card", "tripod_ai"]),
]
# What model card and checklist are written from.
DOCUMENTED = {
    "attrition": "results/cohort/attrition.csv",
    "spine": "results/cohort/spine.parquet",
    "manifest": "results/manifest.json",
    "run": "results/run.json",
    "table_one": "results/{system}/table_one.csv",
    "price_of_defects": "results/{system}/price_of_defects.csv",
    **{
        table: f"results/{{system}}/nested/{table}.csv"
        for table in ("scores", "comparisons", "calibration", "decision", "subgroups")
    },
    **{
        table: f"results/{{system}}/explanations/{table}.csv"
        for table in ("importance", "ablation")
    },
}


rule describe_run:
    """Versions, configuration, hardware, time and memory per rule, once all has run."""
    input:
        evaluated=EVALUATION,
        code=sources("report.run_manifest"),
    output:
        "results/run.json",
    log:
        "results/logs/describe_run.log",
    benchmark:
        "results/benchmarks/describe_run.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        config=config,
    script:
        "../workflow/scripts/describe_run.py"


rule write_model_card:
    """Intended use, data, performance, subgroups and limits, from the files of the run."""
    input:
        **DOCUMENTED,
        models=collect("results/{model}.pth", model=config["models"]),
        code=sources(
            "evaluation.documents.model_card",
        ),
    output:
        report(
            "results/{system}/model_card.md",
            caption="../workflow/report/model_card.rst",
            category="{system}",
            labels={"document": "model card"},
        ),
    log:
        "results/logs/write_model_card/{system}.log",
    benchmark:
        "results/benchmarks/write_model_card/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        files=list(DOCUMENTED),
        study=study(),
    script:
        "../workflow/scripts/write_model_card.py"


rule write_checklist:
    """TRIPOD+AI: each item filled from the run, or open for the author."""
    input:
        **DOCUMENTED,
        models=collect("results/{model}.pth", model=config["models"]),
        code=sources(
            "evaluation.documents.checklist",
        ),
    output:
        text=report(
            "results/{system}/tripod_ai.md",
            caption="../workflow/report/checklist.rst",
            category="{system}",
            labels={"document": "TRIPOD+AI checklist"},
        ),
        table="results/{system}/tripod_ai.csv",
    log:
        "results/logs/write_checklist/{system}.log",
    benchmark:
        "results/benchmarks/write_checklist/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        files=list(DOCUMENTED),
        study=study(),
    script:
        "../workflow/scripts/write_checklist.py"


rule build_report:
    """One page that opens offline, for a clinician and for a reviewer."""
    input:
        evaluated=EVALUATION,
        run="results/run.json",
        code=sources(
            "report.page",
            "report.inputs",
        ),
    output:
        report(
            "results/report.html",
            caption="../workflow/report/page.rst",
            category="Report",
            labels={"page": "report"},
        ),
    log:
        "results/logs/build_report.log",
    benchmark:
        "results/benchmarks/build_report.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study(*SECTIONS),
    script:
        "../workflow/scripts/build_report.py"
