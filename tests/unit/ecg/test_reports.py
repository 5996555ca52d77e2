"""Labels of report statements, worked out by hand from the rules of the table."""

import csv

import pytest

from mimicflow.ecg.reports import label_statement, normalise, vocabulary

DROP, IGNORE = "!drop_record", "!ignore_statement"


def test_vocabulary_has_75_labels_in_file_order():
    labels = vocabulary()
    assert len(labels) == len(set(labels)) == 75
    assert labels[0] == "3_degree_a-v"
    assert labels[-1] == "normal ecg except for rate"
    assert not [label for label in labels if label.startswith("!")]


def test_every_label_can_be_reached(repository):
    table = repository / "src" / "mimicflow" / "reference" / "ecg_report_labels.csv"
    with open(table, newline="", encoding="utf-8") as stream:
        texts = [text for row in csv.DictReader(stream) for text in row["patterns"].split(";")]
    assert set(vocabulary()) <= set().union(*(label_statement(text) for text in texts))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Sinus Rhythm", "sinus rhythm"),
        ("  Sinus   rhythm. ", "sinus rhythm"),
        ("Abnormal ECG...", "abnormal ecg"),
        ("Summary: Normal ECG", "normal ecg"),
        ("Pacer - Summary: abnormal ECG.", "pacer - abnormal ecg"),
        ("...", ""),
        ("", ""),
    ],
)
def test_normalise(raw, text):
    assert normalise(raw) == text
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("statement", "labels"),
    [
        # step A, A2
        ("all 12 leads are missing", {DROP}),
        ("poor quality data, interpretation may be affected", {DROP}),
        ("right and left arm electrode reversal, interpretation assumes no reversal", {DROP}),
        ("pacer detection suspended due to external noise-review advised", {IGNORE}),
        ("age not entered, assumed to be 50 years old for purpose of ecg interpretation", {IGNORE}),
        ("lead(s) unsuitable for analysis: v1", {IGNORE}),
        ("a-v dissociation with unclassified aberrant complexes", {IGNORE}),
        # step B: atrioventricular block
        ("complete av block", {"3_degree_a-v"}),
        ("complete a-v block", {"3_degree_a-v"}),
        ("third degree a-v block", {"3_degree_a-v"}),
        ("incomplete av block", set()),
        ("second degree a-v block, mobitz i", {"2_degree_a-v"}),
        ("2:1 av block", {"2_degree_a-v"}),
        ("atrial flutter with 2:1 conduction", {"atrial flut"}),
        ("sinus rhythm with 12:1 block", {"sinus rhy"}),
        ("predominant 3:1 av block", {"2_degree_a-v", "predominant 3:1 av block"}),
        ("sinus rhythm with borderline 1st degree a-v block", {"1_degree_a-v", "sinus rhy"}),
        # step B: premature complexes
        ("ventricular premature complex(es)", {"pvc(s)"}),
        ("supraventricular premature complex", set()),
        ("ventricular couplets", {"pvc(s)"}),
        ("supraventricular couplets", set()),
        ("multiple premature complexes, vent & supraven", {"pvc(s)"}),
        ("sinus rhythm with pvcs", {"pvc(s)", "sinus rhy"}),
        ("sinus rhythm with pacs", {"pac(s)", "sinus rhy"}),
        # step B: rate, bundle branches, axis, atria
        ("atrial fibrillation with rapid ventricular response", {"RVR", "atrial fib"}),
        ("atrial fibrillation, v-rate 50-99", {"atrial fib"}),
        ("atrial fibrillation with slow ventricular response", {"SVR", "atrial fib"}),
        ("left bundle branch block", {"LBBB"}),
        ("lbbb", {"LBBB"}),
        ("incomplete left bundle branch block", set()),
        ("ilbbb", set()),
        ("ivcd, consider atypical lbbb", {"IVCD"}),
        ("incomplete rbbb", {"RBBB"}),
        ("rbbb with lafb", {"RBBB", "LAFB"}),
        ("lad, consider left anterior fascicular block", {"Left axis dev", "LAFB"}),
        ("anterior infarct, acute (lad)", {"infarct, acute"}),
        ("infarct, acute (proximal lad or diagonal)", {"infarct, acute"}),
        ("lad (probable)", {"Left axis dev"}),
        ("glad", set()),
        ("lae, consider biatrial enlargement", {"LA enlargement", "RA enlargement"}),
        ("probable lae", {"LA enlargement"}),
        ("laevocardia", set()),
        ("rae", {"RA enlargement"}),
        (
            "low voltage, extremity and precordial leads",
            {"low voltage precordial", "low voltage limb"},
        ),
        ("probable supraventricular tachycardia", {"SV Tachycardia"}),
        ("a supraventricular tachycardia", set()),
        # step C takes the statement from D
        ("sinus tachycardia with atrial premature complexes", {"pac(s)"}),
        ("sinus rhythm with sinus arrhythmia", {"sinus_arrh"}),
        ("atrial fibrillation, ventricular pacing", {"paced"}),
        ("junctional rhythm", {"junctional_rhythm"}),
        ("accelerated idioventricular rhythm", {"idioventricular_rhythm"}),
        # step D: the first row takes the statement
        ("st depression, consider ischemia", {"depression"}),
        ("anterior ischemia", {"ischemia"}),
        ("infarct, old", {"infarct, old"}),
        ("inferior infarct - possibly acute", {"infarct, acute"}),
        ("inferior infarct, possibly acute", {"infarct, acute"}),
        ("inferior infarct - age indeterminate", {"infarct - age undetermined"}),
        ("inferior infarct, age indeterminate", {"infarct - age undetermined"}),
        ("inferior infarct - age undetermined", {"infarct - age undetermined"}),
        ("possible inferior infarct", set()),
        ("nonspecific st-t abnormalities", {"t abnormalities"}),
        ("nonspecific st-t changes", {"st-t changes"}),
        ("borderline t abnrm, anterior leads", {"t abnormalities"}),
        ("left ventricular hypertrophy with repol abnormality", {"ventricular hypertrophy"}),
        ("lvh with secondary repol abnormality", {"lvh", "ventricular hypertrophy"}),
        # step E: equality only
        ("normal ecg", {"normal ecg"}),
        ("abnormal ecg", {"abnormal ecg"}),
        ("abnormal", {"abnormal ecg"}),
        ("abnormal r-wave progression, early transition",) * 2,
        ("otherwise normal ecg", set()),
        ("borderline", {"borderline ecg"}),
        ("borderline intraventricular delay", set()),
        ("normal ecg except for rate", {"normal ecg except for rate"}),
        ("supraventricular bigeminy", {"supraventricular bigeminy"}),
        ("ventricular bigeminy", {"ventricular bigeminy"}),
        ("aberrant complex", {"aberrant complex"}),
        ("multiple aberrant complexes", set()),
        ("av dissociation", {"a-v dissociation"}),
        # step F
        ("repolarization abnormality, prob rate related", {"repol abnormality"}),
        ("lvh by voltage", {"lvh", "ventricular hypertrophy"}),
    ],
)  # fmt: skip
def test_label_statement(statement, labels):
    expected = {labels} if isinstance(labels, str) else labels
    assert label_statement(normalise(statement)) == expected
