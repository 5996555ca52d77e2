"""What a reader of the mortality system gets: its patients, every model by itself, all side by side.

INPUTS   results/mortality/{protocol}: cohort, visits, embedding, predictions, histories
OUTPUTS  results/mortality/comparison.csv, leak.csv; tables and figures per protocol and model
STEPS    patients and embedding described, result files per model, all models side by side
"""

from pathlib import Path

MORTALITY_RUNS = [(protocol, model) for protocol in MORTALITY_PROTOCOLS for model in VISIT_MODELS]
LEAK_RUNS = [
    *(run for run in MORTALITY_RUNS if run[0] in ("audited", "published")),
    *((protocol, "lstm") for protocol in PRICED_KEYS.values()),
]
# All that the mortality system makes.
MORTALITY_FILES = [
    *("results/mortality/comparison.csv", "results/mortality/leak.csv"),
    "results/mortality/competing_events.csv",
    *(
        f"results/mortality/{protocol}/{file}"
        for protocol in MORTALITY_PROTOCOLS
        for file in ("table_one.csv", "visits.png", "neighbours.csv")
    ),
    *(
        f"results/mortality/{protocol}/{model}/{file}"
        for protocol, model in MORTALITY_RUNS
        for file in ("confusion.png", "errors.csv")
    ),
    *(
        f"results/mortality/{protocol}/{network}/history.png"
        for protocol in MORTALITY_PROTOCOLS
        for network in VISIT_NETWORKS
    ),
]


def predictions_of_first_protocol(wildcards):
    """Predictions of the protocol whose patients readers may compare with those of another one."""
    first = EVALUATED["mortality"]["first_protocol"]
    if wildcards.protocol == first:
        return []
    of = EVALUATED["mortality"]
    return [of["predictions"].format(protocol=first, model=of["main_model"])]


def code_titles(wildcards):
    """The dictionaries of codes, where the release has them: titles for a reader, nothing more."""
    folder = raw_folder("hosp")(wildcards)
    names = ["hosp/d_icd_diagnoses", "hosp/d_icd_procedures"]
    endings = (".csv.gz", ".csv")
    return {
        name.removeprefix("hosp/"): f"results/tables/{name}/0.parquet"
        for name in names
        if origin.is_made("hosp", folder)
        or any(Path(folder, f"{TABLES[name].name}{ending}").is_file() for ending in endings)
    }


rule describe_neighbours:
    """The nearest neighbours of the most frequent codes, so that a person can judge the embedding."""
    input:
        unpack(code_titles),
        embedding="results/mortality/{protocol}/med2vec.kv",
        visits=shards("results/mortality/{protocol}/visits/{shard}.parquet"),
        code=sources("mortality.embedding"),
    output:
        report(
            "results/mortality/{protocol}/neighbours.csv",
            caption="../workflow/report/mortality/neighbours.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"table": "embedding neighbours"},
        ),
    log:
        "results/logs/describe_neighbours/{protocol}.log",
    benchmark:
        "results/benchmarks/describe_neighbours/{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        study=study("mortality"),
    script:
        "../workflow/scripts/describe_neighbours.py"


rule write_mortality_results:
    """Curves, confusion, classification report and calibration of one model on its test patients."""
    input:
        predictions="results/mortality/{protocol}/{visit_model}/predictions.parquet",
        beside=predictions_of_first_protocol,
        code=sources("mortality.model_results"),
    output:
        curves="results/mortality/{protocol}/{visit_model}/curves.npz",
        confusion="results/mortality/{protocol}/{visit_model}/confusion.csv",
        classification_report="results/mortality/{protocol}/{visit_model}/classification_report.csv",
        calibration="results/mortality/{protocol}/{visit_model}/calibration.csv",
        reliability="results/mortality/{protocol}/{visit_model}/reliability.csv",
        roc=report(
            "results/mortality/{protocol}/{visit_model}/roc.png",
            caption="../workflow/report/mortality/roc.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"figure": "ROC curve", "model": "{visit_model}"},
        ),
        prc=report(
            "results/mortality/{protocol}/{visit_model}/prc.png",
            caption="../workflow/report/mortality/prc.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"figure": "precision-recall curve", "model": "{visit_model}"},
        ),
        confusion_figure=report(
            "results/mortality/{protocol}/{visit_model}/confusion.png",
            caption="../workflow/report/mortality/confusion.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"figure": "confusion matrix", "model": "{visit_model}"},
        ),
        reliability_figure=report(
            "results/mortality/{protocol}/{visit_model}/reliability.png",
            caption="../workflow/report/mortality/reliability.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"figure": "calibration", "model": "{visit_model}"},
        ),
    log:
        "results/logs/write_mortality_results/{protocol}_{visit_model}.log",
    benchmark:
        "results/benchmarks/write_mortality_results/{protocol}_{visit_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        rules=lookup("evaluation/thresholds", within=config),
        threshold=lookup("evaluation/threshold", within=config),
        study=study("mortality"),
    script:
        "../workflow/scripts/write_mortality_results.py"


rule describe_errors:
    """False positives and false negatives of one model: how many, of which groups, how sure."""
    input:
        predictions="results/mortality/{protocol}/{visit_model}/predictions.parquet",
        groups="results/mortality/groups.parquet",
        code=sources("mortality.misjudged"),
    output:
        report(
            "results/mortality/{protocol}/{visit_model}/errors.csv",
            caption="../workflow/report/mortality/errors.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"table": "false positives and negatives", "model": "{visit_model}"},
        ),
    log:
        "results/logs/describe_errors/{protocol}_{visit_model}.log",
    benchmark:
        "results/benchmarks/describe_errors/{protocol}_{visit_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        threshold=lookup("evaluation/threshold", within=config),
        study=study("mortality"),
    script:
        "../workflow/scripts/describe_errors.py"


rule draw_visit_training:
    """Loss, AUROC and AUPRC of a network by pass, on training and validation patients."""
    input:
        history="results/mortality/{protocol}/{recurrent}/history.csv",
        code=sources("mortality.model_results"),
    output:
        report(
            "results/mortality/{protocol}/{recurrent}/history.png",
            caption="../workflow/report/mortality/history.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"figure": "training history", "model": "{recurrent}"},
        ),
    log:
        "results/logs/draw_visit_training/{protocol}_{recurrent}.log",
    benchmark:
        "results/benchmarks/draw_visit_training/{protocol}_{recurrent}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study("mortality"),
    script:
        "../workflow/scripts/draw_visit_training.py"


rule describe_icu_cohort:
    """The cohort by outcome: age, sex, visits, intensive care, the most frequent codes."""
    input:
        spine="results/mortality/{protocol}/spine.parquet",
        visits=shards("results/mortality/{protocol}/visits/{shard}.parquet"),
        beside=cohorts_before,
        code=sources("mortality.description"),
    output:
        report(
            "results/mortality/{protocol}/table_one.csv",
            caption="../workflow/report/mortality/table_one.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"table": "cohort by outcome"},
        ),
    log:
        "results/logs/describe_icu_cohort/{protocol}.log",
    benchmark:
        "results/benchmarks/describe_icu_cohort/{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        study=study("mortality"),
    script:
        "../workflow/scripts/describe_icu_cohort.py"


rule describe_visits:
    """How many visits the patients have, before sequences are cut to the latest."""
    input:
        spine="results/mortality/{protocol}/spine.parquet",
        visits=shards("results/mortality/{protocol}/visits/{shard}.parquet"),
        beside=cohorts_before,
        code=sources("mortality.description"),
    output:
        table="results/mortality/{protocol}/visits.csv",
        summary="results/mortality/{protocol}/visits_summary.csv",
        figure=report(
            "results/mortality/{protocol}/visits.png",
            caption="../workflow/report/mortality/visits.rst",
            category="mortality",
            subcategory="{protocol}",
            labels={"figure": "visits per patient"},
        ),
    log:
        "results/logs/describe_visits/{protocol}.log",
    benchmark:
        "results/benchmarks/describe_visits/{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        study=study("mortality"),
    script:
        "../workflow/scripts/describe_visits.py"


rule compare_protocols:
    """All models under all protocols side by side."""
    input:
        predictions=[
            f"results/mortality/{protocol}/{model}/predictions.parquet"
            for protocol, model in MORTALITY_RUNS
        ],
        repeats=[
            f"results/mortality/{protocol}/{model}/repeats.csv"
            for protocol, model in MORTALITY_RUNS
        ],
        seconds=[
            f"results/benchmarks/mortality/{protocol}/{model}.json"
            for protocol, model in MORTALITY_RUNS
        ],
        code=sources("mortality.comparison"),
    output:
        table=report(
            "results/mortality/comparison.csv",
            caption="../workflow/report/mortality/comparison.rst",
            category="mortality",
            labels={"table": "comparison of all models"},
        ),
        figure=report(
            "results/mortality/comparison.png",
            caption="../workflow/report/mortality/comparison.rst",
            category="mortality",
            labels={"figure": "comparison of all models"},
        ),
        times="results/benchmarks/mortality/times.csv",
    log:
        "results/logs/compare_protocols.log",
    benchmark:
        "results/benchmarks/compare_protocols.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        runs=MORTALITY_RUNS,
        optimistic=sorted(OPTIMISTIC_MORTALITY.intersection(MORTALITY_PROTOCOLS)),
        threshold=lookup("evaluation/threshold", within=config),
        study=study("mortality"),
    script:
        "../workflow/scripts/compare_protocols.py"


rule price_leaks:
    """What the leaks of the published protocol are worth, all together and one by one."""
    input:
        predictions=[
            f"results/mortality/{protocol}/{model}/predictions.parquet"
            for protocol, model in LEAK_RUNS
        ],
        code=sources("mortality.leaks"),
    output:
        report(
            "results/mortality/leak.csv",
            caption="../workflow/report/mortality/leak.rst",
            category="mortality",
            labels={"table": "what the leaks are worth"},
        ),
    log:
        "results/logs/price_leaks.log",
    benchmark:
        "results/benchmarks/price_leaks.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        runs=LEAK_RUNS,
        priced=PRICED_KEYS,
        study=study("mortality"),
    script:
        "../workflow/scripts/price_leaks.py"
