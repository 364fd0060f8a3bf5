//! No value of a command is executed, and every value that is not refused arrives unchanged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use sunward_workflows::{
    Catalog, CompiledArgv, CompiledScript, Facts, Scope, Template, Value, check,
};

fn scope(text: &str) -> Scope {
    Scope {
        item: Some(Value::String(text.to_owned())),
        attempt: Some(1),
        ..Scope::default()
    }
}

fn compile(shell: &[&str], script: &str) -> CompiledScript {
    let shell: Vec<String> = shell.iter().map(|word| (*word).to_owned()).collect();
    CompiledScript::new(&shell, script).unwrap()
}

fn takes_text(script: &str) -> bool {
    compile(&["bash", "-c"], script)
        .render(&scope("a b"))
        .is_ok()
}

const REFUSED: &[&str] = &[
    "f 'a ${{ item }}'",
    "f $'${{ item }}'",
    "f `g ${{ item }}`",
    "f \"`g ${{ item }}`\"",
    "f ${x:-${{ item }}}",
    r"f \${{ item }}",
    "f $${{ item }}",
    "cat <<'EOF'\n${{ item }}\nEOF\n",
    "cat <<'E F'\n${{ item }}\nE F\n",
    "cat <<\\EOF\n${{ item }}\nEOF\n",
    "cat <\\\n<EOF\n${{ item }}\nEOF\n",
    "cat <<EOF\nx\n\tEOF\n${{ item }}\nEOF\n",
    "cat <<EOF\n`f ${{ item }}`\nEOF\n",
    "cat <<EOF\n$((${{ item }}))\nEOF\n",
    "cat <<${{ item }}\nx\n${{ item }}\n",
    "[[ ${{ item }} -gt 3 ]]",
    "[[ -v ${{ item }} ]]",
    "(( ${{ item }} > 3 ))",
    "f $((1 + ${{ item }}))",
    "f $[1 + ${{ item }}]",
    "for ((i=${{ item }}; i<3; i++)); do f; done",
    "a[${{ item }}]=1",
    "f ${a[${{ item }}]}",
    "let x=${{ item }}",
    "declare x=${{ item }}",
    "declare -i x=${{ item }}",
    "typeset x=${{ item }}",
    "f() { local x=${{ item }}; }",
    "readonly x=${{ item }}",
    "read ${{ item }}",
    "unset ${{ item }}",
    "unset x${{ item }}",
    "export ${{ item }}",
    "builtin declare x=${{ item }}",
    "command eval ${{ item }}",
    "eval \"echo ${{ item }}\"",
    "eval \"$(f ${{ item }})\"",
    "trap 'rm ${{ item }}' EXIT",
    "trap ${{ item }} EXIT",
    "alias x=${{ item }}",
    "test -v ${{ item }}",
    "test ${{ item }} ${{ item }}",
    "[ -v ${{ item }} ]",
    "printf -v ${{ item }} x",
    "bash -c 'echo ${{ item }}'",
    "bash -c \"echo ${{ item }}\"",
    "bash -euc ${{ item }}",
    "bash -c -e ${{ item }}",
    "/usr/bin/env bash -c \"${{ item }} x\"",
    "nice -n 3 sh -c ${{ item }}",
    "echo x | xargs sh -c ${{ item }}",
    "find . -exec sh -c ${{ item }} ';'",
    "bash <<EOF\n${{ item }}\nEOF\n",
    "bash <<< ${{ item }}",
    "bash <(echo ${{ item }})",
    "source <(echo ${{ item }})",
    ". /dev/stdin <<EOF\n${{ item }}\nEOF\n",
    "source /dev/stdin <<< ${{ item }}",
    "echo ${{ item }} | . /dev/fd/0",
    "echo ${{ item }} | awk -f - f",
    "echo ${{ item }} | sed --file=- f",
    "awk -f - <<EOF\n{ print ${{ item }} }\nEOF\n",
    "cat x | sed -f - <<EOF\ns/a/${{ item }}/\nEOF\n",
    "make -f - <<EOF\nall: ; ${{ item }}\nEOF\n",
    "echo ${{ item }} | make -f -",
    "echo ${{ item }} | dc",
    "m4 <<EOF\n${{ item }}\nEOF\n",
    "PAGER=${{ item }} git log",
    "git -c core.pager=${{ item }} log",
    "git -c ${{ item }} log",
    "rsync -e ${{ item }} a b",
    "rsync --rsh=${{ item }} a b",
    "tar -I ${{ item }} -cf x y",
    "sort --compress-program=${{ item }} f",
    "scp -o ProxyCommand=${{ item }} a b:",
    "find . -exec sh -c \"f ${{ item }}\" ';'",
    "python3 <<EOF\nprint('${{ item }}')\nEOF\n",
    "while read l; do python -; done <<EOF\n${{ item }}\nEOF\n",
    "echo ${{ item }} | bash",
    "echo ${{ item }} | sh -s",
    "cat <<EOF | bash\n${{ item }}\nEOF\n",
    "python3 -c \"print('${{ item }}')\"",
    "python3 -c ${{ item }}",
    "python3 -W ${{ item }} x.py",
    "perl -ne \"print ${{ item }}\"",
    "perl -M${{ item }} x.pl",
    "ruby -e ${{ item }}",
    "Rscript -e ${{ item }}",
    "node --eval ${{ item }}",
    "awk \"\\$1 > ${{ item }}\" f",
    "awk -F, ${{ item }} f",
    "sed s/${{ item }}/b/ f",
    "sed -n ${{ item }}",
    "sed -e ${{ item }} f",
    "jq \".${{ item }}\" f",
    "ssh host ls ${{ item }}",
    "parallel echo ${{ item }} ::: a",
    "make x=${{ item }}",
    "mytool --eval=${{ item }}",
    "BASH_ENV=${{ item }} bash x.sh",
    "PS4=${{ item }}",
    "${{ item }}=1",
    "${{ item }}() { :; }",
    "x=${{ item }}; (( x > 3 ))",
    "x=${{ item }}; [[ $x -gt 3 ]]",
    "x=a${{ item }}; y=$x; echo $((y))",
    "for x in ${{ item }}; do echo ${a[$x]}; done",
    "x=${{ item }}; eval \"f $x\"",
    "x=${{ item }}; bash -c \"f $x\"",
    "x=${{ item }}; awk \"{ print $x }\" f",
    "f() { echo $(($1)); }; f ${{ item }}",
    "read -r x <<< ${{ item }}; let y=x",
    "x=${{ item }}; unset \"$x\"",
    "x=${{ item }}; echo \"$x\" | bash",
    "x=${{ item }}; bash <<EOF\n$x\nEOF\n",
    "x=${{ item }}; bash <<< \"$x\"",
    "echo ${{ item }} | while read -r x; do (( x )); done",
    "printf '%s' ${{ item }} | { read x; let y=x; }",
    "x=${{ item }}; echo \"$x\" | { read -r y; f ${a[y]}; }",
    "x=${{ item }}; test -v \"$x\"",
    "x=${{ item }}; f $[x + 1]",
    "declare -i x; x=${{ item }}",
    "x=${{ item }}; declare -n y=$x",
    "a=([${{ item }}]=1)",
    "x=1 2>/dev/null\nif true; then eval \"f ${{ item }}\"; fi",
    "x=1 2>/dev/null\n{ eval \"f ${{ item }}\"; }",
    "x=1 2>/dev/null\nfor i in ${{ item }}; do bash -c \"f $i\"; done",
    "x=1 >f\nwhile f; do bash -c \"f ${{ item }}\"; done",
    "x=${{ item }}; a=([$x]=1)",
    "cat <<A <<B\n${{ item }}\nA\nB\n",
    "echo \\>|bash ${{ item }}\"",
    "echo \"unclosed ${{ item }}",
    "echo\u{a0}#${{ item }}",
    "echo x\r#${{ item }}",
];

const ALLOWED: &[&str] = &[
    "f ${{ item }}",
    "remapbil,${{ item }} x",
    "f \"${{ item }}\" '${{ item }}'",
    "f \"a ${{ item }} b\"",
    "cat <<EOF\na ${{ item }} b\nEOF\n",
    "cat <<-EOF\n\ta ${{ item }} b\n\tEOF\n",
    "cat <<< ${{ item }}",
    "x=${{ item }}; export Y=${{ item }}",
    "f $(g ${{ item }}) \"$(g \"${{ item }}\")\"",
    "[ -s ${{ item }} ] && [ ${{ item }} = x ]",
    "test -e ${{ item }}",
    "if [[ $(wc -l < ${{ item }}) -gt 3 ]]; then f; fi",
    "awk -F, -v x=${{ item }} '$1 > x' ${{ item }} > ${{ item }}",
    "bash -c 'echo \"$1\"' - ${{ item }}",
    "python3 -c 'import sys' ${{ item }}",
    "python3 script.py -c ${{ item }}",
    "bash ${{ item }} ${{ item }}",
    "find ${{ item }} -name ${{ item }}",
    "tar cf x.tar ${{ item }}",
    "cut -f2 ${{ item }} | while read -r n; do (( total += n )); done",
    "x=${{ item }}; cat \"$x\" | while read -r l; do echo \"$l\"; done",
    "echo ${{ item }} | while read -r l; do echo \"$l\"; done",
    "echo ${{ item }} | awk -f x.awk",
    "awk -f x.awk ${{ item }}",
    "source ${{ item }}",
    "grep -e ${{ item }} f | head -c 3",
    "for x in ${{ item }} b; do f; done",
    "case ${{ item }} in a) f;; esac",
    "f # ${{ item }}",
    "x=${{ item }}; n=$(wc -l < \"$x\"); (( n > 3 )) && f",
    "x=${{ item }}; [ \"$x\" -gt 3 ]",
    "x=${{ item }}; y=3; [[ $y -gt 3 ]] || [[ $x == a* ]]",
    "n=\"$(wc -l < ${{ item }})\"; echo $((n + 1))",
    "f ${{ item }} >| ${{ item }}",
    "while read -r a b; do echo \"$a\"; done <<EOF\n${{ item }}\nEOF\n",
    "f ${{ item }} \\\n  ${{ item }} > f \\\n 2>&1",
    "f ${{ item }} 2>|log",
    "x=${{ item }}; echo \"${x%.*}\" \"${x:-none}\" \"${#x}\"",
    "echo $(date)#${{ item }}",
];

#[test]
fn text_is_refused_where_it_would_be_evaluated_and_nowhere_else() {
    let wrong = |scripts: &[&str], expected: bool| -> Vec<String> {
        let wrong = scripts
            .iter()
            .filter(|script| takes_text(script) != expected);
        wrong.map(|script| (*script).to_owned()).collect()
    };
    assert_eq!(
        wrong(REFUSED, false),
        Vec::<String>::new(),
        "should be refused"
    );
    assert_eq!(
        wrong(ALLOWED, true),
        Vec::<String>::new(),
        "should be allowed"
    );
}

#[test]
fn a_number_stands_literally_wherever_text_is_refused() {
    for script in REFUSED {
        let numbers = script.replace("item", "attempt");
        let rendered = compile(&["bash", "-c"], &numbers)
            .render(&scope(""))
            .unwrap();
        assert!(rendered.variables.is_empty(), "{script}");
        assert!(!rendered.text.contains("SUNWARD"), "{script}");
    }
}

#[test]
fn what_the_check_lets_through_renders_and_the_rest_is_named_with_a_remedy() {
    for (script, expected) in REFUSED
        .iter()
        .map(|s| (s, false))
        .chain(ALLOWED.iter().map(|s| (s, true)))
    {
        let yaml = serde_json::json!({
            "name": "t",
            "stages": { "a": { "run": script, "scatter": ["a b"] } },
        });
        let checked = check(&yaml.to_string(), &Catalog::default(), &Facts::default());
        let refused: Vec<_> = checked
            .diagnostics
            .iter()
            .filter(|d| d.code.0 == "SW0604")
            .collect();
        assert_eq!(
            refused.is_empty(),
            expected,
            "{script}: {:?}",
            checked.diagnostics
        );
        assert!(refused.iter().all(|d| d.suggestion.is_some()), "{script}");
    }
}

#[test]
fn other_programs_take_numbers_and_no_text() {
    for shell in [
        &["python3", "-c"][..],
        &["fish", "-c"],
        &["zsh", "-c"],
        &["Rscript", "-e"],
    ] {
        assert!(
            compile(shell, "print(${{ attempt }})")
                .render(&scope(""))
                .is_ok()
        );
        assert!(
            compile(shell, "print(${{ item }})")
                .render(&scope("x"))
                .is_err()
        );
    }
    for script in ["f <<< ${{ item }}", "a=(${{ item }})", "f <(g ${{ item }})"] {
        assert!(
            compile(&["/bin/sh", "-c"], script)
                .render(&scope("x"))
                .is_err(),
            "{script}"
        );
    }
}

#[test]
fn no_value_becomes_an_option_that_runs_a_program() {
    for script in [
        "tar cf x ${{ item }}",
        "sort ${{ item }}",
        "rsync -a ${{ item }} host:",
        "find ${{ item }} -name x",
        "python3 ${{ item }}",
        "bash ${{ item }}",
        "awk 1 ${{ item }}",
    ] {
        let render = |script: &str| {
            let option = scope("--use-compress-program=touch p");
            compile(&["bash"], script)
                .render(&option)
                .map_err(|e| e.to_string())
        };
        let refused = render(script).unwrap_err();
        assert!(refused.contains("./"), "{script}: {refused}");
        // The form that the message suggests is accepted.
        assert!(render(&script.replace("${{", "./${{")).is_ok(), "{script}");
    }
}

#[test]
fn programs_in_a_list_of_words_take_no_text() {
    let takes = |words: &[&str]| {
        let words: Vec<Template> = words.iter().map(|word| Template::new(*word)).collect();
        CompiledArgv::new(&words)
            .unwrap()
            .render(&scope("a b"))
            .is_ok()
    };
    for words in [
        &["bash", "-c", "echo ${{ item }}"][..],
        &["python3", "-c", "${{ item }}"],
        &["awk", "{ print \"${{ item }}\" }"],
        &["env", "sh", "-c", "${{ item }}"],
        &["ssh", "host", "${{ item }}"],
        &["sed", "-e", "s/${{ item }}/x/"],
    ] {
        assert!(!takes(words), "{words:?}");
    }
    for words in [
        &["printf", "%s", "${{ item }}"][..],
        &["bash", "-c", "echo \"$1\"", "-", "${{ item }}"],
        &["python3", "script.py", "--name=${{ item }}"],
        &["awk", "-v", "x=${{ item }}", "{ print x }", "f"],
    ] {
        assert!(takes(words), "{words:?}");
    }
    let words = ["python3", "${{ item }}"].map(Template::new);
    let argv = CompiledArgv::new(&words).unwrap();
    assert!(argv.render(&scope("-cimport os")).is_err());
}

#[test]
fn a_list_is_one_word_each_and_large_values_are_refused() {
    let list = Value::List(["a b", "*"].map(|s| Value::String(s.into())).to_vec());
    let scope_of = |item: Value| Scope {
        item: Some(item),
        ..Scope::default()
    };
    let render = |script: &str, item: Value| compile(&["bash"], script).render(&scope_of(item));
    let text = render("f ${{ item }}", list.clone()).unwrap().text;
    assert_eq!(text, "f \"${SUNWARD_V1_1}\" \"${SUNWARD_V1_2}\"");
    let one = render("x=${{ item }}", list).unwrap();
    assert_eq!(one.text, "x=\"${SUNWARD_V1}\"");
    assert_eq!(
        one.variables,
        [("SUNWARD_V1".to_owned(), "a b *".to_owned())]
    );
    let large = render("f ${{ item }}", Value::String("x".repeat(200_000))).unwrap_err();
    assert!(large.to_string().contains("inputs:"), "{large}");
}
