//! Commands whose names or options are in variables that the stage sets: in `env:`, in `defaults:`,
//! by a parameter, or in the lines of `setup:`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use sunward_workflows::{Catalog, Facts, check};

/// Keys of a stage, and what it runs: text in that would become code.
const REFUSED: &[(&str, &str)] = &[
    ("env: {PY: python3}", "$PY -c ${{ item }}"),
    ("env: {PY: python3}", "\"$PY\" -c ${{ item }}"),
    ("env: {PY: /opt/bin/python3}", "${PY} -c ${{ item }}"),
    ("env: {PY: python3}", "Q=$PY; $Q -c ${{ item }}"),
    ("env: {PY: python3}", "${PY:-samtools} -c ${{ item }}"),
    ("env: {PY: python3}", "echo ${{ item }} | $PY"),
    ("env: {PY: python3}", "$PY - <<EOF\n${{ item }}\nEOF"),
    (
        "env: {PY: python3}",
        "[ -e f ] && PY=samtools; $PY -c ${{ item }}",
    ),
    ("env: {R: 'bash -c'}", "$R ${{ item }}"),
    ("env: {R: 'nice -n 5'}", "$R bash -c ${{ item }}"),
    ("env: {R: 'nice bash -c'}", "$R ${{ item }}"),
    ("env: {AWK: awk}", "$AWK \"\\$1 > ${{ item }}\" f"),
    ("env: {AWK: awk}", "x=${{ item }}; $AWK \"$x\" f"),
    ("env: {AWK: awk, X: '${{ item }}'}", "$AWK \"\\$1 > $X\" f"),
    ("env: {S: bash, X: '${{ item }}'}", "$S -c \"$X\""),
    ("env: {E: eval}", "$E \"x=${{ item }}\""),
    ("env: {O: -c}", "bash $O ${{ item }}"),
    ("env: {F: run.sh}", "echo ${{ item }} > run.sh; bash \"$F\""),
    ("env: {F: run.sh}", "echo ${{ item }} > \"$F\"; bash run.sh"),
    ("env: {M: make}", "export X=${{ item }}; $M"),
    ("env: {AWK: inherit}", "$AWK \"\\$1 > ${{ item }}\" f"),
    ("env: {SED: inherit}", "$SED \"s/a/${{ item }}/\" f"),
    ("env: {PY: inherit}", "$PY -c ${{ item }}"),
    ("env: {PY: inherit}", "echo ${{ item }} | $PY"),
    ("env: {PY: '${{ params.choice }}'}", "$PY -c ${{ item }}"),
    (
        "env: {PY: '${{ params.choice }}'}",
        "$PY \"\\$1 > ${{ item }}\" f",
    ),
    (
        "env: {PY: '${{ params.choice }}'}",
        "echo ${{ item }} | $PY",
    ),
    (
        "env: {PY: '/bin/${{ params.choice }}'}",
        "$PY -c ${{ item }}",
    ),
    ("env: {PY: '${{ params.any | raw }}'}", "$PY -c ${{ item }}"),
    (
        "env: {PY: '${{ params.any | raw }}'}",
        "$PY \"\\$1 > ${{ item }}\" f",
    ),
    ("env: {PY: '${{ params.any }}'}", "$PY x"),
    ("setup: 'export PY=python3'", "$PY -c ${{ item }}"),
    ("setup: 'export AWK=awk'", "$AWK \"\\$1 > ${{ item }}\" f"),
    ("setup: 'export R=\"bash -c\"'", "$R ${{ item }}"),
    ("setup: 'export PY=$(which python3)'", "$PY -c ${{ item }}"),
    (
        "{setup: 'PY=python3', env: {PY: samtools}}",
        "$PY -c ${{ item }}",
    ),
    ("setup: 'export O=-c'", "bash $O ${{ item }}"),
];

/// The same where it would not.
const TAKEN: &[(&str, &str)] = &[
    ("env: {SAMTOOLS: samtools}", "$SAMTOOLS view -c ${{ item }}"),
    (
        "env: {SAMTOOLS: /opt/bin/samtools}",
        "\"$SAMTOOLS\" view -c ${{ item }}",
    ),
    ("env: {T: samtools}", "echo ${{ item }} | $T view -"),
    ("env: {T: 'bwa mem -t 4'}", "$T ref.fa ${{ item }} > o.sam"),
    ("env: {R: 'srun -n 4'}", "$R ./wrf.exe ${{ item }}"),
    (
        "env: {BCF: bcftools}",
        "$BCF view -i \"CHROM=\\\"${{ item }}\\\"\" f.vcf",
    ),
    ("env: {PY: python3}", "$PY fit.py --name ${{ item }}"),
    (
        "env: {PY: python3}",
        "$PY -c 'import sys; print(sys.argv[1])' ${{ item }}",
    ),
    ("env: {AWK: awk}", "$AWK -v x=${{ item }} '$1 > x' f"),
    ("env: {OPTS: '-q -v'}", "python3 fit.py $OPTS ${{ item }}"),
    (
        "env: {OMP_NUM_THREADS: 4}",
        "python3 fit.py -n $OMP_NUM_THREADS ${{ item }}",
    ),
    (
        "env: {SCRIPT: /opt/run.sh}",
        "echo ${{ item }} > list.txt; bash \"$SCRIPT\" list.txt",
    ),
    ("env: {SAMTOOLS: inherit}", "$SAMTOOLS view -b ${{ item }}"),
    ("env: {SAMTOOLS: inherit}", "$SAMTOOLS index ${{ item }}"),
    (
        "env: {CDO: inherit}",
        "$CDO -s remapbil,${{ item }} in.nc out.nc",
    ),
    (
        "env: {GATK: inherit}",
        "$GATK --java-options \"-Xmx4g -Dx=${{ item }}\" Call -I f",
    ),
    ("env: {RUN: inherit}", "bash \"$RUN\" ${{ item }}"),
    ("env: {T: '${{ params.tool }}'}", "$T view -c ${{ item }}"),
    (
        "env: {T: '${{ params.tool }}'}",
        "echo ${{ item }} | $T view -",
    ),
    (
        "env: {N: '${{ params.n }}'}",
        "python3 fit.py -n $N ${{ item }}",
    ),
    ("env: {NAME: '${{ item }}'}", "python3 fit.py \"$NAME\""),
    (
        "setup: 'export SAMTOOLS=/opt/samtools'",
        "$SAMTOOLS view -c ${{ item }}",
    ),
    (
        "setup: 'module load samtools; ulimit -s unlimited'",
        "samtools view -c ${{ item }}",
    ),
];

/// The codes and messages of the mistakes of a workflow whose stage has this, beside what it runs.
fn mistakes(of_stage: &str, run: &str) -> Vec<String> {
    let of_stage = match of_stage.starts_with('{') {
        true => of_stage[1..of_stage.len() - 1].to_owned(),
        false => of_stage.to_owned(),
    };
    let run = run
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    let text = format!(
        "name: w
params:
  choice: {{type: choice, choices: [python3, awk], default: awk}}
  tool: {{type: choice, choices: [samtools, bcftools], default: samtools}}
  any: {{type: string, default: samtools}}
  n: {{type: int, default: 4}}
stages:
  s: {{scatter: [a b, c d], {of_stage}, run: \"{run}\"}}
"
    );
    let checked = check(&text, &Catalog::default(), &Facts::default());
    let found = checked.diagnostics.into_iter();
    found
        .map(|one| format!("{}: {}", one.code.0, one.message))
        .collect()
}

#[test]
fn the_name_of_a_command_in_a_variable_of_the_stage_is_read() {
    let mut wrong = Vec::new();
    for (of_stage, run) in REFUSED {
        let found = mistakes(of_stage, run);
        if !found.iter().any(|one| one.contains("SW0604")) {
            wrong.push(format!("taken: {of_stage}: {run}: {found:?}"));
        }
    }
    for (of_stage, run) in TAKEN {
        let found = mistakes(of_stage, run);
        if !found.is_empty() {
            wrong.push(format!("refused: {of_stage}: {run}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn variables_of_the_defaults_are_those_of_each_stage() {
    let of = |tool: &str| {
        format!(
            "name: w\ndefaults: {{env: {{T: {tool}}}}}\nstages:\n  s: {{scatter: [a b], run: \"$T -c ${{{{ item }}}}\"}}\n"
        )
    };
    let is_ok = |tool: &str| {
        let checked = check(&of(tool), &Catalog::default(), &Facts::default());
        checked.diagnostics.is_empty()
    };
    assert!(!is_ok("python3"));
    assert!(is_ok("samtools"));
}
