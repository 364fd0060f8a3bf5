"""Drives the built program through the package, as a notebook does."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

import sunward

SQUARES = """
name: squares
params:
  rows: { type: int, default: 3 }
  words: { type: list, default: [a] }
  text: { type: string, default: plain }
  big: { type: bool, default: false }
stages:
  square:
    scatter: { over: { range: 2 } }
    run: |
      { echo n,square; for n in $(seq ${{ params.rows }}); do echo "$n,$((n * n))"; done; } > ${{ outputs.t }}
    outputs: { t: { format: csv, schema: { n: int64, square: int64 } } }
  note:
    run: |
      echo "hello from note"
      printf '%s\\n' ${{ params.words }} > ${{ outputs.words }}
      printf '%s %s' ${{ params.text }} ${{ params.big }} > ${{ outputs.text }}
    outputs: { words: { format: file, ext: txt }, text: { format: file, ext: txt } }
  never:
    scatter: { over: { range: 0 } }
    run: "true > ${{ outputs.t }}"
    outputs: { t: { format: csv, schema: { n: int64, s: utf8 } } }
outputs: { squares: square.t, words: note.words }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUNWARD_HOME", raising=False)
    (tmp_path / "w.yaml").write_text(SQUARES)
    return tmp_path


def test_a_table_is_mapped_and_not_copied(folder):
    run = sunward.run("w.yaml", show=False)
    table = run["square.t"]
    assert table.schema == pa.schema([("n", pa.int64()), ("square", pa.int64())])
    assert table["square"].to_pylist() == [1, 4, 9, 1, 4, 9]
    assert table == run["squares"]
    before = pa.total_allocated_bytes()
    mapped = run["square.t"]
    assert pa.total_allocated_bytes() == before and mapped.num_rows == 6
    assert all(pa.ipc.open_file(path).read_all().num_rows == 3 for path in run.paths("square.t"))


def test_what_is_not_a_table_is_a_path(folder):
    run = sunward.run("w.yaml", show=False)
    assert isinstance(run["note.words"], Path)
    assert run["words"].read_text() == "a\n"
    assert sorted(run) == ["squares", "words"]


def test_a_result_without_rows_has_its_columns(folder):
    run = sunward.run("w.yaml", show=False)
    assert run["never.t"].schema == pa.schema([("n", pa.int64()), ("s", pa.string())])


def test_values_of_python_become_parameters(folder):
    for given, words, text in [
        ({"words": ["x", "y"]}, "x\ny\n", "plain false"),
        ({"words": ("one, two", " three ", "")}, "one, two\n three \n\n", "plain false"),
        ({"words": [1, 2.5, True], "big": True}, "1\n2.5\ntrue\n", "plain true"),
        ({"text": "a=b, 'c' $(d)", "words": None}, "a\n", "a=b, 'c' $(d) false"),
        ({"text": "007", "words": range(2)}, "0\n1\n", "007 false"),
    ]:
        run = sunward.run("w.yaml", show=False, **given)
        assert run["note.words"].read_text() == words, given
        assert run["note.text"].read_text() == text, given
    with pytest.raises(TypeError, match="dict"):
        sunward.run("w.yaml", text={}, show=False)


def test_outputs_are_written_where_they_are_asked_for(folder):
    sunward.run("w.yaml", out="results", format="csv", rows=1, show=False)
    assert (folder / "results" / "squares.csv").read_text() == "n,square\n1,1\n1,1\n"


def test_a_home_may_be_elsewhere(folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    run = sunward.run("w.yaml", home=home, show=False)
    assert run["square.t"].num_rows == 6
    assert not (folder / ".sunward").exists()
    assert sunward.Run.newest(home=home).id == run.id
    assert [one.id for one in sunward.Run.all(home=home)] == [run.id]


def test_what_happened_can_be_asked(folder):
    run = sunward.run("w.yaml", rows=2, show=False)
    assert run.status == "succeeded" and sunward.Run.newest().id == run.id
    assert run.params["rows"] == 2
    assert run.stages["square"]["tasks"] == 2
    assert run.ledger["energy_joules"] > 0
    assert "hello from note" in run.log("note")
    assert "square" in run.explain("square")
    page = run.report()
    assert page.html.startswith("<!DOCTYPE html>") and "squares" in page._repr_html_()
    run.report("kept.html")
    assert (folder / "kept.html").read_text().startswith("<!DOCTYPE html>")
    assert "succeeded" in run._repr_html_() and run.id in repr(run)


def test_errors_are_told_apart(folder):
    (folder / "bad.yaml").write_text("name: bad\nstages: { a: { rum: x } }\n")
    with pytest.raises(sunward.WorkflowError) as wrong:
        sunward.run("bad.yaml", show=False)
    assert wrong.value.diagnostics[0]["code"] == "SW0201" and "did you mean `run`" in str(wrong.value)
    with pytest.raises(sunward.WorkflowError, match="rows"):
        sunward.run("w.yaml", rows="many", show=False)
    with pytest.raises(sunward.WorkflowError, match="does not exist"):
        sunward.run("absent.yaml", show=False)

    (folder / "fails.yaml").write_text("name: fails\nstages: { a: { run: 'echo why; exit 4' } }\n")
    with pytest.raises(sunward.RunFailed) as failed:
        sunward.run("fails.yaml", show=False)
    assert failed.value.code == 1 and failed.value.run.status == "failed"
    assert "why" in failed.value.run.log("a")

    run = sunward.run("w.yaml", show=False)
    with pytest.raises(KeyError, match="its outputs are"):
        run["square.x"]


def test_progress_is_shown(folder, capfd):
    sunward.run("w.yaml")
    assert "square: done" in capfd.readouterr().err


def test_a_notebook_shows_progress_in_place_and_the_report(folder):
    import nbclient
    import nbformat

    book = nbformat.v4.new_notebook()
    cells = ["import sunward\nrun = sunward.run('w.yaml')", "run", "run.report()", "run['squares'].num_rows"]
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    shown = [cell.outputs for cell in book.cells]
    assert "square: done" in shown[0][0]["data"]["text/html"] and len(shown[0]) == 1
    assert "<td>square</td>" in shown[1][0]["data"]["text/html"]
    assert shown[2][0]["data"]["text/html"].startswith("<iframe srcdoc=")
    assert shown[3][0]["data"]["text/plain"] == "6"


def test_an_interrupt_stops_the_run_and_the_same_call_continues_it(folder):
    (folder / "slow.yaml").write_text(
        textwrap.dedent(
            """
            name: slow
            stages:
              quick: { run: "echo 1 > ${{ outputs.o }}", outputs: { o: { format: file } } }
              slow:
                inputs: { o: quick.o }
                run: "test -e $HOME/go || { touch $HOME/started; sleep 600; }; cp ${{ inputs.o }} ${{ outputs.o }}"
                outputs: { o: { format: file } }
            """
        )
    )
    script = folder / "call.py"
    script.write_text("import sunward\nprint(sunward.run('slow.yaml')['slow.o'].read_text())\n")
    environment = {**os.environ, "HOME": str(folder)}
    child = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in child.stderr:
        if line.startswith("slow:"):
            break
    child.send_signal(signal.SIGINT)
    child.stderr.read()
    assert child.wait() != 0
    assert sunward.Run.newest().status == "interrupted"
    (folder / "go").touch()
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True)
    assert done.stdout == "1\n\n", done.stderr
    assert len(sunward.Run.all()) == 1


def test_the_example_of_the_book_works(folder):
    page = (Path(os.environ["SUNWARD_BOOK"]) / "results.md").read_text()
    block = {kind: text for kind, text in re.findall(r"```([a-z ]+)\n(.*?)```", page, re.DOTALL)}
    subprocess.run(["bash", "-euc", block["sh setup"]], check=True)
    (folder / "workflow.yaml").write_text(block["yaml"])
    names = {}
    exec(block["python"], names)
    assert names["table"]["sum"].to_pylist() == [3, 7]


def test_the_program_is_of_the_same_version(folder):
    told = subprocess.run([os.environ["SUNWARD"], "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.split()[1] == sunward.__version__
