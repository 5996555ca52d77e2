"""The workflow started from elsewhere, imported as a module, and in a project of one's own."""

import pickle
import subprocess

import pytest
import yaml
from checkouts import Checkout, copy_repository
from sandboxes import list_jobs

PATIENTS = "tables/hosp/patients/0.parquet"
HEADER = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
MODULE = """\
module mimicflow:
    snakefile: "{snakefile}"
    config: config
    {moved}

"""


@pytest.fixture(scope="module")
def checkout(repository, tmp_path_factory):
    return copy_repository(repository, tmp_path_factory.mktemp("anywhere") / "mimicflow")


@pytest.fixture
def elsewhere(checkout, tmp_path):
    """A folder with a table of its own and an overlay that names it, from there."""
    (tmp_path / "raw/hosp").mkdir(parents=True)
    rows = "".join(f"{i},F,50,2150,2011 - 2013,\n" for i in range(1, 40))
    (tmp_path / "raw/hosp/patients.csv").write_text(HEADER + rows)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"data": {"hosp": "raw/hosp"}}))
    return Checkout(tmp_path, uses=checkout.folder)


def made(run):
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def importing(folder, checkout, moved="", rules="use rule * from mimicflow", more=""):
    """Write a Snakefile that imports the workflow."""
    module = MODULE.format(snakefile=checkout.folder / "Snakefile", moved=moved)
    (folder / "Snakefile").write_text(f"{module}{rules}\n{more}")


def test_from_any_folder_results_lie_below_it_and_a_moved_workflow_reruns_nothing(
    checkout, elsewhere, repository, tmp_path_factory
):
    """The moved one is started where it lies, for the same directory."""
    asked = (f"results/{PATIENTS}", "--configfile", str(elsewhere.folder / "mine.yaml"))

    said = made(elsewhere.snakemake("--snakefile", f"{checkout.folder}/Snakefile", *asked))

    assert "ingest_table" in said and "make_hospital" not in said
    assert (elsewhere.folder / f"results/{PATIENTS}").is_file()
    assert not (checkout.folder / "results").exists()
    moved = copy_repository(repository, tmp_path_factory.mktemp("moved") / "other")
    assert moved.planned("--directory", str(elsewhere.folder), *asked) == {}


def test_an_imported_workflow_makes_all_below_its_prefix(checkout, elsewhere):
    """Its hospital too, which a parameter names; what it looks at before a job is looked at."""
    own = """
rule mine:
    input: "imported/results/tables/hosp/patients/0.parquet"
    output: "mine.txt"
    default_target: True
    shell: "touch {output}"

onstart:
    print("our own start")
"""
    importing(
        elsewhere.folder,
        checkout,
        moved='prefix: "imported"',
        rules="use rule * from mimicflow as mimicflow_*",
        more=own,
    )
    (elsewhere.folder / "mine.yaml").write_text(yaml.safe_dump({"synthetic": {"n_patients": 60}}))

    said = made(elsewhere.snakemake("--configfile", "mine.yaml"))

    assert "mimicflow_make_hospital" in said and "our own start" in said
    assert (elsewhere.folder / f"imported/results/{PATIENTS}").is_file()
    assert not (elsewhere.folder / "results").exists()
    assert len(list((elsewhere.folder / ".snakemake/owners").iterdir())) == 1
    assert elsewhere.planned("--configfile", "mine.yaml") == {}


def test_results_are_moved_as_a_whole_and_raw_folders_stay(checkout, elsewhere):
    importing(elsewhere.folder, checkout, moved='replace_prefix: {"results/": "out/"}')

    made(elsewhere.snakemake(f"out/{PATIENTS}", "--configfile", "mine.yaml"))

    assert (elsewhere.folder / f"out/{PATIENTS}").is_file()
    assert (elsewhere.folder / "out/.raw_content.json").is_file()
    assert not (elsewhere.folder / "results").exists()


def test_every_file_that_any_job_names_is_moved(checkout, elsewhere):
    importing(elsewhere.folder, checkout, moved='prefix: "imported"')
    tiny = str(checkout.folder / "presets/tiny.yaml")

    jobs = list_jobs(elsewhere, "all", "evaluation", "audit", "--configfile", tiny)

    named = {path for job in jobs for path in strings(pickle.loads(job["given"]))}  # noqa: S301
    assert len(jobs) > 400
    ours = {path for path in named if "results/" in path and str(checkout.folder) not in path}
    assert len(ours) > 1000
    assert [path for path in ours if not path.startswith("imported/results/")] == []


def strings(given):
    """All that stands in what an adapter is given."""
    waiting = [given.input, given.output, given.log, dict(given.params.items())]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as mapping:
                waiting += [*mapping.keys(), *mapping.values()]
            case list() | tuple() | set() as values:
                waiting += values


def test_a_workflow_that_is_fetched_finds_its_own_files(checkout, elsewhere, monkeypatch):
    """As the catalog has it imported: workflow/Snakefile of GitHub, here a folder in its place."""
    hosted = elsewhere.folder / "hosted/owner/mimicflow"
    hosted.mkdir(parents=True)
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(hosted))
    work_tree = (*git, "--git-dir", str(hosted / ".git"), "--work-tree", str(checkout.folder))
    for command in ((*git, "init", "-q", "-b", "main"), (*work_tree, "add", "."),
                    (*work_tree, "commit", "-q", "-m", "all")):  # fmt: skip
        subprocess.run(command, check=True)
    for name, value in {
        "HOME": str(elsewhere.folder / "home"), "XDG_CACHE_HOME": str(elsewhere.folder / "cache"),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": "https://github.com/",
        "GIT_CONFIG_KEY_0": f"url.file://{elsewhere.folder}/hosted/.insteadOf",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    importing(elsewhere.folder, checkout)
    snakefile = elsewhere.folder / "Snakefile"
    there = 'github("owner/mimicflow", path="workflow/Snakefile", branch="main")'
    snakefile.write_text(snakefile.read_text().replace(f'"{checkout.folder / "Snakefile"}"', there))

    made(elsewhere.snakemake(f"results/{PATIENTS}", "--configfile", "mine.yaml"))

    assert (elsewhere.folder / f"results/{PATIENTS}").is_file()


def test_a_project_of_ones_own(checkout, elsewhere):
    """Made, planned, run and changed with nothing but its own files."""
    project = Checkout(elsewhere.folder / "project", uses=checkout.folder)
    made(elsewhere.mimicflow("init", "project"))
    lines = [line for line in (project.folder / "Snakefile").read_text().splitlines() if line]
    assert len(lines) <= 6
    config = project.folder / "config.yaml"
    config.write_text(
        config.read_text().replace("hosp: results/synthetic/hosp", "hosp: ../raw/hosp")
    )

    made(project.mimicflow("run", f"results/{PATIENTS}"))

    assert (project.folder / f"results/{PATIENTS}").is_file()
    assert "Nothing to be done" in made(project.mimicflow("run", "-n", f"results/{PATIENTS}"))

    again = elsewhere.mimicflow("init", "project")
    assert again.returncode == 1 and "Snakefile" in again.stderr and "already" in again.stderr
