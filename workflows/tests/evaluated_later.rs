//! Ways in which a script makes code of text, one for each kind, and scripts like them that do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use sunward_workflows::{
    CompiledArgv, CompiledScript, InputValue, Scope, Template, Value, default_shell,
};

/// Why a script cannot have the text in it; `None` if it can.
fn refusal(script: &str) -> Option<String> {
    let text = || Value::String("a b".to_owned());
    let scope = Scope {
        item: Some(text()),
        params: Arc::new(BTreeMap::from([("p".to_owned(), text())])),
        inputs: BTreeMap::from([("t".to_owned(), InputValue::default())]),
        outputs: BTreeMap::from([("o".to_owned(), "/o/x.txt".into())]),
        ..Scope::default()
    };
    let compiled = CompiledScript::new(&default_shell(), script).unwrap();
    compiled.render(&scope).err().map(|error| error.to_string())
}

#[test]
fn text_that_becomes_code_is_refused() {
    let scripts = [
        // A function or alias of the name of a command that prints a number.
        "wc() { echo \"$1\"; }; n=$(wc -l < ${{ item }}); (( n > 3 ))",
        "function grep { echo \"$3\"; }\nn=$(grep -c x ${{ item }}); (( n > 3 ))",
        "alias wc=echo\nn=$(wc -l < ${{ item }}); (( n > 3 ))",
        "cat() { echo \"$1\"; }; cat ${{ item }} | read n; (( n > 3 ))",
        // Several files, of which `grep -c` prints the names.
        "x=${{ item }}; n=$(grep -c p $x); (( n > 3 ))",
        "x=${{ item }}; n=$(grep -c p ${x}); (( n > 3 ))",
        "x=${{ item }}; n=$(stat -c %s $x); (( n > 3 ))",
        // A file under another name.
        "mkdir d; echo ${{ item }} > d/f; cd d; bash f",
        "echo ${{ item }} > f; bash $PWD/f",
        "echo ${{ item }} > ./f; bash d/../f",
        "echo ${{ item }} | tee f; bash f",
        "echo ${{ item }} | tee -a out/f > log; . ./f",
        "tee f <<< ${{ item }}; bash f",
        "echo ${{ item }} | cat > f; bash f",
        "echo ${{ item }} > f; cp f g; bash g",
        "echo ${{ item }} > f; mv \"f\" \"g\"; bash g",
        // A file whose name is known only in part.
        "f=$(mktemp); echo ${{ item }} > $f; bash $f",
        "f=`mktemp`; echo ${{ item }} > $f; bash $f",
        "d=$(mktemp -d); echo ${{ item }} > $d/run.sh; bash $d/run.sh",
        "f=$(mktemp x.XXX.sh); echo ${{ item }} > $f; for s in *.sh; do bash \"$s\"; done",
        "f=$(mktemp | sed 's/.*/run.sh/'); echo ${{ item }} > $f; bash run.sh",
        "mktemp() { echo run.sh; }; echo ${{ item }} > \"$(mktemp)\"; bash run.sh",
        "echo ${{ item }} > \"$(date +${{ item }})\"; bash run.sh",
        "f() { echo ${{ item }} > \"$1\"; }; f run.sh; bash run.sh",
        "f() { shift; echo ${{ item }} > \"$1\"; }; f a run.sh; bash run.sh",
        "f() { echo ${{ item }} > \"$1\"; }; f $x run.sh; bash run.sh",
        "f() { echo ${{ item }} > \"$1\"; }; g() { \"$@\"; }; g f run.sh; bash run.sh",
        "f() { local o=$1; echo ${{ item }} > \"$o\"; }; f run.sh; bash run.sh",
        "f() { echo ${{ item }} > \"$1\"; }; export -f f; bash -c 'f run.sh'; bash run.sh",
        "f() { echo ${{ item }} > \"$1\"; }; trap 'f run.sh' EXIT; bash run.sh",
        "set -- run.sh; echo ${{ item }} > \"$1\"; bash run.sh",
        "read -r f; echo ${{ item }} > \"$f\"; bash run.sh",
        "bash <<EOF > f.sh\necho ${{ item }}\nEOF\n",
        "export X=${{ item }}; envsubst < x.in > x.sh; . ./x.sh",
        "export X=${{ item }}; printenv X | tee x.py; python3 x.py",
        "echo ${{ item }} > cfg; env F=cfg bash -c 'bash \"$F\"'",
        "echo ${{ item }} > cfg; export F=cfg; bash -c 'bash \"$F\"'",
        // The name of a command that another one starts.
        "nice ${{ item }} x",
        "nice -n 5 ${{ item }} x",
        "env A=1 ${{ item }}",
        "nohup setsid ${{ item }} &",
        "exec ${{ item }}",
        "command ${{ item }}",
        "x=${{ item }}; nice -n 5 $x",
        "x=${{ item }}; exec \"$x\"",
        // Options within several words.
        "set -- -v ${{ item }}; [ \"$@\" ]",
        "set -- a -v ${{ item }}; shift; test \"$@\"",
        "x=${{ item }}; [ $x = word ]",
        "x=${{ item }}; test $x = word",
        "[ $(echo ${{ item }}) = word ]",
        "set -- -c ${{ item }}; bash \"$@\"",
        "x=${{ item }}; python3 $x",
        "set -- x -v ${{ item }}; shift; printf \"$@\"",
        // The first of several words is another one later.
        "a=(echo ${{ item }}); unset 'a[0]'; \"${a[@]}\"",
        "set -- echo ${{ item }}; shift; \"$@\"",
    ];
    let taken: Vec<_> = scripts
        .into_iter()
        .filter(|script| refusal(script).is_none())
        .collect();
    assert!(taken.is_empty(), "{taken:#?}");
}

#[test]
fn scripts_that_only_look_like_them_are_not_refused() {
    for script in [
        "n=$(wc -l < ${{ item }}); (( n > 3 ))",
        "n=$(grep -c x ${{ item }}); (( n > 3 ))",
        "x=${{ item }}; n=$(grep -c p \"$x\"); (( n > 3 ))",
        "x=${{ item }}; n=$(stat -c %s \"$x\"); (( n > 3 ))",
        "wcs() { echo; }; n=$(wc -l < ${{ item }}); (( n > 3 ))",
        "echo ${{ item }} > f; bash g",
        "echo ${{ item }} | tee f; cat f",
        "echo ${{ item }} > f; cp f g; bash h",
        "f=$(mktemp); echo ${{ item }} > $f; bash run.sh $f",
        "f=$(mktemp -d \"$TMPDIR/x.XXX\")/a; echo ${{ item }} > $f; bash run.sh $f",
        "f() { echo \"$2\" > \"$1\"; }; f a.txt ${{ item }}; bash run.sh",
        "f() { echo ${{ item }} > \"$1\"; }; f a.txt; trap 'rm a.txt' EXIT; bash run.sh",
        "date > ${{ item }}; bash run.sh",
        "python3 <<'EOF' > ${{ outputs.o }}\nimport os\nEOF\necho ${{ item }}",
        "echo ${{ item }} > cfg; bash \"$RUN\" cfg",
        "nice -n 5 sort ${{ item }}",
        "env A=${{ item }} sort x",
        "timeout 5 sort ${{ item }}",
        "command -v ${{ item }}",
        "exec > log; echo ${{ item }}",
        "nice ./d/${{ item }}",
        "set -- ${{ item }}; sort \"$@\"",
        "set -- ${{ item }}; python3 x.py \"$@\"",
        "set -- ${{ item }}; python3 -m tool \"$@\"",
        "set -- ${{ item }}; bash -c 'echo \"$@\"' _ \"$@\"",
        "set -- ${{ item }}; awk '{ print $1 }' \"$@\"",
        "set -- ${{ item }}; printf '%s\\n' \"$@\"",
        "x=${{ item }}; [ \"$x\" = word ]",
        "[ \"$(echo ${{ item }})\" = word ] || [ $(wc -l < ${{ item }}) -gt 3 ]",
        "x=${{ item }}; [ $# -gt 0 ] && [ \"${#x}\" -gt 2 ]",
        "x=${{ item }}; n=3; [ $n -gt 2 ]",
        "for p in ${{ inputs.t.parts }}; do test -s $p; done; [ -s ${{ inputs.t }} ]",
        "x=${{ inputs.t }}; [ -e $x ] && python3 $x",
        "x=${{ item }}; for y in $x; do echo \"$y\"; done",
        "a=(sort ${{ item }}); \"${a[@]}\"",
        "set -- sort ${{ item }}; \"$@\"",
    ] {
        assert_eq!(refusal(script), None, "{script}");
    }
}

#[test]
fn a_list_of_words_names_no_command_by_a_value() {
    let refused = |words: &[&str]| {
        let words: Vec<Template> = words.iter().map(|word| Template::new(*word)).collect();
        let scope = Scope {
            item: Some(Value::String("a b".to_owned())),
            ..Scope::default()
        };
        CompiledArgv::new(&words).unwrap().render(&scope).is_err()
    };
    for words in [
        &["${{ item }}"][..],
        &["nice", "${{ item }}"],
        &["nice", "-n", "5", "${{ item }}"],
        &["env", "A=1", "${{ item }}"],
    ] {
        assert!(refused(words), "{words:?}");
    }
    for words in [
        &["nice", "sort", "${{ item }}"][..],
        &["env", "A=${{ item }}", "sort"],
        &["nice", "./tools/${{ item }}"],
    ] {
        assert!(!refused(words), "{words:?}");
    }
}
