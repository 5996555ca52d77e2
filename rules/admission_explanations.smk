"""What drives a prediction: features, branches, and moments of the ECG.

INPUTS   fitted models and baselines, the cohort's tables
OUTPUTS  results/admission/explanations, results/admission/price_of_defects.csv
STEPS    importance per fold and over folds, integrated gradients, models without a branch,
         models under each published defect
"""

ABLATIONS = protocols.ablations(config)
# By row and model: the predictions under our rule and under the published one.
PRICED = {
    (row, model): tuple(
        prediction_of_scenario(name, model) for name in protocols.sides(row).values()
    )
    for row in protocols.priced_rows(config)
    for model in protocols.PRICED
}


rule explain_baseline:
    """Permutation and SHAP importance of a baseline on the test patients of a fold."""
    input:
        final_ecgs=at("final_ecgs.parquet"),
        spine=at("cohort/spine.parquet"),
        code=sources("admission.explain_baselines"),
    output:
        "results/{scenario}admission/explanations/{kind}_{subset}.csv",
    log:
        "results/{scenario}logs/explain_baseline/{kind}_{subset}.log",
    benchmark:
        "results/{scenario}benchmarks/explain_baseline/{kind}_{subset}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(3000),
        runtime="4h",
    params:
        options=setting("baselines/{kind}"),
        acuity_median=setting("features/acuity_median"),
        repeats=lookup("explanations/permutation_repeats", within=config),
        shap_rows=lookup("explanations/shap_rows", within=config),
        seed=setting("seed/weights"),
    script:
        "../workflow/scripts/explain_baseline.py"


rule combine_importance:
    """Importance of each feature over the folds, and the leading ones drawn."""
    input:
        **{
            name: collect(
                "results/scenarios/{fold}/admission/explanations/{baseline}.csv",
                baseline=name,
                fold=protocols.folds("nested", config),
            )
            for name in BASELINES
        },
        code=sources("evaluation.importance"),
    output:
        table="results/admission/explanations/importance.csv",
        training=report(
            "results/admission/explanations/importance_training.png",
            caption="../workflow/report/admission/importance.rst",
            category="admission",
            labels={"figure": "feature importance, impurity and gain"},
        ),
        permutation=report(
            "results/admission/explanations/importance_permutation.png",
            caption="../workflow/report/admission/importance.rst",
            category="admission",
            labels={"figure": "feature importance, permutation"},
        ),
        shap=report(
            "results/admission/explanations/importance_shap.png",
            caption="../workflow/report/admission/importance.rst",
            category="admission",
            labels={"figure": "feature importance, SHAP"},
        ),
    log:
        "results/logs/combine_importance.log",
    benchmark:
        "results/benchmarks/combine_importance.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        subsets={name: COMPARED[name] for name in BASELINES},
        study=study("admission"),
    script:
        "../workflow/scripts/combine_importance.py"


# The main model with all that it reads of a stay, and as it was trained.
EXPLAINED = dict(
    weights="results/all_stays_model.pth",
    final_ecgs="results/final_ecgs.parquet",
    gsn_etc="results/features/gsn_etc.parquet",
    vitals="results/vitals_long_cleaned.parquet",
    cohort_ecgs="results/cohort/ecgs.parquet",
    spine="results/cohort/spine.parquet",
    stores=shards("results/ecg/store/{shard}.npy"),
    indices=shards("results/ecg/store/{shard}.parquet"),
    network=network_files,
)
AS_TRAINED = dict(
    preprocessing={
        **options("features", "acuity_median", "outliers"),
        **options("vitals", "imputer_rows", "max_rows"),
        **options("split", "stopping", "multi"),
    },
    architecture=lookup("encoder/architecture", within=config),
    steps=lookup("explanations/attribution_steps", within=config),
    positive_class=lookup("cohort/positive_class", within=config),
    study=study("admission"),
)


rule explain_model:
    """Integrated gradients of the multimodal model: static features, and four ECGs on paper."""
    input:
        **EXPLAINED,
        code=sources("admission.explain_models", "admission.inputs"),
    output:
        attributions="results/admission/explanations/attributions.csv",
        true_positive="results/admission/explanations/ecg_true_positive.png",
        false_positive="results/admission/explanations/ecg_false_positive.png",
        true_negative="results/admission/explanations/ecg_true_negative.png",
        false_negative="results/admission/explanations/ecg_false_negative.png",
    log:
        "results/logs/explain_model.log",
    benchmark:
        "results/benchmarks/explain_model.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
        gpu=1,
    params:
        **AS_TRAINED,
        rows=lookup("explanations/attribution_rows", within=config),
    script:
        "../workflow/scripts/explain_model.py"


rule explain_stay:
    """What the features and the ECGs of one stay add to its prediction; asked for by its id."""
    input:
        **EXPLAINED,
        code=sources("admission.explain_stay", "admission.inputs"),
    output:
        table="results/admission/explanations/stays/{stay_id}.csv",
        ecg="results/admission/explanations/stays/{stay_id}.png",
    log:
        "results/logs/explain_stay/{stay_id}.log",
    benchmark:
        "results/benchmarks/explain_stay/{stay_id}.tsv"
    wildcard_constraints:
        stay_id="[0-9]+",
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
        gpu=1,
    params:
        **AS_TRAINED,
    script:
        "../workflow/scripts/explain_stay.py"


rule ablate_branches:
    """The multimodal model trained anew without ECGs, vital signs or static features."""
    input:
        full="results/admission/all_stays_model/predictions.parquet",
        removed=collect(
            "results/scenarios/{name}/admission/all_stays_model/predictions.parquet",
            name=ABLATIONS.values(),
        ),
        code=sources("admission.ablation"),
    output:
        table="results/admission/explanations/ablation.csv",
        figure=report(
            "results/admission/explanations/ablation.png",
            caption="../workflow/report/admission/ablation.rst",
            category="admission",
            labels={"figure": "branch ablation"},
        ),
    log:
        "results/logs/ablate_branches.log",
    benchmark:
        "results/benchmarks/ablate_branches.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        branches=list(ABLATIONS),
        study=study("admission"),
    script:
        "../workflow/scripts/ablate_branches.py"


rule price_defects:
    """What each known defect of the published pipeline is worth, our rule beside the published."""
    input:
        predictions=[path for pair in PRICED.values() for path in pair],
        code=sources("admission.price"),
    output:
        report(
            "results/admission/price_of_defects.csv",
            caption="../workflow/report/admission/price_of_defects.rst",
            category="admission",
            labels={"table": "price of defects"},
        ),
    log:
        "results/logs/price_defects.log",
    benchmark:
        "results/benchmarks/price_defects.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="1h",
    params:
        predictions=PRICED,
        study=study("admission"),
    script:
        "../workflow/scripts/price_defects.py"
