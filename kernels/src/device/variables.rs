//! Whether a source has variables that outlive a launch, judged by its text.

/// Words that begin the declaration of a device variable that outlives a launch, or of a function.
/// Constants do not matter, because nobody can set them.
const BEGINS: [&str; 3] = ["__device__", "__managed__", "static"];
/// Words whose parentheses are not a function's.
const ASIDE: [&str; 4] = ["__align__", "alignas", "decltype", "__attribute__"];

/// False only if each such word clearly declares a function with a body. Then a second task finds
/// the module as the first did. In doubt it is true.
pub(super) fn may_have(text: &str) -> bool {
    let words = BEGINS.iter().flat_map(|&word| {
        let found = text.match_indices(word);
        found.map(move |(at, _)| (word, &text[at + word.len()..]))
    });
    words
        .into_iter()
        .any(|(word, rest)| word == "__managed__" || !is_function(rest))
}

/// Whether the following text reads `type name(parameters) {`.
fn is_function(rest: &str) -> bool {
    let Some(open) = rest.find(['(', ';', '=', '{', '[', '#']) else {
        return false;
    };
    if !rest[open..].starts_with('(') || ASIDE.iter().any(|word| rest[..open].contains(word)) {
        return false;
    }
    let mut depth = 0_usize;
    for (at, c) in rest[open..].char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let name = rest[..open].trim_end();
            let after = rest[open + at + 1..].trim_start();
            // The first parentheses of `operator()(…)` belong to its name.
            return (name.ends_with("operator") && is_function(after))
                || after
                    .trim_start_matches("const")
                    .trim_start()
                    .starts_with('{');
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::may_have;

    #[test]
    fn functions_are_told_from_variables() {
        let none = [
            "extern \"C\" __global__ void f(int* a) { a[0] = 1; }",
            "static __device__ __forceinline__ float f(float (&a)[3], int b)\n{ return a[b]; }",
            "struct F { __device__ int operator()(int a) const { return a; } };",
            "template <int N> __device__ int g() { return N; } __constant__ int c = 3;",
        ];
        for text in none {
            assert!(!may_have(text), "{text}");
        }
        let some = [
            "__device__ int count;",
            "__device__ int counts[3];",
            "__device__ int count = 0;",
            "__device__ int count(0);",
            "__device__ __align__(16) float sums[4];",
            "__device__ struct { int a; } both;",
            "__managed__ int (*f)(int) = nullptr;",
            "__global__ void f() { static int calls; ++calls; }",
            "#define D __device__\n#define E(x) { x }\nD int count;",
        ];
        for text in some {
            assert!(may_have(text), "{text}");
        }
    }

    #[test]
    fn our_own_kernels_have_none() {
        for kernel in crate::library().iter() {
            for source in kernel.sources() {
                assert!(!source.may_have_variables(), "{}", source.file());
            }
        }
    }
}
