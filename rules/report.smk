"""What a reader opens: the page, the model card, the checklist, and what stands in them.

INPUTS   everything that was evaluated
OUTPUTS  results/report.html: all systems by the single split; results/report_full.html: everything;
         results/{system}: model_card.md, tripod_ai.md, probast_ai.md
STEPS    what the run was, then the documents
"""


wildcard_constraints:
    checklist="tripod_ai|probast_ai",
    full="(_full)?",


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
# What `make all` has fitted, scored on its single split of patients: the same for every report.
REPORTED = [
    *("results/cohort/attrition.csv", "results/cohort/competing_events.csv"),
    *("results/admission/table_one.csv", "results/ecg/excluded.csv", "results/manifest.json"),
    *collect("results/{system}/missing.csv", system=EVALUATED),
    # Of admission it is judged by the cross-validation.
    *collect("results/{system}/sample_size.csv", system=["mortality", "arrest"]),
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
        table=["metrics", "alarms", "calibration", "populations", "shap", "selected_features"],
    ),
    *(["results/arrest/manifest.json"] if origin.is_built(DATA["registry"]) else []),
]
# All that a page shows, and that must be there before the run is described. The full one judges
# admission by its cross-validation, so that the single split stands in the other one only.
EVALUATION = {
    "": [
        *REPORTED,
        "results/cohort/flow_single.csv",
        *collect("results/admission/single/{table}.csv", table=PROTOCOL_TABLES),
    ],
    "_full": [
        *REPORTED,
        "results/cohort/flow.csv",
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
        "results/admission/sample_size.csv",
        # The ECG of a real patient goes into no report.
        *(
            collect("results/admission/explanations/ecg_{case}.png", case=CASES)
            if origin.marks(DATA, SECTIONS["admission"])
            else []
        ),
        *AUDIT_FILES,
    ],
}
DOCUMENTS = ["model_card", "tripod_ai", "probast_ai"]
# Tables of patients, by name, that can be had as CSV; of arrest/epochs there is another table in CSV.
CSV_ON_DEMAND = [
    *("stays", "ecgs", "excluded_stays", "spine", "groups", "steps", "weights", "predictions"),
    *("features", "records", "gsn_etc", "final_ecgs", "vitals_long_cleaned", "pretraining_ecgs"),
    *("truth", "truth_mortality", "truth_arrest", "dirt", "rejects", "[0-9]+"),
]
# The protocols of a system that are written up beside the one to judge by.
WRITTEN_UP = {
    system: [name for name in named if name != EVALUATED[system]["judged_by"]]
    for system, named in {
        "admission": config["evaluation"]["protocols"],
        "mortality": REPORTED_MORTALITY,
    }.items()
}
# All that is cross-validated, explained, priced and written up.
EVALUATION_FILES = [
    "results/report_full.html",
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
    *collect("results/{system}/{document}.md", system=EVALUATED, document=DOCUMENTS),
    *(
        f"results/{system}/{protocol}/{document}.md"
        for system, named in WRITTEN_UP.items()
        for protocol in named
        for document in DOCUMENTS
    ),
]
# What model card and checklists are written from, by system.
DOCUMENTED = {
    "admission": {
        "attrition": "results/cohort/attrition.csv",
        "spine": "results/cohort/spine.parquet",
        "manifest": "results/manifest.json",
        "table_one": "results/admission/table_one.csv",
        "price_of_defects": "results/admission/price_of_defects.csv",
        "importance": "results/admission/explanations/importance.csv",
        "ablation": "results/admission/explanations/ablation.csv",
    },
    "mortality": {
        **{
            table: f"results/mortality/{{protocol}}/{table}.csv"
            for table in ("attrition", "table_one")
        },
        "spine": "results/mortality/{protocol}/spine.parquet",
        "manifest": "results/mortality/manifest.json",
    },
    "arrest": {
        **{table: f"results/arrest/{table}.csv" for table in ("attrition", "table_one")},
        "spine": "results/arrest/spine.parquet",
        **(
            {"manifest": "results/arrest/manifest.json"}
            if origin.is_built(DATA["registry"])
            else {}
        ),
    },
}
DOCUMENTED_MODELS = {
    "mortality": collect("results/mortality/{{protocol}}/{model}.pth", model=VISIT_MODELS),
    "arrest": collect("results/arrest/{model}/model.txt", model=ARREST_MODELS),
}


def protocol_of_document(wildcards):
    """A parameter: the protocol of a document; the one to judge by where none is named."""
    return wildcards.get("protocol", EVALUATED[wildcards.system]["judged_by"])


def shown(wildcards):
    """What the page shows, and what the run is described after."""
    return EVALUATION[wildcards.full]


def documented(wildcards):
    """What model card and checklists of a system and protocol are written from, by its kind."""
    system, protocol = wildcards.system, protocol_of_document(wildcards)
    scored = ["scores", "comparisons", "calibration", "decision"]
    # Cohorts and groups that differ by a few patients, side by side, would show who these are.
    judged = protocol == EVALUATED[system]["judged_by"]
    scored += ["subgroups"] if judged else []
    files = {table: f"results/{system}/{protocol}/{table}.csv" for table in scored}
    if judged:
        files |= DOCUMENTED[system] | {"sample_size": f"results/{system}/sample_size.csv"}
    elif "manifest" in DOCUMENTED[system]:
        files["manifest"] = DOCUMENTED[system]["manifest"]
    files["run"] = "results/run_full.json"
    return {kind: path.format(protocol=protocol) for kind, path in files.items()}


def documented_kinds(wildcards):
    """A parameter: the kinds of files that a document is written from."""
    return list(documented(wildcards))


def documented_models(wildcards):
    """The models that a document names with their checksums."""
    system, protocol = wildcards.system, protocol_of_document(wildcards)
    if system != "admission":
        return [path.format(protocol=protocol) for path in DOCUMENTED_MODELS[system]]
    names = [
        *([""] if protocol == EVALUATED[system]["judged_by"] else []),
        *protocols.folds(protocol, config),
    ]
    return [
        f"results/{SCENARIOS.folder(name, f'{model}.pth')}{model}.pth"
        for name in names
        for model in config["models"]
    ]


def judged_by(wildcards):
    """A parameter: the protocol to judge a system by."""
    return EVALUATED[wildcards.system]["judged_by"]


def changed_keys(wildcards):
    """A parameter: what a cross-validation changes of the configuration, but for the fold."""
    if wildcards.system != "admission":
        return {}
    changed = SCENARIOS.config(protocols.folds(protocol_of_document(wildcards), config)[0])
    split = {key: value for key, value in changed["split"].items() if key != "fold"}
    return {"split": split, "models": changed["models"]}


def audit_of_system(wildcards):
    """The tables of the audit of a system; a protocol that sees the future is not audited."""
    if protocol_of_document(wildcards) in EVALUATED[wildcards.system]["optimistic"]:
        return []
    return [path for path in AUDIT_FILES if path.startswith(f"results/{wildcards.system}/")]


rule describe_run:
    """Versions, configuration, hardware, time and memory per rule, once all has run."""
    input:
        evaluated=shown,
        code=sources("report.run_manifest", "running.place"),
    output:
        "results/run{full}.json",
    log:
        "results/logs/describe_run{full}.log",
    benchmark:
        "results/benchmarks/describe_run{full}.tsv"
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
        unpack(documented),
        models=documented_models,
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
        files=documented_kinds,
        protocol=protocol_of_document,
        judged_by=judged_by,
        changed=changed_keys,
        study=study(),
    script:
        "../workflow/scripts/write_model_card.py"


# The same of a protocol that nobody is to judge by.
use rule write_model_card as write_model_card_beside with:
    output:
        report(
            "results/{system}/{protocol}/model_card.md",
            caption="../workflow/report/model_card.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"document": "model card"},
        ),
    log:
        "results/logs/write_model_card/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/write_model_card/{system}_{protocol}.tsv"


rule write_checklist:
    """TRIPOD+AI or PROBAST+AI: each item filled from the run, or open for the author."""
    input:
        unpack(documented),
        models=documented_models,
        audit=audit_of_system,
        code=sources(
            "evaluation.documents.checklist",
        ),
    output:
        text=report(
            "results/{system}/{checklist}.md",
            caption="../workflow/report/checklist.rst",
            category="{system}",
            labels={"document": "{checklist}"},
        ),
        table="results/{system}/{checklist}.csv",
    log:
        "results/logs/write_checklist/{system}_{checklist}.log",
    benchmark:
        "results/benchmarks/write_checklist/{system}_{checklist}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        files=documented_kinds,
        protocol=protocol_of_document,
        judged_by=judged_by,
        changed=changed_keys,
        study=study(),
    script:
        "../workflow/scripts/write_checklist.py"


use rule write_checklist as write_checklist_beside with:
    output:
        text=report(
            "results/{system}/{protocol}/{checklist}.md",
            caption="../workflow/report/checklist.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"document": "{checklist}"},
        ),
        table="results/{system}/{protocol}/{checklist}.csv",
    log:
        "results/logs/write_checklist/{system}_{protocol}_{checklist}.log",
    benchmark:
        "results/benchmarks/write_checklist/{system}_{protocol}_{checklist}.tsv"


rule build_report:
    """One page that opens offline, for a clinician and for a reviewer."""
    input:
        evaluated=shown,
        run="results/run{full}.json",
        code=sources(
            "report.page",
            "report.inputs",
        ),
    output:
        report(
            "results/report{full}.html",
            caption="../workflow/report/page.rst",
            category="Report",
            labels={"page": "report{full}"},
        ),
    log:
        "results/logs/build_report{full}.log",
    benchmark:
        "results/benchmarks/build_report{full}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study(*SECTIONS),
    script:
        "../workflow/scripts/build_report.py"


rule write_csv:
    """A table of patients, stays or predictions as CSV: for R, a spreadsheet, or as the published pipeline had it."""
    input:
        table="results/{rows}.parquet",
        code=sources("running.writing"),
    output:
        "results/{rows}.csv",
    log:
        "results/logs/write_csv/{rows}.log",
    benchmark:
        "results/benchmarks/write_csv/{rows}.tsv"
    wildcard_constraints:
        rows=f"(.+/)?({'|'.join(CSV_ON_DEMAND)})",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    script:
        "../workflow/scripts/write_csv.py"
