"""Files that are not what they claim to be: one clear message each, and nothing left behind."""

import gzip
import hashlib

import pytest
from made_raw_tables import PATIENTS_HEADER, patients, write

from mimicflow.errors import InputError, TableError
from mimicflow.raw.ingest import ingest_table


def corrupt(raw, content, name="patients.csv.gz"):
    raw.mkdir()
    (raw / name).write_bytes(content)


PLAIN = ("\n".join([PATIENTS_HEADER, *patients(20000)]) + "\n").encode()
PACKED = gzip.compress(PLAIN, mtime=0)

BAD_FILES = {
    "truncated": (PACKED[: len(PACKED) // 2], "patients.csv.gz", "ends too early", "download"),
    "truncated in the first block": (PACKED[:300], "patients.csv.gz", "ends too early", "download"),
    "trailer cut off": (PACKED[:-4], "patients.csv.gz", "ends too early", "download"),
    "damaged": (PACKED[:12] + b"\xff" * 400, "patients.csv.gz", "damaged", "download"),
    "web page": (
        b"\n<!DOCTYPE html><html><body>Log in</body></html>",
        "patients.csv.gz",
        "web page",
        "log in",
    ),
    "compressed web page": (gzip.compress(b"<HTML>"), "patients.csv.gz", "web page", "log in"),
    "plain called gz": (PLAIN, "patients.csv.gz", "not compressed", "rename it to patients.csv"),
    "gz called plain": (PACKED, "patients.csv", "is compressed", "rename it to patients.csv.gz"),
    "no bytes": (b"", "patients.csv.gz", "is empty", "download"),
    "compressed nothing": (gzip.compress(b""), "patients.csv.gz", "holds nothing", "download"),
    "semicolons": (PLAIN.replace(b",", b";"), "patients.csv", "semicolons", "commas"),
    "tabs": (PLAIN.replace(b",", b"\t"), "patients.csv", "tabs", "commas"),
    "utf-16": (PLAIN.decode().encode("utf-16"), "patients.csv", "not UTF-8", "UTF-8"),
    "latin-1 header": (b"subject_id,\xe9\n1,2\n", "patients.csv", "not UTF-8", "UTF-8"),
    "latin-1 rows": (
        PLAIN.replace(b"2011", b"\xe9t\xe9"),
        "patients.csv.gz.plain",
        "not UTF-8",
        "save the file as UTF-8",
    ),
    "carriage returns": (
        PLAIN.replace(b"\n", b"\r"),
        "patients.csv.gz.plain",
        "line 1: the first line holds a carriage return",
        "line feed",
    ),
    "repeated column": (
        PLAIN.replace(b"gender", b"subject_id", 1),
        "patients.csv",
        "repeats subject_id",
        "once",
    ),
    "missing columns": (
        PLAIN.replace(b"gender,anchor_age", b"sex,age", 1),
        "patients.csv",
        "columns gender, anchor_age missing",
        "official hosp/patients",
    ),
    "no header": (
        PLAIN.split(b"\n", 1)[1],
        "patients.csv",
        "missing; the header has: 6 fields, none of them a column of this table\n",
        "header",
    ),
    "too many rejects": (
        PLAIN.replace(b"2150", b"21x0"),
        "patients.csv",
        "20000 of 20000 rows",
        "max_reject_share",
    ),
    "too many empty": (
        PLAIN.replace(b",F,", b",,"),
        "patients.csv",
        "10000 of 20000 rows cannot be used, more than the share of 0.001 allowed "
        "(line 2 column gender: empty; line 4",
        "max_reject_share",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("earlier", [False, True])
def test_bad_file_is_named_with_a_remedy_and_leaves_no_output(raw, out, case, earlier):
    content, name, message, remedy = BAD_FILES[case]
    corrupt(raw, content, name.removesuffix(".gz.plain"))
    if earlier:  # the result of an earlier, good run is neither touched nor mixed
        write(out.parent / "good", "patients.csv", patients())
        ingest_table(out.parent / "good", "hosp/patients", out)
    before = sorted(path.relative_to(out.parent) for path in out.parent.rglob("*"))
    with pytest.raises(TableError) as error:
        ingest_table(raw, "hosp/patients", out, shards=2)
    text = str(error.value)
    assert str(raw / "patients.csv") in text
    assert message in text
    assert remedy in text.split("What to do: ")[1]
    if out.parent.exists():
        assert sorted(path.relative_to(out.parent) for path in out.parent.rglob("*")) == before


def test_missing_file(raw, out, tmp_path):
    with pytest.raises(InputError, match="missing") as error:
        ingest_table(raw, "hosp/patients", out)
    assert "no such folder: correct data.hosp" in str(error.value)
    raw.mkdir()
    with pytest.raises(InputError, match=r"put patients.csv.gz or patients.csv into the folder"):
        ingest_table(raw, "hosp/patients", out)
    write(raw, "patients.csv", patients())
    with pytest.raises(InputError, match=r"set data.hosp in the config to .*/hosp$"):
        ingest_table(tmp_path, "hosp/patients", out)
    assert not out.parent.exists()


def test_two_files_of_one_table(raw, out):
    write(raw, "patients.csv", patients())
    write(raw, "patients.csv.gz", patients())
    with pytest.raises(InputError, match="both"):
        ingest_table(raw, "hosp/patients", out)


def test_table_of_which_nothing_is_used(raw, out):
    write(raw, "transfers.csv", ["1,2,3,4,5,6,7"], "subject_id,a,b,c,d,e,f")
    with pytest.raises(TableError, match="no column of hosp/transfers is in use"):
        ingest_table(raw, "hosp/transfers", out)


def test_checksum_of_the_release(raw, out):
    file = write(raw, "patients.csv", patients())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    sums = raw.parent / "SHA256SUMS.txt"
    sums.write_text(f"{'0' * 64} other.csv\n{digest} hosp/patients.csv\n")
    assert ingest_table(raw, "hosp/patients", out)["sha256_verified"] is True
    for encoding, blanks in (("utf-16", "  "), ("utf-8-sig", " *"), ("utf-8", "\t./")):
        text = f"{'0' * 64} other.csv\r\n{digest.upper()}{blanks}hosp/patients.csv\r\n"
        sums.write_text(text, encoding=encoding)
        assert ingest_table(raw, "hosp/patients", out)["sha256_verified"] is True
    sums.write_text("\n")
    assert ingest_table(raw, "hosp/patients", out)["sha256_verified"] is False
    sums.write_text(f"{'0' * 64}  hosp/patients.csv\n")
    with pytest.raises(TableError, match="differs from its entry in SHA256SUMS"):
        ingest_table(raw, "hosp/patients", out.with_name("second"))
    assert not out.with_name("second").exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"\xff\xfe1", "is not UTF-8 text"),
        (b"\xe9\n", "is not UTF-8 text"),
        (b"<html>", "has no line with 64 hexadecimal digits"),
        (f"SHA256 (hosp/patients.csv) = {'0' * 64}\n".encode(), "has no line with 64 hexadecimal"),
        (f"{'0' * 63}  hosp/patients.csv\n".encode(), "has no line with 64 hexadecimal digits"),
    ],
)
def test_a_list_of_checksums_that_cannot_be_read_is_reported(raw, out, content, message):
    write(raw, "patients.csv", patients())
    (raw / "SHA256SUMS.txt").write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        ingest_table(raw, "hosp/patients", out)
    assert "SHA256SUMS.txt: the list of checksums" in str(error.value)
    assert "download it again, or remove it" in str(error.value)
    assert not out.exists()
