//! `cuda` stages on the processor instead of a GPU. Mistakes in a kernel are reported with their
//! line, a bad launch gives no result, and an endless one is ended.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod scene;

use scene::{Scene, Told};

const ROWS: &str = "x,y\n1.5,10\n2.5,20\n-4,30\n";

/// One stage `own` over `rows.csv`, with this body of a kernel that has `x`, `y`, `out` and `rows`.
fn own(body: &str, extra: &str) -> Scene {
    let scene = Scene::with(&format!(
        "name: w\nstages:\n  own:\n    inputs: {{ t: ./rows.csv }}\n    cuda:\n      source: ./own.cu\n      \
         entry: own\n      args: [{{ in: t.x }}, {{ in: t.y }}, {{ out: o.z, type: float64 }}, \
         {{ rows: uint32 }}]\n    resources: {{ optional: true }}\n{extra}outputs: {{ z: own.o }}\n"
    ));
    scene.file("rows.csv", ROWS);
    scene.file(
        "own.cu",
        format!(
            "extern \"C\" __global__ void own(const double *x, const long long *y, double *out,\n\
             unsigned rows) {{\n    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;\n{body}\n}}\n"
        ),
    );
    scene
}

fn fails(body: &str) -> Told {
    own(body, "").run(&[]).expect(1)
}

#[test]
fn a_thread_a_row_and_a_column_of_the_answers() {
    let scene = own("    if (i < rows) out[i] = 2 * x[i] + y[i];", "");
    scene.run(&["--out", "out", "--format", "csv"]).expect(0);
    assert_eq!(scene.text("out/z.csv"), "z\n13.0\n25.0\n22.0\n");
    // The same source comes from the cache, and another source gives another result.
    let again = scene.run(&[]).expect(0).json();
    assert_eq!(again["stages"]["own"]["cached"], 1, "{again}");
    let text = scene.text("own.cu").replace("2 * x", "3 * x");
    scene.file("own.cu", text);
    let other = scene.run(&["--out", "more", "--format", "csv"]).expect(0);
    assert_eq!(other.json()["stages"]["own"]["ran"], 1);
    assert_eq!(scene.text("more/z.csv"), "z\n14.5\n27.5\n18.0\n");
}

#[test]
fn a_syntax_error_is_told_at_its_line_in_the_users_file() {
    fails("    if (i < rows) out[i] = x[i] + ;").says(&["own/0", "own.cu:4", "correct the source"]);
}

#[test]
fn a_kernel_that_is_not_there_is_named() {
    let scene = own("", "");
    let text = scene.text("own.cu").replace("void own", "void other");
    scene.file("own.cu", text);
    scene.run(&[]).expect(1).says(&[
        "own/0",
        "own.cu defines no kernel `own`; expected `extern \"C\" __global__ void own(…)`",
    ]);
}

#[test]
fn a_write_far_beyond_a_column_is_told_as_one() {
    fails("    if (i < rows) out[i + (1ull << 40)] = x[i];").says(&[
        "own/0",
        "far outside its columns",
        "every index",
    ]);
}

#[test]
fn a_write_beyond_a_column_is_found_and_gives_no_answer() {
    let scene = own("    out[i] = x[i < rows ? i : 0];", "");
    let told = scene
        .run(&[])
        .expect(1)
        .says(&["own/0", "leaves undefined"]);
    assert_eq!(told.json()["status"], "failed");
    // A failed attempt has the device on which it failed.
    let report = scene.sunward(&["report", "--json"]).expect(0).json();
    assert_eq!(report["attempts"][0]["ran_on"], "cuda-on-cpu", "{report}");
}

#[test]
fn an_endless_kernel_is_ended_at_the_stages_timeout() {
    own(
        "    for (volatile int k = 0;; ) k = k;",
        "    timeout: 5s\n",
    )
    .run(&[])
    .expect(1)
    .says(&["own/0", "timeout"]);
}

#[test]
fn nulls_and_other_columns_than_bound_are_refused_before_any_work() {
    let scene = own("    if (i < rows) out[i] = x[i];", "");
    scene.file("rows.csv", "x,y\n1.5,2\n,3\n");
    scene
        .run(&[])
        .expect(1)
        .says(&["own/0", "column `x`", "null"]);
    scene.file("rows.csv", "x,name\n1,a\n");
    scene.run(&[]).expect(2).says(&["has no column `y`"]);
}

#[test]
fn columns_and_values_of_other_types_than_declared_are_refused_before_any_work() {
    let scene = own("    if (i < rows) out[i] = x[i];", "");
    let text = scene.text("own.cu");
    let said = |from: &str, to: &str, words: &[&str]| {
        scene.file("own.cu", text.replace(from, to));
        scene.run(&[]).expect(1).says(words);
    };
    said(
        "const double *x",
        "const float *x",
        &[
            "argument 1",
            "`const float *x`",
            "column `x` of input `t`",
            "Float64",
        ],
    );
    said(
        "const long long *y",
        "const int *y",
        &["argument 2", "`const int *y`", "Int64"],
    );
    said("double *out", "float *out", &["argument 3", "column `z`"]);
    said("unsigned rows", "float rows", &["argument 4", "UInt32"]);
    let pointer = text.replace("unsigned rows", "unsigned *rows");
    scene.file("own.cu", pointer.replace("i < rows", "i < *rows"));
    let told = scene.run(&[]).expect(1);
    told.says(&[
        "argument 4",
        "`unsigned *rows`",
        "the number of rows as UInt32",
    ]);
}

#[test]
fn one_row_is_an_answer_and_what_is_no_number_comes_back_as_it_is() {
    let scene = own("    if (i < rows) out[i] = x[i] / 0.0;", "");
    scene.file("rows.csv", "x,y\n-1.5,10\n");
    scene.run(&["--out", "out", "--format", "csv"]).expect(0);
    assert_eq!(scene.text("out/z.csv"), "z\n-inf\n");
    scene.file("rows.csv", "x,y\n1.5,1\n0.0,2\n");
    scene.run(&["--out", "more", "--format", "csv"]).expect(0);
    assert_eq!(scene.text("more/z.csv"), "z\ninf\nNaN\n");
}

#[test]
fn inputs_of_other_lengths_are_refused() {
    let scene = own("    if (i < rows) out[i] = x[i];", "");
    let text = scene.text("workflow.yaml");
    let text = text.replace("{ t: ./rows.csv }", "{ t: ./rows.csv, u: ./more.csv }");
    scene.file("workflow.yaml", text.replace("in: t.y", "in: u.y"));
    scene.file("more.csv", "y\n1\n2\n");
    scene
        .run(&[])
        .expect(1)
        .says(&["input `u`", "2 rows", "has 3"]);
}

#[test]
fn no_rows_give_no_rows() {
    let scene = own("    if (i < rows) out[i] = x[i];", "");
    let text = scene
        .text("workflow.yaml")
        .replace("t: ./rows.csv", "t: none.rows");
    let none = "  none:\n    run: 'true'\n    scatter: { over: [] }\n    outputs: { rows: { schema: \
                { x: float64, y: int64 } } }\n";
    scene.file(
        "workflow.yaml",
        text.replace("stages:\n", &format!("stages:\n{none}")),
    );
    scene.run(&["--out", "out", "--format", "csv"]).expect(0);
    assert_eq!(scene.text("out/z.csv"), "z\n");
}

#[test]
fn without_a_gpu_it_is_refused_when_planning_unless_it_is_optional() {
    let scene = own("", "");
    let text = scene.text("workflow.yaml");
    let strict = text.replace("    resources: { optional: true }\n", "");
    scene.file("workflow.yaml", strict);
    for verb in ["plan", "run"] {
        let told = scene.sunward(&[verb, "workflow.yaml"]);
        if sunward_kernels::device::cards().is_empty() {
            told.expect(3).says(&["optional: true"]);
        }
    }
}

#[test]
fn a_command_that_could_have_a_gpu_sees_none_where_there_is_none() {
    let scene = Scene::with(
        "name: w\nstages:\n  s:\n    run: echo \"[$CUDA_VISIBLE_DEVICES]\" > ${{ outputs.o }}\n    \
         resources: { gpus: 1, optional: true }\n    outputs: { o: { format: file, ext: txt } }\n\
         outputs: { o: s.o }\n",
    );
    scene.run(&["--out", "out"]).expect(0);
    let found = scene.text("out/o.txt");
    let none = sunward_kernels::device::cards().is_empty();
    assert_eq!(found.trim() == "[]", none, "{found}");
}
