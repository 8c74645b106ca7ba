"""A visitor's own data: what is taken, and what is refused by row and column."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import data_input
from dashboard.data_input import Table, edited, read, read_rows
from dashboard.scenario import Scenario, for_dataset
from nnlib import load_dataset

GOOD = "a,b,label\n1,2,yes\n3,4,no\n5,6,yes\n7,8,no\n"


def test_a_header_is_optional_and_the_label_is_the_named_column_or_the_last():
    table = read(GOOD)
    assert table.names == ("a", "b", "label")
    assert table.rows == ((1, 2), (3, 4), (5, 6), (7, 8))
    assert table.labels == ("yes", "no", "yes", "no")
    assert read(GOOD.split("\n", 1)[1]).names == ("x1", "x2", "label")
    first = read("class,a,b\nyes,1,2\nno,3,4\nyes,5,6\nno,7,8\n")
    assert first.names == ("a", "b", "class")
    assert (first.rows, first.labels) == (table.rows, table.labels)


def test_bytes_semicolons_and_a_byte_order_mark_are_understood():
    assert read(b"\xef\xbb\xbf" + GOOD.replace(",", ";").encode()) == read(GOOD)


def test_two_labels_are_one_column_and_more_are_one_hot_and_numbers_are_a_regression():
    two = read(GOOD).dataset()
    assert two.Y.tolist() == [[0], [1], [0], [1]]
    assert two.class_names == ("yes", "no")
    three = read("1,r\n2,g\n3,b\n4,g\n").dataset()
    assert three.Y.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    numbers = read("1,10\n2,2\n3,10\n4,2\n").dataset()
    assert numbers.class_names == ("2", "10")
    assert read("1,.5\n2,2\n3,3.5\n4,2\n").dataset().is_regression


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "There is nothing in it."),
        (" \n\n", "There is nothing in it."),
        (b"\x00\x01\x02", "binary"),
        (b"a,b\n1,\xff\n", "Row 2 is not UTF-8 text"),
        ("1\n2\n3\n4\n", "There is one column."),
        ("a,b\n1,x\n,y\n2,x\n3,y\n", "Row 2, column 1 ('a'): a number is missing."),
        ("a,b\n1,x\ntwo,y\n2,x\n3,y\n", "Row 2, column 1 ('a'): 'two' is not a number."),
        ("a,b\n1,x\nnan,y\n2,x\n3,y\n", "Row 2, column 1 ('a'): 'nan' is not a finite number."),
        ("a,b\n1,x\n1e999,y\n2,x\n3,y\n", "'1e999' is not a finite number."),
        ("a,b\n1,x\n1e300,y\n2,x\n3,y\n", "'1e300' is too large."),
        ("a;b\n1,5;x\n2;y\n2;x\n3;y\n", "Write decimals with a point."),
        ("a,a,c\n1,2,x\n3,4,y\n1,2,x\n3,4,y\n", "Columns 1 and 2 are both called 'a'."),
        ("a,b\n1,x\n2,3,y\n2,x\n3,y\n", "Row 2 has 3 cells, but there are 2 columns."),
        ("a,b\n1,x\n2,y\n3,\n3,y\n", "Row 3, column 2 ('b'): the label is missing."),
        ("a,b\n1,x\n2,x\n3,x\n4,x\n", "Every row has the label 'x'."),
        ("a,b\n1,x\n2,y\n", "There are 2 rows. At least 4 are needed."),
        ("a,b\n" + "1,x\n" * 501, "There are 501 rows. At most 500 are read."),
        ("1,x\n" * 1_000_000, "The file has 4,000,000 bytes."),
        (",".join("abcdefghij") + "\n" + ",".join("1234567890") + "\n", "At most 8 fit"),
        ("a,b\n" + "1,x\n" * 60_000, "There are 60,000 rows. At most 500 are read."),
        ("," * 200_000, "nothing in it"),
        ("1" + ",1" * 100_000, "There are 100,000 input columns. At most 8 fit"),
        ('"' + "x" * 200_000, "CSV"),
        ('a,b\n1,"' + "x\n" * 60_000 + '"\n', "a label is one line of at most 24 characters"),
        ("é,b\n1,x\n2,y\n".encode("latin-1"), "Row 1 is not UTF-8 text. Save the table as CSV in UTF-8."),
        ("a,b\n1,x\n2,y\n".encode("utf-16"), "Row 1 is not UTF-8 text"),
        ("a,b\n1,x\n2,1e10\n3,x\n4,x\n", "'1e10' is not a finite number up to 1e+09"),
        ("a,b\n" + "".join(f"{i},c{i}\n" for i in range(9)), "holds 9 different labels"),
    ],
)
def test_what_is_wrong_is_named(content, message):
    found = read(content)
    assert isinstance(found, list)
    assert any(message in problem for problem in found), found


def test_many_problems_are_counted_and_not_all_listed():
    found = read("a,b\n" + "x,y\n" * 30)
    assert len(found) == data_input.SHOWN + 1
    assert found[-1] == "And 25 more."


def test_a_formula_or_a_script_is_only_text():
    table = read("a,label\n1,=1+1\n2,<script>alert(1)</script\n3,=1+1\n4,=1+1\n")
    assert set(table.labels) == {"=1+1", "<script>alert(1)</script"}
    assert "'=2*3' is not a number" in read("a,label\n1,x\n=2*3,y\n3,x\n4,y\n")[0]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_in_words_or_give_a_table(content):
    check(read(content))


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from('01.,;\t\n\r"-eyaxNa= \x85\u2028'), max_size=120))
def test_random_tables_are_refused_in_words_or_give_a_table(content):
    check(read(content))


def check(found):
    if isinstance(found, list):
        assert found
        assert all(isinstance(problem, str) and problem and len(problem) < 400 for problem in found)
        return
    assert isinstance(found, Table)
    data = found.dataset()
    assert data.X.shape == (len(found.rows), len(found.names) - 1)
    text = found.text()
    assert read(text) == found
    assert Scenario(**for_dataset("own", text), own_data=text).samples == len(found.rows)


def test_typed_changes_are_applied_to_cells_and_rows():
    rows = [["1", "x"], ["2", "y"], ["3", "x"]]
    changes = {"edited_rows": {0: {"a": "9"}}, "deleted_rows": [1], "added_rows": [{"a": "5", "label": "z"}, {}]}
    assert edited(rows, ["a", "label"], changes) == [["9", "x"], ["3", "x"], ["5", "z"], [None, None]]
    assert rows[0] == ["1", "x"]


def test_a_typed_table_skips_empty_rows_and_has_its_own_limit():
    assert read_rows(["a", "label"], [["1", "x"], [None, None], ["2", "y"], ["3", "x"], ["4", "y"]]).labels == (
        "x", "y", "x", "y",
    )  # fmt: skip
    assert "takes 64" in read_rows(["a", "label"], [["1", "x"]] * 65)[0]
    assert "Row 2, column 1 ('a')" in read_rows(["a", "label"], [["1", "x"], [None, "y"], ["2", "x"], ["3", "y"]])[0]


@pytest.mark.parametrize("name", ["iris", "xor", "sine"])
def test_a_data_set_can_be_put_into_the_table(name):
    data = load_dataset(name)
    copied = read(data_input.text_of(data)).dataset()
    n = min(len(data.X), data_input.MAX_TYPED)
    assert copied.X.tolist() == data.X[:n].tolist()
    if data.is_regression:
        assert copied.Y.tolist() == data.Y[:n].tolist()


def test_a_scenario_refuses_own_data_that_cannot_be_read():
    with pytest.raises(ValueError, match=re.escape("own data: Row 1, column 1")):
        Scenario(dataset="own", own_data="a,b\n?,x\n2,y\n3,x\n4,y\n")
    with pytest.raises(ValueError, match="all 8 rows"):
        Scenario(dataset="own", samples=5)
