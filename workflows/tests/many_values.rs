//! Scripts whose variables have more values, or whose functions call more functions, than the check
//! follows. A command that is not followed may be any command.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::fmt::Write as _;

use sunward_workflows::{CompiledScript, Scope, Value, default_shell};

/// More values than the check follows.
const MANY: usize = 40;

/// Ways to give the variable `T` one of many values, or the many words of a list.
const WAYS: &[fn(&[String]) -> String] = &[
    in_a_case,
    in_a_loop,
    |values| {
        let each = values.iter().map(|value| format!("T='{value}'; "));
        each.collect()
    },
    |values| {
        let lines = values
            .iter()
            .map(|one| format!("[ -e f ] && T=\"{one}\"\n"));
        lines.collect()
    },
    // Through other variables.
    |values| {
        let first = in_a_case(values).replace("T=", "Q=");
        format!("{first}R=$Q; S=$R; T=\"${{S}}\"\n")
    },
    // As words of `set` and of a list.
    |values| {
        let lines = values
            .iter()
            .map(|one| format!("[ -e f ] && set -- '{one}'\n"));
        format!("{}T=$1\n", lines.collect::<String>())
    },
    |values| {
        let lines = values
            .iter()
            .map(|one| format!("[ -e f ] && L=('{one}')\n"));
        format!("{}T=${{L[0]}}\n", lines.collect::<String>())
    },
];

/// What follows, and the value of `T` with which it runs the text.
const USES: &[(&str, &str)] = &[
    ("$T -c ${{ item }}", "python3"),
    ("\"$T\" -c ${{ item }}", "bash"),
    ("$T ${{ item }}", "bash -c"),
    ("$T ${{ item }}", "awk"),
    ("$T \"\\$1 > ${{ item }}\" f", "awk"),
    ("$T \"x=${{ item }}\"", "eval"),
    ("x=${{ item }}; $T \"$x\"", "eval"),
    ("x=${{ item }}; $T -n \"$x\" f", "sed"),
    ("bash $T ${{ item }}", "-c"),
    ("perl $T ${{ item }} f", "-e"),
    ("nice $T ${{ item }}", "bash -c"),
    ("nice \"$T\" -c ${{ item }}", "sh"),
    ("find . $T ${{ item }} \\;", "-exec"),
    ("echo ${{ item }} | $T", "bash"),
    ("$T <<< ${{ item }}", "sh -s"),
    ("$T <<EOF\n${{ item }}\nEOF", "python3"),
    ("export X=${{ item }}; $T", "make"),
    ("echo ${{ item }} > x.sh; $T x.sh", "bash"),
    ("f() { \"$T\" -c \"$1\"; }; f ${{ item }}", "sh"),
    ("f() { $T \"$@\"; }; f ${{ item }}", "eval"),
];

/// The same for scripts that run no text, with the kind of word that `T` may be.
const HARMLESS: &[(&str, &str)] = &[
    ("samtools view -r $T ${{ item }} > o", "chr"),
    ("python3 plot.py $T ${{ item }}", "chr"),
    ("python3 plot.py --chr \"$T\" --in ${{ item }}", "chr"),
    ("bash run.sh $T ${{ item }}", "data/x"),
    ("mpirun -np $T ./wrf.exe ${{ item }}", "1"),
    ("awk -v t=\"$T\" '$1 == t' ${{ item }}", "chr"),
    ("tool $T ${{ item }}", "--option-"),
    ("R --vanilla --args $T < plot.R; echo ${{ item }}", "chr"),
    ("sort -k $T ${{ item }}", "1"),
    ("nice tool $T ${{ item }}", "chr"),
    ("echo ${{ item }} > \"$T.txt\"", "chr"),
];

fn in_a_case(values: &[String]) -> String {
    let mut text = "case \"$1\" in\n".to_owned();
    for (at, value) in values.iter().enumerate() {
        writeln!(text, "a{at}) T='{value}' ;;").unwrap();
    }
    text + "esac\n"
}

fn in_a_loop(values: &[String]) -> String {
    let words: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    format!(
        "for T in {}; do [ -e $T ] && break; done\n",
        words.join(" ")
    )
}

fn refusal(script: &str) -> Option<String> {
    let scope = Scope {
        item: Some(Value::String("a b".to_owned())),
        ..Scope::default()
    };
    let compiled = CompiledScript::new(&default_shell(), script).unwrap();
    compiled.render(&scope).err().map(|error| error.to_string())
}

fn is_refused(script: &str) -> bool {
    refusal(script).is_some()
}

fn start_of(script: &str) -> String {
    script.chars().take(100).collect()
}

/// Harmless values, of which one, at this place, is another one.
fn values(harmless: &str, count: usize, other: &str, at: usize) -> Vec<String> {
    let mut values: Vec<String> = (0..count).map(|one| format!("{harmless}{one}")).collect();
    values[at] = other.to_owned();
    values
}

#[test]
fn one_of_many_values_that_runs_the_text_is_seen_wherever_it_stands() {
    let mut taken = Vec::new();
    for (number, way) in WAYS.iter().enumerate() {
        for (script, runs) in USES {
            let places = [(2, 1), (MANY, 0), (MANY, MANY - 1), (300, 299)];
            // So many values are read slowly, and in the same way.
            let places = &places[..if number == 0 { 4 } else { 3 }];
            for &(count, at) in places {
                let before = way(&values("tool", count, runs, at));
                if !is_refused(&format!("{before}{script}")) {
                    taken.push(format!(
                        "{at} of {count} {runs}: {script}: {}",
                        start_of(&before)
                    ));
                }
            }
        }
    }
    assert!(taken.is_empty(), "{}: {}", taken.len(), taken.join("\n\n"));
}

#[test]
fn many_harmless_values_are_no_reason_to_refuse_text() {
    let mut refused = Vec::new();
    for way in WAYS {
        for (script, kind) in HARMLESS {
            for count in [2, MANY] {
                let before = way(&values(kind, count, &format!("{kind}9"), 0));
                if let Some(why) = refusal(&format!("{before}{script}")) {
                    refused.push(format!(
                        "{count} of {kind}: {script}: {why}\n{}",
                        start_of(&before)
                    ));
                }
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
}

#[test]
fn combinations_of_values_are_followed_or_taken_for_any_command() {
    let each = |words: &str| -> String {
        let names = ["A", "B", "C", "D"].into_iter();
        let loops = names.map(|name| format!("for {name} in {words}; do\n"));
        loops.collect()
    };
    let done = "\ndone; done; done; done\n";
    let words = "a b c d e f g h";
    for (words, command) in [
        ("a b c d e f g -c", "bash $A $B $C $D ${{ item }}"),
        ("py th on 3 x y z w", "$A$B$C$D -c ${{ item }}"),
        ("py th on 3 x y z w", "$A$B$C$D ${{ item }}"),
        ("nice a b c d e f -c", "$A bash $B $C ${{ item }}"),
        ("a b c d e f g eval", "$A $B $C $D ${{ item }}"),
        (
            "a b c d e f g awk",
            "$A -F$B -v c=$C \"\\$1 > ${{ item }}\" $D",
        ),
    ] {
        assert!(is_refused(&(each(words) + command + done)), "{command}");
    }
    for command in [
        "tool $A $B $C $D ${{ item }}",
        "python3 fit.py $A $B $C $D ${{ item }}",
        "nice python3 fit.py --run=$A$B$C$D ${{ item }}",
        "echo ${{ item }} > out_${A}_${B}_${C}_${D}.txt",
    ] {
        assert!(!is_refused(&(each(words) + command + done)), "{command}");
    }
}

#[test]
fn functions_within_functions_are_followed_or_taken_for_any_command() {
    let chain = |last: &str, count: usize| {
        let mut text = format!("f0() {{ {last}; }}\n");
        for at in 1..count {
            writeln!(text, "f{at}() {{ f{} \"$@\"; }}", at - 1).unwrap();
        }
        (text, format!("f{}", count - 1))
    };
    for count in [1, 3, 5, 6, 7, 20] {
        let (functions, first) = chain("\"$@\"", count);
        for call in [
            format!("{first} sh -c ${{{{ item }}}}"),
            format!("{first} eval \"x=${{{{ item }}}}\""),
            format!("echo ${{{{ item }}}} | {first} sh"),
        ] {
            assert!(
                is_refused(&format!("{functions}{call}")),
                "{functions}{call}"
            );
        }
    }
    let (functions, first) = chain("echo \"$@\"", 4);
    assert!(!is_refused(&format!("{functions}{first} ${{{{ item }}}}")));
    // One of many commands, and of many words that `shift` may remove.
    let mut many = String::from("f() {\n");
    (0..700).for_each(|at| writeln!(many, "tool{at} \"$1\" \"$2\"").unwrap());
    many += "$1 -c \"$2\"\n}\nf bash ${{ item }}";
    assert!(is_refused(&many));
    let words = "a ".repeat(30);
    let shifts = format!(
        "f() {{ while [ $1 = a ]; do shift; done; \"$@\"; }}; f {words} sh -c ${{{{ item }}}}"
    );
    assert!(is_refused(&shifts), "{shifts}");
}

#[test]
fn variables_within_variables_are_followed_or_taken_for_any_command() {
    for depth in [1, 5, 8, 30] {
        for (first, last) in [
            ("python3", "$T -c ${{ item }}"),
            ("bash -c", "$T ${{ item }}"),
            ("-c", "bash $T ${{ item }}"),
        ] {
            let mut script = format!("V0='{first}'\n");
            (1..depth).for_each(|at| writeln!(script, "V{at}=$V{}", at - 1).unwrap());
            writeln!(script, "T=$V{}", depth - 1).unwrap();
            assert!(is_refused(&(script.clone() + last)), "{script}{last}");
        }
    }
}

#[test]
fn a_variable_that_is_extended_stands_for_what_it_held() {
    for script in [
        "C='samtools view'; C=\"$C -c\"; $C ${{ item }}",
        "C=samtools; C=\"${C} view\"; C=\"$C -c -@ 4\"; $C ${{ item }}",
        "O=-q; O=\"$O -v\"; [ -e f ] && O=\"${O:-} -x\"; python3 fit.py $O ${{ item }}",
        "for f in a b; do L=\"${L:-} $f\"; done; python3 fit.py $L ${{ item }}",
    ] {
        assert!(!is_refused(script), "{script}");
    }
    for script in [
        "C=python3; C=\"$C -c\"; $C ${{ item }}",
        "C=python3; C=\"${C:-x} -c\"; $C ${{ item }}",
        "C=-c; C=\"bash $C\"; $C ${{ item }}",
        "C=; [ -e f ] && C=\"sh $C\"; C=\"nice $C\"; $C -c ${{ item }}",
        "C=samtools; eval \"C=python3\"; $C -c ${{ item }}",
    ] {
        assert!(is_refused(script), "{script}");
    }
}
