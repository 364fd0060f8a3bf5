//! A grammar of shell scripts with places for values, and values that resemble code.

mod hostile;
mod refused;

pub(crate) use hostile::hostile;
use refused::{REFUSED, REFUSED_BASH};

/// A generator of choices from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub(crate) fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// The expected output of a script between zero bytes: text around the value.
#[derive(Clone, Debug)]
pub(crate) struct Print {
    before: String,
    after: String,
    /// Whether the value passes through a command substitution, which removes line breaks at its
    /// end.
    trimmed: bool,
    /// Whether the output does not contain the value.
    plain: bool,
}

impl Print {
    pub(crate) fn of(&self, value: &str) -> Vec<u8> {
        let value = if self.trimmed {
            value.trim_end_matches('\n')
        } else {
            value
        };
        let value = if self.plain { "" } else { value };
        format!("{}{value}{}", self.before, self.after).into_bytes()
    }
}

/// A script with `\u{1}` for each value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) text: String,
    pub(crate) prints: Vec<Print>,
    /// The reasons for which it is refused. Empty if it is accepted.
    pub(crate) refusals: Vec<&'static str>,
}

/// Rules that print the value: a script, and its outputs with `V` for the value. `v` is the value
/// without line breaks at its end.
const PRINTING: &[(&str, &[&str])] = &[
    ("printf '%s\\0' V", &["V"]),
    ("printf '%s\\0' \"V\"", &["V"]),
    ("printf '%s\\0' 'V'", &["V"]),
    ("printf '%s\\0' pre,V.post", &["pre,V.post"]),
    ("printf '%s\\0' x\"V\"'y'", &["xVy"]),
    ("printf '%s\\0' \"a V b\" --o=V", &["a V b", "--o=V"]),
    ("printf '%s\\0' \"it's V\" # it's V", &["it's V"]),
    ("x=V; printf '%s\\0' \"$x\"", &["V"]),
    ("x=\"<V>\"\nprintf '%s\\0' \"${x}\"", &["<V>"]),
    ("export X=V; sh -c 'printf \"%s\\0\" \"$X\"'", &["V"]),
    ("X=V env sh -c 'printf \"%s\\0\" \"$X\"'", &["V"]),
    ("env X=V sh -c 'printf \"%s\\0\" \"$X\"'", &["V"]),
    ("sh -c 'printf \"%s\\0\" \"$1\"' - V", &["V"]),
    ("cat <<EOF\nV\nEOF\nprintf '\\0'", &["V\n"]),
    (
        "cat << E_F\na \"V\" 'b\nE_F\nprintf '\\0'",
        &["a \"V\" 'b\n"],
    ),
    ("cat <<-EOF\n\tV\n\tEOF\nprintf '\\0'", &["V\n"]),
    ("cat <<EOF\n$(printf '%s' V)\nEOF\nprintf '\\0'", &["v\n"]),
    ("printf '%s\\0' \"$(printf '%s' V)\"", &["v"]),
    (
        "printf '%s\\0' \"$(printf '%s' \"$(printf '%s' \"V\")\")\"",
        &["v"],
    ),
    (
        "case V in V) printf '%s\\0' V;; *) printf 'no\\0';; esac",
        &["V"],
    ),
    ("case \"xV\" in x*) printf '%s\\0' \"V\";; esac", &["V"]),
    ("f() { printf '%s\\0' \"$1\"; }; f V", &["V"]),
    (
        "f() {\n  y=$1\n  printf '%s\\0' \"$y\" V\n}\nf V",
        &["V", "V"],
    ),
    ("printf '%s\\0' V | cat", &["V"]),
    ("printf '%s\\0' V | { cat; } | tr 'a' 'a'", &["V"]),
    ("printf '%s\\0' V | xargs -0 printf '%s\\0'", &["V"]),
    (
        "for i in V end; do printf '%s\\0' \"$i\"; done",
        &["V", "end"],
    ),
    ("set -- V; printf '%s\\0' \"$@\" \"$1\"", &["V", "V"]),
    (
        "n=0\nwhile [ \"$n\" -lt 2 ]; do printf '%s\\0' V; n=$((n + 1)); done",
        &["V", "V"],
    ),
    ("until [ -n V ]; do :; done; printf '%s\\0' V", &["V"]),
    (
        "if [ V = V ]; then printf '%s\\0' V; else printf 'no\\0'; fi",
        &["V"],
    ),
    ("[ -n \"V\" ] && printf '%s\\0' V", &["V"]),
    (
        "echo `date`V > /dev/null; echo \"$((1+2))\" > /dev/null; printf '%s\\0' V",
        &["V"],
    ),
    ("echo $(date)#V >/dev/null; printf '%s\\0' V", &["V"]),
    (
        "echo \"${A:-${B:-dont}}\" V >/dev/null; printf '%s\\0' V",
        &["V"],
    ),
    (": <<'E F'\ndon't `$( \"\nE F\nprintf '%s\\0' V", &["V"]),
    ("echo V >| /dev/null; printf '%s\\0' V", &["V"]),
    ("printf '%s\\0' V 2>/dev/null >&1", &["V"]),
    (
        "awk -v 'x=1' 'BEGIN { exit }' ./V; printf '%s\\0' V",
        &["V"],
    ),
    ("( printf '%s\\0' V )", &["V"]),
    ("l=V; : $(( ${#l} )); printf '%s\\0' \"$l\"", &["V"]),
    ("sed -n p <<EOF\nV\nEOF\nprintf '\\0'", &["V\n"]),
    (
        "n=$(printf '%s' V | grep -c x) || :; printf '%s\\0' V; : $((n))",
        &["V"],
    ),
    (
        "printf '%s\\0' V | xargs -0 sh -c 'printf \"%s\\0\" \"$1\"' _",
        &["V"],
    ),
    ("eval 'n=1'; printf '%s\\0' V", &["V"]),
    (
        "x=V; cat > c.cfg <<EOF\n$x\nEOF\nrm c.cfg; printf '%s\\0' \"$x\"",
        &["V"],
    ),
    ("! false && printf '%s\\0' V", &["V"]),
    ("l=V; num=${#l}; : $((num)); printf '%s\\0' V", &["V"]),
    (
        "for num in 1 2; do : $((num + 1)); done; printf '%s\\0' V",
        &["V"],
    ),
    ("printf '%s' V > pat; rm -f pat; printf '%s\\0' V", &["V"]),
    ("timeout 60 printf '%s\\0' V", &["V"]),
    (
        "p() { printf '%s' 2; }; num=$(p); : $((num)); printf '%s\\0' V",
        &["V"],
    ),
    (
        "n=$(printf '%s' V | wc -l); if [ $((n + 1)) -gt 0 ]; then printf '%s\\0' V; fi",
        &["V"],
    ),
    ("P=printf; $P '%s\\0' V", &["V"]),
    ("Q='printf %s\\0'; $Q V", &["V"]),
    ("S=sh; $S -c 'printf \"%s\\0\" \"$1\"' _ V", &["V"]),
    ("R=; $R printf '%s\\0' V", &["V"]),
    ("R='env A=1'; $R printf '%s\\0' V", &["V"]),
    ("run1() { \"$@\"; }; run1 printf '%s\\0' V", &["V"]),
    ("run2() { shift; \"$@\"; }; run2 a printf '%s\\0' V", &["V"]),
    ("run3() { env \"$@\"; }; run3 printf '%s\\0' V", &["V"]),
    (
        "run4() { sh -c 'printf \"%s\\0\" \"$@\"' _ \"$@\"; }; run4 V a",
        &["V", "a"],
    ),
    ("cat1() { cat; }; printf '%s\\0' V | cat1", &["V"]),
    ("for T in printf; do $T '%s\\0' V; done", &["V"]),
    (
        "x=V; for y in \"$x\" b; do printf '%s\\0' \"$y\"; done",
        &["V", "b"],
    ),
    (
        "printf '%s' V > l; x=V; sed -n 1p -- l > m; rm -f l m; printf '%s\\0' \"$x\"",
        &["V"],
    ),
];

/// The same for bash only.
const PRINTING_BASH: &[(&str, &[&str])] = &[
    ("cat <<< V; printf '\\0'", &["V\n"]),
    ("cat <<< \"a V\"; printf '\\0'", &["a V\n"]),
    (
        "IFS= read -r -d '' x <<< V || :; printf '%s\\0' \"$x\"",
        &["V\n"],
    ),
    ("cat <(printf '%s\\0' V)", &["V"]),
    ("a=(V 'b'); printf '%s\\0' \"${a[@]}\"", &["V", "b"]),
    (
        "if [[ $(printf '%s' V | wc -c) -gt 0 ]]; then printf '%s\\0' V; fi",
        &["V"],
    ),
    (
        "for ((j = 0; j < 2; j++)); do printf '%s\\0' V; done",
        &["V", "V"],
    ),
    ("printf -v x '%s' V; printf '%s\\0' \"$x\"", &["V"]),
    ("num=$(date +%j); : $((10#$num)); printf '%s\\0' V", &["V"]),
    ("(( 1 < 2 )) && printf '%s\\0' V", &["V"]),
    ("d=V; y=${d:0:4}; y=${d: -1}; printf '%s\\0' \"$d\"", &["V"]),
    ("o=0; d=V; y=${d:o:2}; printf '%s\\0' \"$d\"", &["V"]),
    ("awk 1 <<< V; printf '\\0'", &["V\n"]),
    ("bash -c 'cat' <<< V; printf '\\0'", &["V\n"]),
    ("cmd=(printf '%s\\0' V); \"${cmd[@]}\"", &["V"]),
    ("n=$(wc -c <<< V); (( n > 0 )) && printf '%s\\0' V", &["V"]),
    ("c5=(printf '%s\\0'); c5+=(V); \"${c5[@]}\"", &["V"]),
    ("c6=(env); c6+=(printf '%s\\0'); \"${c6[@]}\" V", &["V"]),
    (
        "run7() { local c7=(\"$@\"); \"${c7[@]}\"; }; run7 printf '%s\\0' V",
        &["V"],
    ),
    ("run8() { \"${@:2}\"; }; run8 a printf '%s\\0' V", &["V"]),
    ("lst=([0]=V [1]=b); printf '%s\\0' \"${lst[0]}\"", &["V"]),
    (
        "mapfile -t L < <(echo a); printf '%s\\0' \"${L[0]}V\"",
        &["aV"],
    ),
];

/// Rules that join the scripts `A` and `B`.
const JOINING: &[&str] = &[
    "A\nB",
    "A\n\n# don't \"\u{1}\nB",
    "( A\n)\nB",
    "{ A\n}\nB",
    "if true; then\nA\nelse\nB\nfi",
    "if ! false\nthen\n  A\nfi",
    "g() {\nA\n}\ng",
    "g() (\nA\n)\ng",
    "case x in\n(y) B\n;;\nx) A\n;; esac",
    "case x in\n*) A\n;;\nesac",
    "while :; do\nA\nbreak\ndone",
    "for k in 1; do\nA\ndone",
    "{ A\n} | cat",
    "echo \"it's $(echo 'a)b')\" > /dev/null\nA",
    "echo \"$(case y in z) echo no;; esac)\" > /dev/null\nA",
    "true && {\nA\n}",
    "true |\n  cat\nA",
    "{ A\n} &&\n{ B\n}",
    "z=\"$( A\n:)\"\nB",
];

/// Rules that put text around a script. These scripts are only parsed and never run.
const AROUND: &[&str] = &[
    ">/dev/null 2>&1\nA",
    ">f 2>&1; A",
    "y=1 >f\nA",
    "y=1 2>f; A",
    "y=1 z=2 </dev/null >f\nA",
    "y=$(date) >f\nA",
    "export y=1 2>f\nA",
    "f >f <<< x\nA",
    "f 2>&1 |& g\nA",
    "{ A\n} > f 2>&1",
    "( A\n) < /dev/null",
    "( ( A\n) )",
    "if f; then\nA\nfi > f",
    "if f\nthen A\nelif g; then :\nelse :\nfi",
    "while f; do\nA\ndone < f",
    "until f\ndo A\ndone",
    "for i in 1 2\ndo\nA\ndone | g",
    "for i; do\nA\ndone",
    "select i in a b; do\nA\ndone",
    "case y in\n  a|b) f ;;\n  *)\nA\n;;\nesac > f",
    "case $(f) in (a) f;; (*) A\n;; esac",
    "f() { A\n}; f",
    "function f { A\n}\nf",
    "f() if g; then\nA\nfi\nf",
    "time f\nA",
    "! { A\n}",
    "f & A",
    "f &\nwait\nA",
    "f || A",
    "f && { A\n} || g",
    "f |\nwhile read -r l; do\nA\ndone",
    "f \\\n  -x \\\n  y\nA",
    "f # a comment's \"quote\nA",
    "# don't\nA",
    "cat <<EOF\nit's \"text\nEOF\nA",
    "cat <<'EOF'\nit's \"$(text\nEOF\nA",
    "cat <<-EOF > f\n\tx\n\tEOF\nA",
    "cat <<EOF | g\nx\nEOF\nA",
    "x=\"$(cat <<EOF\nx\nEOF\n)\"\nA",
    "f \"$(\nA\n)\"",
    "f <(\nA\n)",
    "x=(1 2\n3)\nA",
    "x=(1 2) 2>f\nA",
    "x+=1\nA",
    "x[1]=2\nA",
    "echo $((1 + 2)) $(( x << 2 ))\nA",
    "(( x++ ))\nA",
    "((x > 1)) && f\nA",
    "[[ a == b && c =~ ^d|e$ ]]\nA",
    "[[ a < b ]] && f\nA",
    "[ a \\< b ]\nA",
    "echo ${x#*/} ${y%%.*} ${z//a/b} ${#x} ${x:-\"it's\"}\nA",
    "echo \"${x:-a b}\" \"${y:+'c'}\"\nA",
    "echo $'it\\'s' $\"x\"\nA",
    "echo 'a\nb' \"c\nd\"\nA",
    "echo a\\ b \\\" \\'\nA",
    "echo {a,b}{1..3}\nA",
    "echo \\\\\nA",
    "trap 'rm -f x' EXIT\nA",
    "set -euo pipefail; shopt -s extglob\nA",
    "exec 3>f 4<&0\nA",
    "f 3>&1 1>&2 2>&3 3>&-\nA",
    "f &> f\nA",
    "f >> f 2>> g\nA",
    "local x=1 2>f\nA",
    "declare -a x=(1 2)\nA",
    "let x=1\nA",
    "x=`date`\nA",
    "echo `date` 2>f\nA",
    "coproc f { g; }\nA",
    "A\nexit 0",
];

/// A script with one value that must be refused, inside several layers of text.
pub(crate) fn buried(dice: &mut Dice) -> (String, &'static str) {
    let rules: Vec<_> = REFUSED.iter().chain(REFUSED_BASH).collect();
    let (text, _) = rules[dice.below(rules.len())];
    let mut script = text.replace('V', "\u{1}");
    for _ in 0..1 + dice.below(3) {
        let around = AROUND[dice.below(AROUND.len())];
        // Joined by a line break or by `;`, as rules of both kinds are.
        script = around.replace('A', &script);
    }
    (script, text)
}

/// A script.
pub(crate) fn script(dice: &mut Dice, bash: bool) -> Script {
    let depth = dice.below(4);
    joined(dice, bash, depth)
}

fn joined(dice: &mut Dice, bash: bool, depth: usize) -> Script {
    if depth == 0 || dice.below(4) == 0 {
        return leaf(dice, bash);
    }
    let pattern = dice.one_of(JOINING);
    let mut script = Script::default();
    // Branches that are not taken and assignments to variables print nothing.
    let silent = |piece: char| match (pattern.contains("else") || pattern.contains("(y)"), piece) {
        (true, 'B') => true,
        (_, 'A') => pattern.starts_with("z="),
        _ => false,
    };
    for c in pattern.chars() {
        if !matches!(c, 'A' | 'B') {
            script.text.push(c);
            continue;
        }
        let inner = joined(dice, bash, depth - 1);
        script.text.push_str(&inner.text);
        script.refusals.extend(inner.refusals);
        if !silent(c) {
            script.prints.extend(inner.prints);
        }
    }
    script
}

fn leaf(dice: &mut Dice, bash: bool) -> Script {
    let refused = dice.below(12) == 0;
    let of_bash = bash && dice.below(4) == 0;
    let (printing, refusing) = match of_bash {
        true => (PRINTING_BASH, REFUSED_BASH),
        false => (PRINTING, REFUSED),
    };
    match refused {
        true => refusing_leaf(refusing[dice.below(refusing.len())]),
        false => printing_leaf(printing[dice.below(printing.len())]),
    }
}

/// One script for each rule.
pub(crate) fn leaves(bash: bool) -> Vec<Script> {
    let (printing, refusing) = match bash {
        true => (PRINTING_BASH, REFUSED_BASH),
        false => (&[] as &[(&str, &[&str])], &[] as &[(&str, &str)]),
    };
    let printing = PRINTING.iter().chain(printing).copied().map(printing_leaf);
    let refusing = REFUSED.iter().chain(refusing).copied().map(refusing_leaf);
    printing.chain(refusing).collect()
}

fn printing_leaf((text, prints): (&str, &[&str])) -> Script {
    Script {
        text: text.replace('V', "\u{1}"),
        prints: prints.iter().map(|print| pattern(print)).collect(),
        refusals: Vec::new(),
    }
}

fn refusing_leaf((text, reason): (&str, &'static str)) -> Script {
    Script {
        text: text.replace('V', "\u{1}"),
        prints: Vec::new(),
        refusals: vec![reason],
    }
}

fn pattern(print: &str) -> Print {
    let at = print.find(['V', 'v']);
    let (before, after) = at.map_or((print, ""), |at| (&print[..at], &print[at + 1..]));
    Print {
        before: before.to_owned(),
        after: after.to_owned(),
        trimmed: at.is_some_and(|at| print[at..].starts_with('v')),
        plain: at.is_none(),
    }
}
