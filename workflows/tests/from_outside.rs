//! Ways in which text comes back from outside a script, reaches an option, or is the name of a
//! program, as a workflow's author would write them; and everyday commands that stay allowed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

use sunward_workflows::{Catalog, Facts, check};

/// Whether the check refuses text in a stage with this `run`, `env` and `shell`, each in YAML.
fn refuses(keys: &str) -> bool {
    let yaml = format!(
        "name: w\nparams: {{ x: {{ type: string, default: q }} }}\nstages:\n  s:\n    scatter: {{ over: [a b, c] }}\n{keys}"
    );
    let found = check(&yaml, &Catalog::default(), &Facts::default()).diagnostics;
    found.iter().any(|one| one.code.0 == "SW0604")
}

fn run(script: &str) -> String {
    let lines: String = script
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    format!("    run: |\n{lines}")
}

fn wrongly<'c>(cases: &[&'c str], refused: bool, keys: impl Fn(&str) -> String) -> Vec<&'c str> {
    let wrong = |case: &&&str| refuses(&keys(case)) != refused;
    cases.iter().filter(wrong).copied().collect()
}

#[test]
fn text_that_comes_back_or_names_a_program_is_refused() {
    let scripts = [
        // What bash itself evaluates.
        "SRANDOM=${{ item }}",
        "OPTIND=${{ item }}",
        "export RANDOM=${{ item }}",
        "read RANDOM <<< ${{ item }}",
        // Options of functions and scripts.
        "f() { while getopts n: o; do echo $((OPTARG)); done; }; f -n ${{ item }}",
        "f() { getopts n: o; v=$OPTARG; [[ $v -gt 3 ]]; }; f -n ${{ item }}",
        // The output of functions.
        "f() { echo ${{ item }}; }; readarray -t z < <(f); echo $((z))",
        "f() { echo ${{ item }}; }; eval \"$(f)\"",
        "f() { echo ${{ item }} >&2; }; z=$(f 2>&1); echo $((z))",
        "x=${{ item }}; f() { echo $x; }; y=$(f); echo $((y))",
        "f() { cat <<E\n${{ item }}\nE\n}; f > y.sh; . ./y.sh",
        // Files under quoted, computed or found names.
        "echo ${{ item }} > list.txt; read -r a < \"list.txt\"; echo $((a))",
        "echo ${{ item }} > \"$TMPDIR/list\"; a=$(head -1 \"$TMPDIR/list\"); echo $((a))",
        "echo ${{ item }} > x.sh; bash *.sh",
        "echo ${{ item }} > x.sh; ls *.sh | xargs bash",
        "dd of=x <<< ${{ item }}; read y < x; echo $((y))",
        "echo ${{ item }} | sort -o z; read y < z; echo $((y))",
        "cat <<E > f\n${{ item }}\nE\nbash f",
        "tee run.sh <<E\necho ${{ item }}\nE\nPATH=$PWD:$PATH; run.sh",
        "f=x.sh; echo ${{ item }} > \"$f\"; bash x.sh",
        "f=d/x.sh; echo ${{ item }} > $f; ( cd d; . ./x.sh )",
        "f=x.sh; echo ${{ item }} > x.sh; bash \"$f\"",
        "f=x; g=$f.sh; echo ${{ item }} > \"${g}\"; python3 x.sh",
        "for f in a.sh b.sh; do echo ${{ item }} > $f; done; bash b.sh",
        "f=$(tool); echo ${{ item }} > \"$f\"; bash x.sh",
        "f=$(tool); echo ${{ item }} > list.txt; bash \"$f\"",
        "read f < names; echo ${{ item }} > \"$f.sh\"; Rscript x.sh",
        "echo ${{ item }} > $1; bash x.sh",
        "echo ${{ item }} > ${{ params.x }}; bash x.sh",
        "echo ${{ item }} > part_$i.sh; bash part_1.sh",
        "echo ${{ item }} > {a,b}; bash a",
        "f=x.sh; cat <<E > $f\n${{ item }}\nE\nbash < x.sh",
        "f=x.sh; echo ${{ item }} | tee $f; bash x.sh",
        "f=x.sh; echo ${{ item }} > $f; ./x.sh",
        "f=x.mk; echo ${{ item }} > $f; make -f x.mk",
        "f=x.sh; echo ${{ item }} > a; cp a $f; bash x.sh",
        // Descriptors and the environment.
        "exec 0< <(echo ${{ item }}); bash",
        "export X=${{ item }}; eval \"$(env | grep X)\"",
        "export X=${{ item }}; env | while IFS== read k v; do echo $((v)); done",
        "export X=${{ item }}; make all",
        "X=${{ item }}; export X; make",
        "X=${{ item }} make all",
        "x=${{ item }}; Y=$x gmake",
        "declare -x X=${{ item }}; nice make -j 4",
        "export X=${{ item }}; awk 'BEGIN { system(ENVIRON[\"X\"]) }'",
        "bash -s ${{ item }} <<< 'echo $(($1))'",
        // Programs that other programs start.
        "strace -f ${{ item }}",
        "flock x ${{ item }}",
        "taskset 1 ${{ item }}",
        "chrt -b 0 ${{ item }}",
        "setarch x86_64 ${{ item }}",
        "linux64 ${{ item }}",
        "prlimit ${{ item }}",
        "nice --adjustment=3 ${{ item }}",
        "mpirun ${{ item }}",
        "mpirun -np 4 ${{ item }}",
        "mpirun --oversubscribe -np 4 --mca btl tcp ${{ item }} x",
        "mpirun -np 2 a : -np 2 ${{ item }}",
        "mpiexec -n 4 -genv A 1 ${{ item }}",
        "orterun -x PATH ${{ item }}",
        "srun ${{ item }}",
        "srun -n4 -c 2 --mpi=pmix ${{ item }}",
        "srun --ntasks 4 --exclusive ${{ item }}",
        "srun -- ${{ item }}",
        "V=${{ item }}; srun -n 4 $V",
        "mpirun -np 4 nice ${{ item }}",
        "salloc -N 1 ${{ item }}",
        "aprun -n 4 ${{ item }}",
        "jsrun -n 1 ${{ item }}",
        "find . -name x -execdir ${{ item }} {} +",
        "hash -p ${{ item }} ls; ls",
        "install --strip-program=${{ item }} -s /bin/true x",
        "gcc -wrapper ${{ item }} x.c",
        "vim -es +${{ item }}",
        // Programs of perl and awk that run their arguments.
        "perl -lane 'print $F[0]' ${{ item }}",
        "perl -e 'while(<>){print}' ${{ item }}",
        "V=${{ item }}; perl -ne 'print' \"$V\"",
        "awk -v c=${{ item }} 'BEGIN { c | getline x; print x }'",
    ];
    let taken = wrongly(&scripts, true, run);
    assert!(taken.is_empty(), "taken: {taken:#?}");
    let lists = [
        "[perl, -ne, print, '${{ item }}']",
        "[bash, -c, 'RANDOM=$1', '-', '${{ item }}']",
        "[bash, -c, 'while getopts n: o; do echo $((OPTARG)); done', '-', -n, '${{ item }}']",
        "[env, 'X=${{ item }}', bash, -c, 'echo $((X))']",
        "[env, 'X=${{ item }}', sh, -c, 'eval \"$X\"']",
        "[bash, -euvxhmBc, '${{ item }}']",
        "[python3, -IBSsEOuc, '${{ item }}']",
        "[python3, -m, timeit, '${{ item }}']",
        "[sed, --line-length, '5', '${{ item }}', f]",
        "[make, -E, '${{ item }}']",
        "[mpirun, -np, '4', '${{ item }}']",
        "[srun, '${{ item }}']",
        "[tar, cf, x.tar, f, '--checkpoint-act=exec=${{ item }}']",
        "[tar, cIf, '${{ item }}', x.tar, f]",
        "[sort, '--compress-prog=${{ item }}', f]",
        "[zip, -T, -TT, '${{ item }}', x.zip, f]",
        "[scp, '-oProxyCommand=${{ item }}', 'x:y', z]",
        "[scp, -S, '${{ item }}', 'x:y', z]",
        "[git, ls-remote, 'ext::${{ item }}']",
        "[xargs, -a, list, '-I{}', '${{ item }}']",
    ];
    let taken = wrongly(&lists, true, |list| format!("    run: {list}\n"));
    assert!(taken.is_empty(), "taken: {taken:#?}");
}

#[test]
fn text_of_the_environment_is_refused_where_it_comes_back() {
    let named = [
        "GIT_EXTERNAL_DIFF",
        "GIT_CONFIG_VALUE_0",
        "CC",
        "SHELL",
        "EDITOR",
        "PAGER",
        "RSYNC_RSH",
        "TAR_OPTIONS",
        "MAKEFLAGS",
        "PERL5OPT",
        "PROMPT_COMMAND",
        "PS4",
        "RANDOM",
    ];
    let taken = wrongly(&named, true, |name| {
        format!("    env: {{ {name}: '${{{{ item }}}}' }}\n    run: tool\n")
    });
    assert!(taken.is_empty(), "taken: {taken:#?}");
    let scripts = [
        "RANDOM=$X",
        "f() { echo \"$X\"; }; f | sh",
        "a=(1 2 3); unset 'a[X]'",
        "a=(1 2 3); test -v 'a[X]'",
        "printf -v 'a[X]' x",
        "read 'a[X]' <<< x",
        "bash <<'E'\necho $((X))\nE",
        "echo 'echo $((X))' | bash",
        "perl -e 'system($ENV{X})'",
        "make all",
        "cd src && make -j 4 && ./tool",
        "bash -c 'make all'",
        "n=$(cat list); (( n > 3 ))",
    ];
    let with = |script: &str| format!("    env: {{ X: '${{{{ item }}}}' }}\n{}", run(script));
    let taken = wrongly(&scripts, true, with);
    assert!(taken.is_empty(), "taken: {taken:#?}");
    let allowed = [
        "echo \"$X\"",
        "n=$(wc -l < list); (( n > 3 ))",
        "for i in 1 2; do echo $((i)) \"$X\"; done",
    ];
    let refused = wrongly(&allowed, false, with);
    assert!(refused.is_empty(), "refused: {refused:#?}");
    let shell =
        "    shell: [bash, -c, 'echo \"$1\" | envsubst | bash', '-']\n    run: echo ${{ item }}\n";
    assert!(refuses(shell));
}

/// What is told of a script.
fn told(script: &str) -> String {
    let yaml = format!(
        "name: w\nstages:\n  s:\n    scatter: {{ over: [a b, c] }}\n{}",
        run(script)
    );
    let found = check(&yaml, &Catalog::default(), &Facts::default()).diagnostics;
    let words = found
        .iter()
        .filter(|one| one.code.0 == "SW0604")
        .map(|one| {
            let help = one.suggestion.as_deref().unwrap_or_default();
            format!("{}; {help}", one.message)
        });
    words.collect()
}

#[test]
fn who_evaluates_whose_output_is_told_and_what_to_write_instead() {
    let number =
        "make it a number first, as in `k=$(printf %d \"$n\")`, or compare with `[ \"$n\" -gt 3 ]`";
    let apart = "put the commands that need the text into a file, and pass the text as its argument: `bash steps.sh ${{ item }}`";
    for (script, place, remedy) in [
        (
            "eval \"$(tool setup)\"\nother ${{ item }}",
            "`eval \"$(tool setup)\"` evaluates what `tool` prints",
            apart,
        ),
        (
            "n=$(cat list)\nif (( n > 3 )); then\n  other ${{ item }}\nfi",
            "`(( n > 3 ))` evaluates what `cat` prints",
            number,
        ),
        (
            "n=$(./count x); m=$n; other ${{ item }}; echo $(( m + 1 ))",
            "`$(( m + 1 ))` evaluates what `./count` prints",
            number,
        ),
        (
            "read n < list; [[ $n -gt 3 ]] && other ${{ item }}",
            "`[[ $n -gt 3 ]]` evaluates the content of a file",
            number,
        ),
        (
            "tool --plan ${{ item }} | bash",
            "`tool --plan ${{ … }} | bash`",
            "",
        ),
    ] {
        let told = told(script);
        if remedy.is_empty() {
            // A value on its way into a program has a reason of its own.
            assert!(
                told.contains("in a pipe that ends in an interpreter"),
                "{told}"
            );
            continue;
        }
        assert!(
            told.contains(&format!("in a script where {place}")),
            "{script}: {told}"
        );
        assert!(told.contains(remedy), "{script}: {told}");
    }
    // A value that is evaluated itself is told as that.
    let own = told("x=${{ item }}; (( x > 3 )); n=$(cat list); (( n > 3 ))");
    assert!(
        own.contains("in a variable that the script evaluates elsewhere"),
        "{own}"
    );
}

#[test]
fn everyday_commands_are_allowed() {
    let scripts = [
        "echo ${{ item }} > pat.txt; grep -f pat.txt x || true",
        "echo ${{ item }} > pat.txt; rm -f pat.txt",
        "echo ${{ item }} > a.txt; cp -f a.txt b; tail -f a.txt; [ -f a.txt ]",
        "echo ${{ item }} > a.txt; samtools view -P a.txt; readlink -f a.txt",
        "for f in ${{ params.x }}; do echo $f > a.txt; cut -f a.txt; done",
        "echo ${{ item }} | sed 's/a/b/' > a.txt; n=$(wc -l < a.txt); (( n > 1 )) || true",
        "x=${{ item }}; echo \"${x:0:3}\" \"${x%.txt}\" \"${#x}\"",
        "x=${{ item }}; n=${#x}; (( n > 3 )) || true",
        "x=${{ item }}; if [[ -f \"$x\" ]]; then echo; fi",
        "x=${{ item }}; i=0; for f in $x; do i=$((i+1)); done; echo $i",
        "x=${{ item }}; i=0; while read l; do i=$((i+1)); done <<< \"$x\"; echo $i",
        "for i in 1 2 3; do cp ${{ item }} out/$((i+1)).txt; done",
        "n=$(nproc); t=$(( n / 2 )); tool -t $t ${{ item }}",
        "start=$(date +%s); tool ${{ item }}; echo $(( $(date +%s) - start ))",
        "n=$(grep -c x f); m=$(stat -c %s f); (( n > m )) || tool ${{ item }}",
        "d=$(date -d ${{ item }} +%j); echo $((10#$d))",
        "eval \"$(conda shell.bash hook)\"; conda activate x; tool ${{ item }}",
        "gmx=$(command -v gmx || command -v gmx_mpi); $gmx mdrun -c ${{ item }} -e x",
        "export PATH=$(tool --prefix)/bin:$PATH; tool ${{ item }}",
        "gmx grompp -f ${{ item }} -c conf.gro -e ener.edr",
        "salmon quant -c ${{ item }}; kallisto quant -c ${{ item }}; featureCounts -e ${{ item }}",
        "obabel -c ${{ item }}; plink --c ${{ item }}; java -jar x.jar -e ${{ item }}",
        "tool --in=${{ item }} --out=\"${{ item }}.x\"",
        "curl -fsSL ${{ item }} -o x.gz",
        "docker run --rm -v \"$PWD:/w\" image tool ${{ item }}",
        "tar czf ${{ item }}.tgz d; gzip -c ${{ item }} > x",
        "bcftools view -i 'QUAL>20' ${{ item }}; samtools view -c ${{ item }}",
        "python3 x.py -c ${{ item }}; Rscript x.R -e ${{ item }}",
        "bwa mem -R \"@RG\\tID:${{ item }}\\tSM:${{ item }}\" ref.fa a.fq",
        "timeout 10 tool -c ${{ item }}; nice -n 5 tool -e ${{ item }}",
        "find . -name ${{ item }} -exec gzip {} +",
        "ls *.txt | xargs -n1 gzip; echo ${{ item }}",
        "awk '{ print | \"sort -n\" }' ${{ item }}; awk '/a|b/' ${{ item }}",
        "perl -e 'open(my $f, \"<\", $ARGV[0]); print while readline $f' ${{ item }}",
        "gcc -O2 -o tool x.c; ./tool ${{ item }}",
        "rsync -a ${{ item }} d/; sort -k1,1 ${{ item }}; split -l 10 ${{ item }}",
        "make -j 4 all; tool ${{ item }}",
        "make -j 4 all; export X=1; ./tool ${{ item }}",
        "out=result.txt; echo ${{ item }} > \"$out\"; bash run.sh",
        "out=$(basename ${{ item }} .pdb)_out.txt; tool > \"$out\"; bash run.sh \"$out\"",
        "for i in 1 2 3; do echo ${{ item }} > out_$i.txt; done; bash run.sh",
        "echo ${{ item }} > ${{ outputs.o }}; bash run.sh",
        "echo ${{ item }} > ${{ params.x }}.txt; bash run.sh",
        "echo ${{ item }} > \"$TMPDIR/list.txt\"; python3 tool.py",
        "echo ${{ item }} > \"$out\"; ./tool",
        "f=run.sh; echo ${{ item }} > list.txt; bash \"$f\" list.txt",
        "bash ${{ params.x }} ${{ item }}; python3 scripts/${{ item }}.py",
        "f=${{ params.x }}; bash \"$f\" ${{ item }}",
        "bash ${{ params.x }} ${{ item }} > ${{ outputs.o }}",
        "bash ${{ item }}; . ${{ item }}; python3 ${{ item }}.py",
        "f=${{ params.x }}; python3 \"$f\" ${{ item }} > ${{ outputs.o }}",
        "sort ${{ item }} > ${{ outputs.o }}; Rscript ${{ params.x }} ${{ outputs.o }} > ${{ outputs.p }}",
        "Rscript \"$HOME/x.R\" ${{ item }}; python3 \"$0.py\" ${{ item }}",
        "mpirun -np 4 tool ${{ item }}; mpiexec -n 2 --host ${{ params.x }} tool",
        "srun --partition ${{ params.x }} -n 4 tool -i ${{ item }}",
        "srun -p ${{ params.x }} --job-name ${{ item }} tool",
        "mpirun -x X=${{ item }} --hostfile ${{ item }} gmx_mpi mdrun",
        "n=$(cat list); k=$(printf %d \"$n\"); tool -n $((k + 1)) ${{ item }}",
        "n=$(head -1 list); [ \"$n\" -gt 3 ] && tool ${{ item }}",
    ];
    let refused = wrongly(&scripts, false, run);
    assert!(refused.is_empty(), "refused: {refused:#?}");
}

#[test]
fn deep_and_long_scripts_are_refused_or_read() {
    let deep = |depth: usize| {
        format!(
            "{}echo ${{{{ item }}}}{}",
            "echo $(".repeat(depth),
            ")".repeat(depth)
        )
    };
    assert!(!refuses(&run(&deep(20))));
    assert!(refuses(&run(&deep(40))));
    assert!(refuses(&run(&deep(2000))));
    let chain: String = (0..500).map(|i| format!("v{i}=$v{}\n", i + 1)).collect();
    assert!(refuses(&run(&format!(
        "{chain}v500=${{{{ item }}}}; echo $((v0))"
    ))));
}
