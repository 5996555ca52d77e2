"""Raw CSV to typed Parquet shards by patient; nothing that breaks the official schema gets further.

INPUTS   the folders under data: in the configuration; without credentials, a made-up hospital in MIMIC's own files
OUTPUTS  results/synthetic/{hosp,icu,ed,ecg}, with the truth that only tests and benchmarks may read;
         results/tables/{module}/{table}/{shard}.parquet with rejects and a report, results/manifest.json, results/mortality/manifest.json
STEPS    the made-up hospital: tables, then the waveforms of the ECGs that the tables name;
         each table in one pass, then all reports with the referential checks between tables

Where the raw files lie, whose they are, and what of them reruns what, stands here too: files that the
workflow makes are left to Snakemake. Others are `ancient` inputs whose SHA-256 is a parameter: another
content reruns whatever its time, a touched file reruns nothing.
"""

from mimicflow.raw.content import raw_sha256
from mimicflow.raw.files import find_raw_file
from mimicflow.raw.needs import REGISTRY, SECTIONS, tables_of
from mimicflow.raw.tables import TABLES

DATA = config["data"]
# Of a hospital; the tables of the made-up one are read before a second thread could help.
INGEST_THREADS = 1 if all(origin.is_made(module, DATA[module]) for module in origin.MODULES) else 2


def official_path(folder, table):
    return f"{folder}/{table.name}{'.csv.gz' if table.compressed else '.csv'}"


def made_tables(module):
    """The raw files of a module of the synthetic hospital: every table that has a schema."""
    folder = origin.MADE[module]
    return [official_path(folder, table) for table in TABLES.values() if table.module == module]


def registry_in(folder):
    return [f"{folder}/{table}.csv" for table in REGISTRY]


# The raw files that rules make.
MADE = {
    *(path for module in origin.MODULES for path in made_tables(module)),
    *(path for folder in (origin.MADE, origin.BUILT) for path in registry_in(folder["registry"])),
}


def raw_folder(module="{module}"):
    """A parameter: where the raw files of a module lie; a function, as it may have braces."""

    def folder_of_module(wildcards):
        return origin.folder(DATA, module.format(**dict(wildcards.items())))

    folder_of_module.section = module  # for raw_needs
    return folder_of_module


def raw_needs(jobs):
    """The raw tables and the sections of `data` that these jobs read."""
    tables, sections = set(), set()
    for job in jobs:
        for section in (getattr(param, "section", None) for param in job.rule.params):
            if section == "{module}":
                tables.add("{module}/{table}".format(**job.wildcards_dict))
            elif section:
                sections.add(section)
    return tables, sections


def declared(files):
    """An input function: these raw files; the time of those that no rule makes does not count."""

    def inputs(wildcards):
        # What is between braces would be a wildcard, and nothing escapes it: such a file is no
        # input, and the job finds it by the folder.
        return [
            path if path in MADE else ancient(path)
            for path in files(wildcards)
            if path in MADE or "{" not in path
        ]

    return inputs


def raw_content(files):
    """A parameter: the SHA-256 of these raw files; those that rules make are left to Snakemake."""

    def digests(wildcards):
        memory = Path(PLACE.moved("results/.raw_content.json"))
        return [raw_sha256(path, memory) for path in files(wildcards) if path not in MADE]

    return digests


def records(module, files):
    """An input function: synthetic recordings, so that they are made first; real ones are many."""

    def made_records(wildcards):
        return [f"{origin.MADE[module]}/{files}"] if origin.is_made(module, DATA[module]) else []

    return made_records


def marks(*names):
    """An input function: the generator's marks of what these systems or modules read, if all are there.

    Without names it is the system or module of the wildcards.
    """

    def marks_of_rule(wildcards):
        asked = names or [wildcards.get("system", wildcards.get("module"))]
        return origin.marks(DATA, [part for name in asked for part in SECTIONS.get(name, [name])])

    return marks_of_rule


def is_synthetic(*names):
    """A parameter: whether all that these systems read carries the generator's mark; as `marks`."""

    def has_all_marks(wildcards):
        return len(marks(*names)(wildcards)) > 0

    return has_all_marks


# By the folder of its manifest below results/.
TABLES_READ = {
    f"{'' if system == 'admission' else f'{system}/'}": tables_of(system, config)
    for system in SECTIONS
}


wildcard_constraints:
    read="(mortality/|arrest/)?",


def table_files(wildcards):
    """The file of a table, compressed or not; the synthetic hospital's when it is still to be made."""
    folder = raw_folder()(wildcards)
    table = TABLES[f"{wildcards.module}/{wildcards.table}"]
    made = official_path(folder, table)
    return [made if made in MADE else str(find_raw_file(folder, table))]


def tables_read(paths):
    """An input function: these paths for every table that the manifest of the rule covers."""

    def paths_of_tables(wildcards):
        return collect(paths, table=TABLES_READ[wildcards["read"]])

    return paths_of_tables


rule make_hospital:
    """Patients, visits and their tables, with known probabilities of admission and of death."""
    input:
        code=sources("synthetic"),
    output:
        hosp=made_tables("hosp"),
        icu=made_tables("icu"),
        ed=made_tables("ed"),
        ecg=made_tables("ecg"),
        truth="results/synthetic/truth.parquet",
        truth_mortality="results/synthetic/truth_mortality.parquet",
        dirt="results/synthetic/dirt.parquet",
        marks=[f"{origin.MADE[module]}/{origin.MARK}" for module in origin.MODULES],
    log:
        "results/logs/make_hospital.log",
    benchmark:
        "results/benchmarks/make_hospital.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        synthetic=lookup("synthetic", within=config),
        seed=config["seed"]["hospital"],
    script:
        "../workflow/scripts/make_hospital.py"


rule make_waveforms:
    """One WFDB record per ECG, showing what the hidden state of that moment would show."""
    input:
        record_list="results/synthetic/ecg/record_list.csv",
        code=sources("synthetic"),
    output:
        files=directory("results/synthetic/ecg/files"),
    log:
        "results/logs/make_waveforms.log",
    benchmark:
        "results/benchmarks/make_waveforms.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        synthetic=lookup("synthetic", within=config),
        seed=config["seed"]["hospital"],
    script:
        "../workflow/scripts/make_waveforms.py"


rule make_icu:
    """A made-up ICU: bedside ECG beat by beat, numerics, and arrests whose hazard is known."""
    input:
        code=sources("synthetic.icu.hospital"),
    output:
        recordings="results/synthetic/registry/recordings.csv",
        stays="results/synthetic/registry/stays.csv",
        arrests="results/synthetic/registry/arrests.csv",
        records=directory("results/synthetic/registry/records"),
        marker="results/synthetic/registry/SYNTHETIC",
        truth="results/synthetic/truth_arrest.parquet",
    log:
        "results/logs/make_icu.log",
    benchmark:
        "results/benchmarks/make_icu.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(1500),
        runtime="30m",
    params:
        icu=lookup("synthetic/icu", within=config),
        permute_labels=lookup("synthetic/permute_labels", within=config),
        seed=config["seed"]["hospital"],
    script:
        "../workflow/scripts/make_icu.py"


rule ingest_table:
    """One raw table, checked against its schema in src/mimicflow/raw/tables, sharded by subject_id."""
    input:
        raw=declared(table_files),
        marks=marks(),
        code=sources("raw.ingest"),
    output:
        shards=shards("results/tables/{module}/{table}/{shard}.parquet"),
        rejects="results/tables/{module}/{table}/rejects.parquet",
        report="results/tables/{module}/{table}/report.json",
    log:
        "results/logs/ingest_table/{module}_{table}.log",
    benchmark:
        "results/benchmarks/ingest_table/{module}_{table}.tsv"
    wildcard_constraints:
        table="(?!d_)[a-z_]+",
    conda:
        "../envs/cpu.yaml"
    threads: INGEST_THREADS
    resources:
        mem_mb=memory(1000),
        runtime="2h",
    params:
        folder=raw_folder(),
        raw=raw_content(table_files),
        ingest=lookup("ingest", within=config),
    script:
        "../workflow/scripts/ingest_table.py"


# A table that explains codes belongs to no patient, so that it is one file.
use rule ingest_table as ingest_dictionary with:
    output:
        shards=["results/tables/{module}/{table}/0.parquet"],
        rejects="results/tables/{module}/{table}/rejects.parquet",
        report="results/tables/{module}/{table}/report.json",
    wildcard_constraints:
        table="d_[a-z_]+",


rule build_manifest:
    """What was read: rows, bytes, SHA-256, versions, and rows that refer to nothing."""
    input:
        reports=tables_read("results/tables/{table}/report.json"),
        shards=tables_read(shards("results/tables/{table}/{shard}.parquet")),
        code=sources(
            "concepts.manifest",
            "concepts/macros.sql",
            "concepts/lab_items.sql",
        ),
    output:
        "results/{read}manifest.json",
    log:
        "results/logs/{read}build_manifest.log",
    benchmark:
        "results/benchmarks/{read}build_manifest.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        strict=lookup("ingest/strict", within=config),
    script:
        "../workflow/scripts/build_manifest.py"
