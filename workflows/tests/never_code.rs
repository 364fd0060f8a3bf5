//! A grammar of scripts and hostile values: under the shells' production flags no value is ever
//! executed, every value arrives byte for byte, and what is refused is refused for its own reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scripts;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use scripts::{Dice, Script};
use sunward_workflows::{
    Action, Catalog, CompiledArgv, CompiledScript, Facts, InputValue, Scope, Template, Value, check,
};

/// Scripts for each shell.
const CASES: usize = 1200;

/// The seed of the scripts. `SUNWARD_TEST_SEED` sets another.
const SEED: u64 = 0x5eed_0f5c_7197_7e57;

/// The number of scripts that one process of a shell runs.
const BATCH: usize = 100;

/// The names of a value in a script. All have the same value here.
const NAMES: &[&str] = &[
    "item",
    "item",
    "params.p",
    "matrix.m",
    "inputs.x",
    "outputs.o",
    "item ~ ''",
    "[item] | first",
    "params.p | trim('\\0')",
];

fn scope(value: &str) -> Scope {
    let text = || Value::String(value.to_owned());
    let input = InputValue {
        path: value.to_owned(),
        parts: vec![value.to_owned()],
    };
    Scope {
        params: Arc::new(BTreeMap::from([("p".to_owned(), text())])),
        item: Some(text()),
        matrix: BTreeMap::from([("m".to_owned(), text())]),
        inputs: BTreeMap::from([("x".to_owned(), input)]),
        outputs: BTreeMap::from([("o".to_owned(), value.to_owned())]),
        ..Scope::default()
    }
}

/// The arguments of the shell, as a stage has them.
fn shell(named: &str) -> Vec<String> {
    let yaml = format!("{{name: w, stages: {{s: {{run: echo, shell: {named}}}}}}}");
    let workflow = check(&yaml, &Catalog::default(), &Facts::default()).workflow;
    match &workflow.unwrap().stages["s"].action {
        Action::Run(sunward_workflows::Command::Shell { shell, .. }) => shell.clone(),
        other => panic!("{other:?}"),
    }
}

fn seed() -> u64 {
    let other = std::env::var("SUNWARD_TEST_SEED").ok();
    other.and_then(|seed| seed.parse().ok()).unwrap_or(SEED)
}

/// One script that was not refused.
struct Case {
    text: String,
    variables: Vec<(String, String)>,
    prints: Vec<Vec<u8>>,
    value: String,
}

#[test]
fn no_value_is_ever_executed_and_every_value_arrives() {
    let seed = seed();
    for named in ["bash", "sh"] {
        let mut dice = Dice::new(seed);
        let shell = shell(named);
        let (mut refused, mut unread) = (0, 0);
        let mut cases = Vec::new();
        let mut all = scripts::leaves(named == "bash");
        all.extend((0..CASES).map(|_| scripts::script(&mut dice, named == "bash")));
        for script in all {
            let value = scripts::hostile(&mut dice);
            match case(&shell, &script, &value, &mut dice) {
                Ok(case) => cases.push(case),
                // The parser does not know some forms. They are refused, which is safe, but must be few.
                Err(why) if why.contains("does not understand") => unread += 1,
                Err(why) => {
                    refused += 1;
                    assert!(
                        script.refusals.iter().any(|one| why.contains(one))
                            || !script.refusals.is_empty()
                                && (why.contains("evaluates elsewhere")
                                    || why.contains("evaluates the output of a program")),
                        "seed {seed}, {named}: refused because {why}, expected one of {:?}\n{}\n{value:?}",
                        script.refusals,
                        script.text
                    );
                }
            }
        }
        assert!(refused > CASES / 20, "{refused} of {CASES} refused");
        assert!(unread < CASES / 10, "{unread} of {CASES} not understood");
        assert!(cases.len() > CASES / 2, "{} of {CASES} run", cases.len());
        std::thread::scope(|threads| {
            let halves = cases.chunks(cases.len().div_ceil(2));
            let running: Vec<_> = halves
                .map(|half| {
                    let shell = &shell;
                    threads
                        .spawn(move || half.chunks(BATCH).for_each(|batch| run(shell, batch, seed)))
                })
                .collect();
            for thread in running {
                if let Err(panic) = thread.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }
}

fn case(shell: &[String], script: &Script, value: &str, dice: &mut Dice) -> Result<Case, String> {
    let mut source = String::new();
    for (at, piece) in script.text.split('\u{1}').enumerate() {
        if at > 0 {
            write!(source, "${{{{ {} }}}}", dice.one_of(NAMES)).unwrap();
        }
        source.push_str(piece);
    }
    let compiled = CompiledScript::new(shell, &source).map_err(|error| error.to_string())?;
    let rendered = compiled
        .render(&scope(value))
        .map_err(|error| error.to_string())?;
    assert!(
        script.refusals.is_empty(),
        "not refused, expected {:?}:\n{source}",
        script.refusals
    );
    Ok(Case {
        text: rendered.text,
        variables: rendered.variables,
        prints: script.prints.iter().map(|print| print.of(value)).collect(),
        value: value.to_owned(),
    })
}

/// Runs many scripts in one process of the shell, each in a subshell that has the flags of the
/// process.
fn run(shell: &[String], batch: &[Case], seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    let told = folder.path().join("told");
    fs::create_dir(&work).unwrap();
    fs::create_dir(&told).unwrap();
    let mut driver = String::from("set +e\n");
    let mut command = Command::new(&shell[0]);
    command
        .args(&shell[1..])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .current_dir(&work)
        .stdin(Stdio::null());
    for (at, case) in batch.iter().enumerate() {
        fs::write(told.join(format!("{at}.sh")), &case.text).unwrap();
        let mut exports = String::new();
        for (name, value) in &case.variables {
            command.env(format!("CASE{at}_{name}"), value);
            write!(exports, "export {name}=\"$CASE{at}_{name}\"; ").unwrap();
        }
        let told = told.display();
        writeln!(
            driver,
            "( {exports}set -e; . {told}/{at}.sh ) > {told}/{at}.out 2> {told}/{at}.err; echo $? > {told}/{at}.rc"
        )
        .unwrap();
    }
    let output = command.arg(&driver).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let made: Vec<_> = fs::read_dir(&work)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    for (at, case) in batch.iter().enumerate() {
        let read = |kind: &str| fs::read(told.join(format!("{at}.{kind}"))).unwrap();
        let context = || {
            format!(
                "SUNWARD_TEST_SEED={seed} {shell:?}\n{}\nvalue {:?}\nstderr {}",
                case.text,
                case.value,
                String::from_utf8_lossy(&read("err"))
            )
        };
        assert_eq!(read("rc"), b"0\n", "{}", context());
        let out = read("out");
        let mut seen: Vec<Vec<u8>> = out.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        assert_eq!(seen.pop().as_deref(), Some(&b""[..]), "{}", context());
        assert_eq!(text(&seen), text(&case.prints), "{}", context());
    }
    // Only an executed value creates a file.
    if !made.is_empty() {
        for case in batch {
            alone(shell, case, seed);
        }
        panic!("SUNWARD_TEST_SEED={seed}: files were made: {made:?}");
    }
}

fn text(all: &[Vec<u8>]) -> Vec<String> {
    all.iter()
        .map(|one| String::from_utf8_lossy(one).into_owned())
        .collect()
}

/// Runs one script as a task does, to find which one creates a file.
fn alone(shell: &[String], case: &Case, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    start(shell, case, folder.path());
    let made = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(
        made, 0,
        "SUNWARD_TEST_SEED={seed} {shell:?}: a value was executed\n{}\n{:?}",
        case.text, case.value
    );
}

fn start(shell: &[String], case: &Case, folder: &Path) -> std::process::Output {
    Command::new(&shell[0])
        .args(&shell[1..])
        .arg(&case.text)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(case.variables.iter().map(|(n, v)| (n, v)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs each script in a process of its own with exactly the argv of a task.
#[test]
fn some_scripts_run_exactly_as_a_task_runs_them() {
    let seed = seed();
    let mut dice = Dice::new(seed);
    for named in ["bash", "sh"] {
        let shell = shell(named);
        let mut ran = 0;
        while ran < 60 {
            let script = scripts::script(&mut dice, named == "bash");
            let value = scripts::hostile(&mut dice);
            let Ok(case) = case(&shell, &script, &value, &mut dice) else {
                continue;
            };
            ran += 1;
            let folder = tempfile::tempdir().unwrap();
            let output = start(&shell, &case, folder.path());
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{seed}\n{}\n{value:?}\n{error}",
                case.text
            );
            assert_eq!(
                fs::read_dir(folder.path()).unwrap().count(),
                0,
                "{seed}\n{}",
                case.text
            );
        }
    }
}

/// The parser may read a script in another way than bash. Text around a value must not hide that
/// the value is evaluated.
#[test]
fn no_text_around_a_value_hides_that_it_is_evaluated() {
    let seed = seed();
    let mut dice = Dice::new(seed);
    let shell = shell("bash");
    let mut taken = BTreeMap::new();
    for _ in 0..10_000 {
        let (script, rule) = scripts::buried(&mut dice);
        let source = script.replace('\u{1}', "${{ item }}");
        let compiled = CompiledScript::new(&shell, &source).unwrap();
        if compiled.render(&scope("a b")).is_ok() {
            taken.entry(rule).or_insert(source);
        }
    }
    assert!(taken.is_empty(), "seed {seed}: {taken:#?}");
}

#[test]
fn words_and_environment_variables_are_the_value_byte_for_byte() {
    let mut dice = Dice::new(seed());
    for _ in 0..2000 {
        let value = scripts::hostile(&mut dice);
        let name = dice.one_of(NAMES);
        let hole = format!("${{{{ {name} }}}}");
        let words = [
            "tool".to_owned(),
            hole.clone(),
            format!("--x={hole}.txt"),
            format!("a{hole}{hole}"),
        ];
        let argv = CompiledArgv::new(&words.map(Template::new)).unwrap();
        assert_eq!(
            argv.render(&scope(&value)).unwrap(),
            [
                "tool".to_owned(),
                value.clone(),
                format!("--x={value}.txt"),
                format!("a{value}{value}")
            ]
        );
        let env = Template::new(format!("a {hole}'\"$x`"));
        assert_eq!(
            env.render_text(&scope(&value)).unwrap(),
            format!("a {value}'\"$x`")
        );
    }
}

/// Some options of builtins evaluate the next word, and a list could contain both.
#[test]
fn the_words_of_a_list_are_no_options_that_evaluate() {
    let folder = tempfile::tempdir().unwrap();
    let hit = folder.path().join("hit");
    let code = format!("a[$(touch '{}')]", hit.display());
    let lists: Vec<Vec<String>> = [
        &["-v", "CODE"][..],
        &["-vCODE"],
        &["-p", "CODE"],
        &["-pCODE"],
        &["-n", "-p", "CODE"],
        &["x", "-o", "-v", "CODE"],
        &["!", "-v", "CODE"],
        &["x", "=", "x", "-a", "-v", "CODE"],
    ]
    .iter()
    .map(|list| {
        list.iter()
            .map(|word| word.replace("CODE", &code))
            .collect()
    })
    .collect();
    let scripts = [
        "test L",
        "command test L",
        "builtin test L",
        "test ! L",
        "test x = L",
        "[ L ]",
        "[ x = L ]",
        "[ L = x ]",
        "printf L x",
        "command printf L x",
        "builtin -- printf L",
        "sleep 0 & wait L",
        "sleep 0 & wait -n L",
        "sleep 0 & command wait L",
        "sleep 0 & wait -n -- L",
    ];
    let shell = shell("bash");
    let mut ran = 0;
    for script in scripts {
        let source = script.replace('L', "${{ item }}");
        let compiled = CompiledScript::new(&shell, &source).unwrap();
        for list in &lists {
            let words = list.iter().cloned().map(Value::String).collect();
            let scope = Scope {
                item: Some(Value::List(words)),
                ..Scope::default()
            };
            let Ok(rendered) = compiled.render(&scope) else {
                continue;
            };
            ran += 1;
            let _ = Command::new(&shell[0])
                .args(&shell[1..])
                .arg(&rendered.text)
                .envs(rendered.variables)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert!(!hit.exists(), "{source} ran {list:?}");
        }
    }
    assert!(ran > 20, "only {ran} scripts were not refused");
}

/// What `check` says of a stage with text in an environment variable.
fn environment(name: &str, run: &str) -> Vec<String> {
    let yaml = format!(
        "name: w\nparams: {{ n: {{ type: string, default: x }} }}\nstages:\n  s:\n    env: {{ {name}: \"${{{{ params.n }}}}\" }}\n    run: {run}\n"
    );
    let checked = check(&yaml, &Catalog::default(), &Facts::default());
    let found = checked.diagnostics.into_iter();
    found
        .map(|one| format!("{} {}", one.code.0, one.message))
        .collect()
}

#[test]
fn text_of_the_environment_is_followed_like_any_variable() {
    let refused = [
        ("N", "'[[ $N -gt 3 ]]'"),
        ("N", "'(( N > 3 ))'"),
        ("N", "'bash -c \"$N\"'"),
        ("N", "'eval $N'"),
        ("N", "'m=$N; n=$(echo $m); (( n ))'"),
        ("N", "'v=N; (( v ))'"),
        ("N", "bash -c '(( N > 3 ))'"),
        ("N", "'$N x'"),
        ("N", "['bash', '-c', '(( N > 3 ))']"),
        ("LD_PRELOAD", "tool"),
        ("PATH", "tool"),
        ("PYTHONPATH", "tool"),
        ("IFS", "tool"),
    ];
    for (name, run) in refused {
        let found = environment(name, run);
        assert!(
            found.iter().any(|one| one.starts_with("SW0604")),
            "{name} {run}: {found:?}"
        );
    }
    let accepted = [
        ("N", "'echo \"$N\"'"),
        ("N", "'[ \"$N\" -gt 3 ]'"),
        ("N", "'[[ $N == a* ]]'"),
        ("N", "'echo ${N:0:4}; (( 1 < 2 ))'"),
        ("N", "'n=$(wc -l < \"$N\"); (( n > 3 ))'"),
        ("N", "'n=$(grep -c \">\" \"$N\"); (( n > 3 ))'"),
        ("N", "['bash', '-c', 'echo \"$N\"']"),
    ];
    for (name, run) in accepted {
        assert_eq!(environment(name, run), [""; 0], "{name} {run}");
    }
}

#[test]
fn text_names_no_command_but_an_input_may() {
    let shell = shell("bash");
    let taken = |source: &str| {
        let compiled = CompiledScript::new(&shell, source).unwrap();
        compiled
            .render(&scope("a b"))
            .map_err(|error| error.to_string())
    };
    for source in [
        "${{ item }} x",
        "\"${{ item }}\" x",
        "$(echo ${{ item }}) x",
        "a${{ item }}",
    ] {
        let why = taken(source).unwrap_err();
        assert!(why.contains("name of a command"), "{source}: {why}");
    }
    for source in [
        "${{ inputs.x }} x",
        "${{ item }}/bin/tool x",
        "run() { \"$@\"; }; run gzip ${{ item }}",
    ] {
        assert!(taken(source).is_ok(), "{source}");
    }
    let argv = |word: &str| CompiledArgv::new(&[Template::new(word), Template::new("x")]).unwrap();
    assert!(argv("${{ item }}").render(&scope("a b")).is_err());
    assert!(argv("${{ inputs.x }}").render(&scope("a b")).is_ok());
}

#[test]
fn no_example_is_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("workflow.yaml");
        let Ok(yaml) = fs::read_to_string(&path) else {
            continue;
        };
        read += 1;
        let found = check(&yaml, &Catalog::default(), &Facts::default()).diagnostics;
        let refused: Vec<_> = found.iter().filter(|one| one.code.0 == "SW0604").collect();
        assert!(refused.is_empty(), "{}: {refused:?}", path.display());
    }
    assert!(read > 3, "{read}");
}
