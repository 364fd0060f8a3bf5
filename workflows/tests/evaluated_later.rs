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
